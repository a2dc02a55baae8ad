# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Mean and deviation of ImageNet's colours, by which ResNets and HRNets are trained."""

IMAGENET_RGB_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
"""Of red, green and blue, 0 to 255."""
IMAGENET_RGB_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)
