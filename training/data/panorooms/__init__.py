# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""PanoRooms3D: furnished rooms as labelled volumes, with a panorama from the middle of each.

The data set of "3D Segmenter: 3D Transformer based Semantic Segmentation via 2D Panoramic
Distillation" (ICLR 2023).
"""

from training.data.panorooms.reader import PanoRoomsReader

__all__ = ["PanoRoomsReader"]
