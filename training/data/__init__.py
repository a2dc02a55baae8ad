# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Readers of data sets, and augmentation."""
