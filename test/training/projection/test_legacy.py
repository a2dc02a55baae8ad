# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The published rule, against a slow transcription of its description, point by point."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import DatasetError
from training.projection.legacy import (
    LegacyMap,
    legacy_map,
    legacy_pixel_map,
    resize_nearest,
)
from training.projection.visible_points import NO_POINT


def described_pixels(points, pose, camera, depth):
    """X_cam = inv(pose) X, p = K X_cam, divided by z, cut, then the tests; the last point stays."""
    height, width = camera.height, camera.width
    inverse = np.linalg.inv(pose)
    pixels = {}
    for number, point in enumerate(points.tolist()):
        x, y, z = (
            sum(inverse[k][j] * value for j, value in enumerate((*point, 1.0))) for k in range(3)
        )
        if z == 0:
            continue
        column = math.trunc((camera.fx * x + camera.cx * z) / z)
        row = math.trunc((camera.fy * y + camera.cy * z) / z)
        metres = math.trunc(z)
        if not (0 <= column < width and 0 <= row < height and metres > 0):
            continue
        measured = depth[
            math.floor(row * depth.shape[0] / height), math.floor(column * depth.shape[1] / width)
        ]
        if measured == 0:
            continue
        if abs(metres - measured) > 2 or abs(metres - measured) / measured > 0.5:
            continue
        pixels[row, column] = number
    result = np.zeros((height, width), int)
    for place, number in pixels.items():
        result[place] = number
    return result


def described_cells(pixels):
    """Highest index of 3x3 pixels, every eighth of them, then the list and the map into it."""
    height, width = pixels.shape
    rows, columns = math.ceil(height / 8), math.ceil(width / 8)
    cells = [[0] * columns for _ in range(rows)]
    for i in range(rows):
        for j in range(columns):
            row, column = math.floor(i * height / rows), math.floor(j * width / columns)
            cells[i][j] = int(
                pixels[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].max()
            )
    listed = [cell for line in cells for cell in line if cell != 0]
    position = {}
    for k, point in enumerate(listed):
        position[point] = k
    slots = [[position.get(cell, 0) for cell in line] for line in cells]
    return cells, listed, slots


def scene(rng, count, size, depth_size):
    """A box of points, a camera that looks into it, and a depth image with holes."""
    points = rng.uniform([-3, -3, -1], [3, 3, 5], (count, 3)).astype(np.float32)
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(rng.normal(0, 0.2, 3))[0]
    pose[:3, 3] = rng.uniform(-0.5, 0.5, 3)
    camera = Intrinsics.from_fov(*size, 1.1)
    depth = np.round(rng.uniform(0.3, 5, depth_size[::-1]) * 1000) / 1000.0
    depth[rng.random(depth.shape) < 0.2] = 0
    return points, pose, camera, depth


@pytest.mark.parametrize(
    ("size", "depth_size"), [((64, 48), (64, 48)), ((162, 121), (80, 60)), ((50, 37), (101, 77))]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_maps_are_those_that_the_description_gives_point_by_point(size, depth_size, seed):
    points, pose, camera, depth = scene(np.random.default_rng(seed), 20_000, size, depth_size)
    expected = described_pixels(points, pose, camera, depth)
    pixels = legacy_pixel_map(points, pose, camera, depth)
    assert np.array_equal(pixels, expected)
    assert 2000 > (pixels > 0).sum() > 500
    cells, listed, slots = described_cells(expected)
    found = legacy_map(pixels)
    assert np.array_equal(found.points, cells)
    assert np.array_equal(found.listed(), listed)
    assert np.array_equal(found.slots(), slots)
    assert len(listed) > 20


def test_borders_are_cut_towards_zero_and_depths_to_whole_metres():
    camera = Intrinsics(8, 8, 4.0, 4.0, 0.0, 0.0)
    depth = np.full((8, 8), 2.0)
    points = np.array(
        [
            [0, 0, 0],  # the first point is none, wherever it lies
            [-0.45, 0, 2],  # u = -0.9 becomes column 0
            [-0.5, 1, 2],  # u = -1 stays outside
            [1.9, 1.9, 2],  # u = v = 3.8 becomes 3
            [2, 2, 0.99],  # less than 1 m becomes 0
            [0.5, 0.5, 1.99],  # 1 m of 2: half is allowed
            [1.5, 1.5, 3.99],  # 3 m of 2
            [0.9, 0.9, 4.01],  # 4 m of 2: all of the depth is not
        ],
        np.float32,
    )
    pixels = legacy_pixel_map(points, np.eye(4), camera, depth)
    assert {(*map(int, place), int(pixels[tuple(place)])) for place in np.argwhere(pixels)} == {
        (0, 0, 1),
        (3, 3, 3),
        (1, 1, 6),  # over 5, because it comes later
    }
    assert np.array_equal(pixels, described_pixels(points, np.eye(4), camera, depth))


def test_the_last_point_of_a_pixel_stays_though_another_is_nearer():
    camera = Intrinsics(1, 1, 1.0, 1.0, 0.0, 0.0)
    points = np.array([[9, 9, -1], [0, 0, 1.5], [0, 0, 2.9]], np.float32)
    assert legacy_pixel_map(points, np.eye(4), camera, np.full((1, 1), 1.5)).item() == 2


def test_scannet_images_get_162_by_121_cells():
    assert legacy_map(np.zeros((968, 1296), np.uint32)).points.shape == (121, 162)


def test_a_frame_without_points_has_an_empty_list_and_no_cell():
    empty = LegacyMap(np.zeros((2, 3), np.uint32))
    assert len(empty.listed()) == 0
    assert not empty.slots().any() and (empty.index() == NO_POINT).all()


def test_the_cell_listed_first_is_trained_with_nothing_unless_its_point_comes_again():
    assert LegacyMap(np.array([[0, 7, 5, 5]], np.uint32)).index().tolist() == [
        [NO_POINT, NO_POINT, 5, 5]
    ]
    assert LegacyMap(np.array([[7, 5, 7]], np.uint32)).index().tolist() == [[7, 5, 7]]


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.float64])
def test_resizing_is_opencv_s(kind):
    rng = np.random.default_rng(0)
    for height, width, to_height, to_width in rng.integers(1, 200, (100, 4)).tolist():
        image = rng.integers(0, 1000, (height, width)).astype(kind)
        expected = cv2.resize(image, (to_width, to_height), interpolation=cv2.INTER_NEAREST)
        assert np.array_equal(resize_nearest(image, to_height, to_width), expected)


def test_a_scan_of_more_points_than_the_published_code_tells_apart_is_refused():
    points = np.broadcast_to(np.zeros(3, np.float32), ((1 << 24) + 1, 3))
    with pytest.raises(DatasetError, match=r"16777217 points.* without --legacy"):
        legacy_pixel_map(points, np.eye(4), Intrinsics.from_fov(8, 8, 1), np.ones((8, 8)))
