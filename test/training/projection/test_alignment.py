# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Image, labels and points stay together through zoom, stretch, rotation, mirroring and crop."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from training.data.augmentation import apply_warp, augment_with_matrix, draw_warp
from training.data.augmentation_config import UNCHANGED, AugmentationConfig
from training.data.labelled_frames import LabelledFrame, LabelledFrames
from training.data.resizing import compose
from training.projection.feature_grid import PIXELS, FeatureGrid
from training.projection.splat import splat
from training.projection.visible_points import NO_POINT, PointsInImage, VisiblePoints

WIDTH, HEIGHT = 160, 120
OUTSIDE = 65535
CONFIG = AugmentationConfig(scale=(0.7, 2.0), aspect=1.2, rotation=10.0, flip=0.5)


def pixels_with_their_ids():
    """An image of columns and rows, labels that number the pixels, and a point on each centre."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    image = np.stack([u, v, np.zeros_like(u)], -1).astype(np.uint8)
    ids = (v * WIDTH + u).astype(np.uint16)
    column, row = u.ravel().astype(np.float32), v.ravel().astype(np.float32)
    z = np.random.default_rng(0).uniform(1, 4, WIDTH * HEIGHT).astype(np.float32)
    points = PointsInImage(column, row, np.stack([column, row, z], 1), np.arange(WIDTH * HEIGHT))
    return image, ids, points.visible()


def place(ids):
    return np.stack([ids % WIDTH, ids // WIDTH], -1).astype(float)


def reach(matrix):
    """How far, in pixels of the frame, a point can lie from the centre of what it is splatted to.

    Half a pixel of the result by the splat, and half a pixel of the frame by nearest labels.
    """
    return 0.5 + 0.5 * np.abs(np.linalg.inv(matrix[:, :2])).sum(1).max() + 0.01


@pytest.mark.parametrize("seed", range(12))
def test_the_point_of_a_pixel_is_the_one_that_image_and_label_show(seed):
    image, ids, points = pixels_with_their_ids()
    size = (97, 113)
    matrix = draw_warp(ids.shape, size, config=CONFIG, rng=np.random.default_rng(seed))
    moved, moved_ids = apply_warp(image, ids, matrix, size, unlabeled=OUTSIDE)
    splatted = splat(points, *size, matrix=matrix)
    # a pixel whose neighbours lie outside the frame too has a bilinear mixture with the border
    inner = np.zeros(size, bool)
    inner[1:-1, 1:-1] = True
    for axis in (0, 1):
        for step in (-1, 1):
            inner &= np.roll(moved_ids, step, axis) != OUTSIDE
    both = (splatted != NO_POINT) & (moved_ids != OUTSIDE) & inner
    assert both.sum() > 0.15 * (moved_ids != OUTSIDE).sum()
    point, label = place(splatted[both]), place(moved_ids[both])
    allowed = reach(matrix)
    assert np.abs(point - label).max() <= allowed
    assert np.abs(point - moved[both][:, :2]).max() <= allowed + 0.6
    if allowed < 1:  # zoomed in, a whole pixel off is more than rounding
        np.testing.assert_array_equal(splatted[both], moved_ids[both])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "grid", [FeatureGrid.from_edges(4), FeatureGrid.from_edges(8), FeatureGrid.aligned_corners(8)]
)
def test_the_point_of_a_feature_is_one_that_its_cell_of_the_label_shows(seed, grid):
    image, ids, points = pixels_with_their_ids()
    size = (97, 113)
    matrix = draw_warp(ids.shape, size, config=CONFIG, rng=np.random.default_rng(seed))
    _, moved_ids = apply_warp(image, ids, matrix, size, unlabeled=OUTSIDE)
    cells = splat(points, *size, grid, matrix=matrix)
    stride, start = grid.stride, grid.first_centre
    compared = 0
    for row, column in np.argwhere(cells != NO_POINT):
        # pixels that the cell has a part of
        low = start + stride * (np.array([row, column]) - 0.5)
        first = np.maximum(np.floor(low + 0.5), 0).astype(int)
        last = np.ceil(low + stride - 0.5).astype(int)
        block = moved_ids[first[0] : last[0] + 1, first[1] : last[1] + 1]
        if (block == OUTSIDE).any():
            continue
        off = np.abs(place(block.ravel()) - place(cells[row, column])).max(1)
        assert off.min() <= reach(matrix)
        compared += 1
    assert compared > 0.2 * cells.size


@pytest.mark.parametrize(
    "matrix",
    [
        [[-1, 0, WIDTH - 1], [0, 1, 0]],
        [[1, 0, -17], [0, 1, 9]],
        [[0, -1, HEIGHT - 1], [1, 0, 0]],
    ],
)
def test_mirroring_cropping_and_quarter_turns_move_points_exactly(matrix):
    image, ids, points = pixels_with_their_ids()
    matrix = np.array(matrix, float)
    moved, moved_ids = apply_warp(image, ids, matrix, (140, 150), unlabeled=OUTSIDE)
    splatted = splat(points, 140, 150, matrix=matrix)
    np.testing.assert_array_equal(np.where(splatted == NO_POINT, OUTSIDE, splatted), moved_ids)
    inside = moved_ids != OUTSIDE
    np.testing.assert_array_equal(moved[inside][:, :2], place(moved_ids[inside]))


def test_the_nearest_point_wins_after_the_warp_too():
    u = np.float32([10.0, 10.4, 30.0])
    near_first = VisiblePoints(u, np.float32([5, 5, 5]), np.array([8, 3, 5], np.uint32))
    half = [[0.25, 0, 0], [0, 0.25, 0]]
    made = splat(near_first, 4, 10, matrix=half)
    assert made[1, 3] == 8
    assert made[1, 8] == 5
    assert (made != NO_POINT).sum() == 2


FILE_WIDTH, FILE_HEIGHT = 162, 121
BLOCK = (40, 54)
"""Rows and columns of the parts of the file's label image that have one label."""
GEOMETRY_ALONE = replace(UNCHANGED, scale=(1.0, 1.6), aspect=1.1, rotation=5.0, flip=0.5)


