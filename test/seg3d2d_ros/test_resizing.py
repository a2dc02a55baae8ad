# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from seg3d2d_ros.bundle import InputSpec
from seg3d2d_ros.resizing import (
    nearest_pixels,
    network_size,
    resize_nearest,
    resize_to_network,
    resizing_weights,
)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_network_size_by_brute_force():
    spec = InputSpec(288, 384, 32, (0.0,) * 3, (1.0,) * 3)
    for height, width in [(480, 640), (1080, 1920), (968, 1296), (480, 848), (640, 480), (5, 5)]:
        h, w = network_size(spec, height, width)
        assert h % 32 == w % 32 == 0
        # not far from the best that any two multiples can do in aspect ratio and area
        assert abs(np.log(h * width / (w * height))) < 0.12
        assert abs(np.log(h * w / (288 * 384))) < 0.12
    assert network_size(spec, 480, 640) == (288, 384)
    assert network_size(spec, 1, 100000) == (32, 1536)


def test_resize_nearest_takes_the_pixel_under_the_centre():
    # odd sizes to even ones: no centre falls on an edge, where either pixel would be right
    labels = np.arange(63, dtype=np.uint8).reshape(7, 9)
    for height, width in [(14, 18), (4, 6), (8, 32), (480, 640)]:
        expected = np.empty((height, width), np.uint8)
        for v in range(height):
            for u in range(width):
                expected[v, u] = labels[
                    (2 * v + 1) * 7 // (2 * height), (2 * u + 1) * 9 // (2 * width)
                ]
        assert np.array_equal(resize_nearest(labels, height, width), expected)
    assert np.array_equal(resize_nearest(labels, 7, 9), labels)


def test_resize_to_network_averages_areas():
    spec = InputSpec(48, 64, 16, (0.0,) * 3, (1.0,) * 3)
    image = noise(96, 128)
    blocks = image.reshape(48, 2, 64, 2, 3).astype(np.float64).mean((1, 3))
    assert np.abs(resize_to_network(image, spec) - blocks).max() <= 0.5


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((480, 640), (256, 320)),
        ((1080, 1920), (224, 384)),
        ((97, 131), (32, 64)),
        ((96, 128), (48, 64)),
        ((240, 320), (256, 320)),
        ((5, 7), (32, 64)),
    ],
)
def test_resizing_by_matrices_is_that_of_opencv(source, target):
    spec = InputSpec(*target, 1, (0.0,) * 3, (1.0,) * 3)
    image = noise(*source)
    expected = resize_to_network(image, spec)
    rows, columns = resizing_weights(source, expected.shape[:2])
    assert np.allclose(rows.sum(1), 1, atol=1e-5) and np.allclose(columns.sum(1), 1, atol=1e-5)
    ours = np.einsum("hH,HWc,wW->hwc", rows, image.astype(np.float64), columns, optimize=True)
    assert np.abs(ours - expected).max() <= 1.01


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((256, 320), (480, 640)),
        ((224, 384), (1080, 1920)),
        ((224, 384), (97, 1920)),
        ((97, 131), (480, 100)),
        ((256, 320), (256, 640)),
        ((1, 7), (11, 3)),
    ],
)
def test_resize_nearest_is_that_of_opencv(source, target, dtype):
    labels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, source, dtype)
    expected = cv2.resize(labels, target[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    resized = resize_nearest(labels, *target)
    assert np.array_equal(resized, expected) and resized.dtype == dtype
    assert resized.flags.c_contiguous


@pytest.mark.parametrize(("source", "target"), [(320, 640), (256, 480), (7, 100), (100, 7), (9, 9)])
def test_nearest_pixels_are_those_that_resize_nearest_takes(source, target):
    labels = np.random.default_rng(0).integers(0, 60000, (3, source), np.uint16)
    taken = resize_nearest(labels, 3, target)
    assert np.array_equal(labels[:, nearest_pixels(source, target)], taken)
