# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse convolution: one interface, an engine in plain PyTorch and MinkowskiEngine."""
