# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Weights that others have published, brought into this package's networks."""
