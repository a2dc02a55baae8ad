# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The 2D networks in plain PyTorch, built by name and configuration."""
