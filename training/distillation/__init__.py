# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""3D-to-2D distillation: 2D networks taught by features of 3D ones."""
