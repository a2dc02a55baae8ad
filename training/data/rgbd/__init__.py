# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""RGB-D recordings in the plain layouts that many tools write."""

from training.data.rgbd.reader import RgbdReader

__all__ = ["RgbdReader"]
