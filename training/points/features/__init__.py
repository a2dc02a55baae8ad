# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Point features on disk: what 3D networks say of scenes, for 2D networks to learn from."""
