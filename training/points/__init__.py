# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""3D networks on points and voxels: the teachers of the 2D networks."""
