# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The 3D networks."""
