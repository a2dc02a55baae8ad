# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Projection: which points of a scan an image shows, where, and in which feature cell."""
