# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Furnished rooms, rendered with exact labels, depth and poses in ScanNet's on-disk layout.

World frame of a room: metres, z up, floor at z = 0, the room's corner at the origin. A piece of
furniture has its own frame: x to its right as seen from behind, front towards -y, z up, origin at
the middle of its footprint on the floor.
"""
