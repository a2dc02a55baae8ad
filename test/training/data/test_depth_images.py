# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images, against fractions."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from training.data.defects import DefectError
from training.data.depth_images import read_depth
from training.data.manifest import ManifestRow


def depth_row(**changes):
    return ManifestRow("image.jpg", None, "scene", "train", None, depth="depth.png", **changes)


def test_depth_is_in_metres_with_none_where_the_numbers_mean_none(tmp_path):
    path = tmp_path / "depth.png"
    cv2.imwrite(str(path), np.array([[0, 1, 2000], [65535, 512, 40000]], np.uint16))
    plain = read_depth(path, depth_row())
    assert plain.dtype == np.float32
    np.testing.assert_allclose(plain, [[0, 0.001, 2], [65.535, 0.512, 40]], rtol=1e-6)
    other = read_depth(path, depth_row(depth_scale=512.0, depth_invalid=[0, 65535, 1, 70000, -1]))
    assert other.tolist() == [[0, 0, 3.90625], [0, 1, 78.125]]
    assert read_depth(path, depth_row(depth_invalid=[])).tolist() == plain.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1000.0, 5000.0, 4000])
def test_every_number_is_divided_to_the_nearest_float_of_the_type(tmp_path, dtype, scale):
    path = tmp_path / "depth.png"
    numbers = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    cv2.imwrite(str(path), numbers)
    depth = read_depth(path, depth_row(depth_scale=scale), dtype)
    assert depth.dtype == dtype
    for number in [*range(1, 400), 1001, 2999, 30001, 65535]:
        found = depth.flat[number]
        exact = Fraction(number) / Fraction(scale)
        error = abs(Fraction(float(found)) - exact)
        for other in (np.nextafter(found, dtype(0)), np.nextafter(found, dtype(100))):
            assert error <= abs(Fraction(float(other)) - exact)


def test_a_depth_image_that_can_not_be_used_is_a_defect(tmp_path):
    path = tmp_path / "depth.png"
    with pytest.raises(DefectError, match="can't be read"):
        read_depth(path, depth_row())
    path.write_bytes(b"no image")
    with pytest.raises(DefectError, match="cannot be read as an image"):
        read_depth(path, depth_row())
    for image in (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)):
        cv2.imwrite(str(path), image)
        with pytest.raises(DefectError, match="one-channel image of 16 bits"):
            read_depth(path, depth_row())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *(("depth_scale", v, "no number above 0") for v in (0, -1.0, np.nan, np.inf, "1", None)),
        *(("depth_invalid", v, "no list of numbers") for v in (0, None, ["0"])),
    ],
)
def test_numbers_that_have_no_meaning_are_a_defect(tmp_path, name, value, message):
    path = tmp_path / "depth.png"
    cv2.imwrite(str(path), np.ones((2, 2), np.uint16))
    with pytest.raises(DefectError, match=f"depth.png the {name} .*{message}"):
        read_depth(path, depth_row(**{name: value}))
