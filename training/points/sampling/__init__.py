# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""How a scene's points become what a network takes: voxels or blocks."""
