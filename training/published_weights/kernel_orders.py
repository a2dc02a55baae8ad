# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Orders in which files have the offsets of a 3x3x3 kernel."""

KERNEL_ORDERS = ("hybrid", "hypercube")
"""Regions of MinkowskiEngine: that of versions before 0.5, and that of later ones."""
HYBRID_OF_HYPERCUBE = (
    *(19, 15, 23, 11, 9, 13, 21, 17, 25),
    *(5, 3, 7, 1, 0, 2, 6, 4, 8),
    *(20, 16, 24, 12, 10, 14, 22, 18, 26),
)
"""Number, in region HYBRID, of each offset of a 3x3x3 kernel in the order of HYPERCUBE."""
