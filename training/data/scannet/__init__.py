# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""ScanNet v2 in its layout on disk."""

from training.data.scannet.reader import ScanNetReader

__all__ = ["ScanNetReader"]