@pytest.fixture(scope="module")
def resized_frames(tmp_path_factory):
    """A frame that its protocol resizes to another aspect, and points of known place and label."""
    folder = tmp_path_factory.mktemp("frames")
    v, u = np.mgrid[:FILE_HEIGHT, :FILE_WIDTH]
    labels = (1 + v // BLOCK[0] * 3 + u // BLOCK[1]).astype(np.uint8)
    cv2.imwrite(str(folder / "image.png"), np.stack([np.zeros_like(u), v, u], -1).astype(np.uint8))
    cv2.imwrite(str(folder / "label.png"), labels)
    frame = LabelledFrame("scene", "0", folder / "image.png", folder / "label.png")
    frames = LabelledFrames("train", [frame], np.arange(65536, dtype=np.uint16), (60, 96))
    rng = np.random.default_rng(0)
    u = rng.uniform(-0.5, FILE_WIDTH - 0.5, 4000).astype(np.float32)
    v = rng.uniform(-0.5, FILE_HEIGHT - 0.5, 4000).astype(np.float32)
    points = VisiblePoints(u, v, np.arange(4000, dtype=np.uint32))
    return frames, points, labels[np.rint(v).astype(int), np.rint(u).astype(int)]


def to_edges(points):
    """How far points lie from where the file's labels change, pixels."""
    v, u = (
        np.abs((place + 0.5 + side / 2) % side - side / 2)
        for place, side in ((points.v, BLOCK[0]), (points.u, BLOCK[1]))
    )
    return np.minimum(u, v)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "grid",
    [
        PIXELS,
        FeatureGrid.from_edges(4),
        FeatureGrid.from_edges(8),
        FeatureGrid.aligned_corners(8),
    ],
)
def test_points_keep_their_label_through_resizing_and_augmentation(resized_frames, seed, grid):
    frames, points, own_labels = resized_frames
    image, labels, resizing = frames.load_with_matrix(0)
    assert labels.shape == (60, 96)
    crop = (73, 89)
    rng = np.random.default_rng(seed)
    image, labels, augmentation = augment_with_matrix(
        image, labels, crop, config=GEOMETRY_ALONE, rng=rng, unlabeled=OUTSIDE
    )
    matrix = compose(augmentation, resizing)
    cells = splat(points, *crop, grid, matrix=matrix)
    row, column = np.nonzero(cells != NO_POINT)
    index = cells[row, column]
    place = np.stack([row, column], 1) * grid.stride + np.floor(grid.first_centre)
    row, column = np.minimum(place, np.array(crop) - 1).astype(int).T
    # from the pixel in the middle of the cell to the point, and half a pixel of each rounding: of
    # the augmentation, of the resize (two pixels of the file at most)
    per_pixel = np.abs(np.linalg.inv(matrix[:, :2])).sum(1).max()
    reach = (grid.stride / 2 + 1) * per_pixel + 2.5
    shown = labels[row, column]
    inside = (shown != OUTSIDE) & (to_edges(points)[index] > reach)
    assert inside.sum() > 0.05 * cells.size
    np.testing.assert_array_equal(shown[inside], own_labels[index][inside])
    seen = image[row, column, :2].astype(float)  # columns and rows of the file, as it was resized
    off = np.abs(seen - np.stack([points.u[index], points.v[index]], 1))
    assert off[inside].max() <= reach
    if grid is PIXELS:  # no systematic offset
        signed = (seen - np.stack([points.u[index], points.v[index]], 1))[inside]
        assert np.abs(signed.mean(0)).max() < 0.25
