# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The robot half of seg3d2d: model bundles, the scene parser and the ROS 2 parse node."""

__version__ = "0.1.0"
