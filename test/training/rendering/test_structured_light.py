# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.rendering.structured_light import measured

CAMERA = Intrinsics.from_fov(64, 48, 1.0)


def plane(degrees, axis):
    """Depth of a plane through (0, 0, 2 m) that is turned away from the camera by an angle."""
    ray = CAMERA.rays().reshape(48, 64, 3)
    return (2 / (1 - ray[..., axis] * np.tan(np.deg2rad(degrees)))).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1])
def test_surfaces_are_measured_up_to_80_degrees(axis):
    assert (measured(plane(60, axis), CAMERA)[8:40, 8:40] > 0).all()
    at = np.index_exp[24, 32]
    assert measured(plane(78, axis), CAMERA)[at] > 0
    assert measured(plane(82, axis), CAMERA)[at] == 0


def test_nearer_than_half_a_metre_and_beyond_ten_nothing_is_measured():
    depth = np.full((48, 64), 3, np.float32)
    for row, metres in enumerate((0, 0.49, 0.5, 9.99, 10, 40)):
        depth[row * 8 : row * 8 + 8] = metres
    result = measured(depth, CAMERA)
    middle = result[4::8]
    assert [bool(line.all()) for line in middle] == [False, False, True, True, False, False]
    assert (middle[2] == np.float32(0.5)).all()


def test_both_sides_of_an_edge_are_holes_and_nothing_else():
    depth = np.full((48, 64), 3, np.float32)
    depth[:, 20:] = 2
    result = measured(depth, CAMERA)
    assert (np.flatnonzero((result == 0).all(0)) == [19, 20]).all()
    assert (result == 0).sum() == 2 * 48
    result = measured(depth.T[:48, :48].copy(), Intrinsics.from_fov(48, 48, 1.0))
    assert (np.flatnonzero((result == 0).all(1)) == [19, 20]).all()
