# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings: reading frames, playing them as a camera, writing bags."""
