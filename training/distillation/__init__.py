# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""3D-to-2D distillation: what a 2D network learns from a 3D network's features."""
