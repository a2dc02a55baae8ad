# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import logging

import cv2
import numpy as np
import pytest

from seg3d2d_ros.labels import LabelSpace
from training.data.augmentation import draw_warp
from training.data.augmentation_config import AugmentationConfig
from training.data.defects import DefectError, DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestFrames, read_manifest, write_manifest
from training.distillation.depth_targets import CANONICAL_FOCAL, MeasuredDepth, depth_points
from training.projection.feature_grid import PIXELS, FeatureGrid


@pytest.fixture
def frames(prepared, repository):
    space = LabelSpace.load(repository / "config/labels/scannet20.yaml")
    return ManifestFrames(prepared, "val", space)


def change_rows(folder, **changes):
    rows = [dataclasses.replace(row, **changes) for row in read_manifest(folder)]
    write_manifest(folder, rows)
    return rows


def slow_depth(millimetres, row, matrix, height, width, centre, stride):
    """Nearest measurement of each cell, one pixel at a time, in double precision."""
    _, _, fx, fy, cx, cy = row.intrinsics
    _, _, dfx, dfy, dcx, dcy = row.depth_intrinsics
    motion = np.reshape(row.depth_to_color, (4, 4))
    cells = np.full((-(-height // stride), -(-width // stride)), np.inf)
    for v, u in np.argwhere(millimetres > 0):
        d = millimetres[v, u] / 1000
        x, y, z, _ = motion @ [(u - dcx) / dfx * d, (v - dcy) / dfy * d, d, 1]
        place = np.array([fx * x / z + cx, fy * y / z + cy])
        if not (-0.5 <= place[0] < row.intrinsics[0] - 0.5 and -0.5 <= place[1] < 63.5):
            continue
        a, b = np.asarray(matrix) @ [*place, 1]
        if not (-0.5 <= a < width - 0.5 and -0.5 <= b < height - 0.5):
            continue
        column, line = (int(np.floor((p - centre) / stride + 0.5)) for p in (a, b))
        if 0 <= line < cells.shape[0] and 0 <= column < cells.shape[1]:
            cells[line, column] = min(cells[line, column], z)
    return np.where(np.isfinite(cells), cells, 0)


@pytest.mark.parametrize(
    ("grid", "size"),
    [(FeatureGrid.aligned_corners(8), (73, 97)), (FeatureGrid.from_edges(4), (64, 96))],
)
def test_depth_of_another_camera_follows_the_augmentation(prepared, frames, grid, size):
    row = frames.rows[0]
    config = AugmentationConfig(scale=(0.8, 1.6))
    matrix = draw_warp((64, 96), size, config=config, rng=np.random.default_rng(4))
    depth = MeasuredDepth(prepared)
    found = depth.load(frames.frames[0], *size, grid, matrix, canonical=False)
    millimetres = cv2.imread(str(prepared / row.depth), cv2.IMREAD_UNCHANGED)
    expected = slow_depth(millimetres, row, matrix, *size, grid.first_centre, grid.stride)
    assert found.shape == expected.shape
    assert (found > 0).mean() > 0.5
    # a measurement at a cell's very edge may fall to either side in single precision
    assert (np.abs(found - expected) < 1e-4).mean() > 0.99
    assert ((found > 0) == (expected > 0)).mean() > 0.99


def test_depth_lies_where_the_colour_image_has_it(prepared, frames):
    points = MeasuredDepth(prepared).points(frames.frames[0])
    labels = frames.load(0)[1]
    depth = points.depth(64, 96, PIXELS)
    assert depth[labels == 2].any()
    near = depth[(depth > 0) & (labels == 2)]
    far = depth[(depth > 0) & (labels == 0)]
    assert np.median(far) == pytest.approx(4.0, abs=1e-3)
    assert np.median(near) < 3.1
    assert (far > 3.5).mean() > 0.9  # at the box's edge the coarser depth image may differ


def test_enlarging_brings_canonical_depth_nearer(prepared, frames):
    depth = MeasuredDepth(prepared)
    grid, frame = FeatureGrid.from_edges(8), frames.frames[0]
    own = depth.load(frame, 64, 96, grid)
    metres = depth.load(frame, 64, 96, grid, canonical=False)
    measured = metres > 0
    assert own[measured] == pytest.approx(metres[measured] * CANONICAL_FOCAL / 80.0)
    twice = depth.load(frame, 128, 192, FeatureGrid.from_edges(16), [[2, 0, 0.5], [0, 2, 0.5]])
    assert (twice > 0).sum() == measured.sum()
    assert twice[measured] == pytest.approx(own[measured] / 2, rel=1e-6)
    # a turned and mirrored picture shows things as large
    turned = depth.load(frame, 96, 64, grid, [[0, -1, 63], [-1, 0, 95]])
    assert np.median(turned[turned > 0]) == pytest.approx(np.median(own[measured]), rel=0.05)


def test_depth_that_lies_on_the_image_needs_no_camera(prepared, frames):
    rows = change_rows(prepared, intrinsics=None, depth_intrinsics=None, depth_to_color=None)
    metres = np.zeros((64, 96), np.float32)
    metres[10, 20], metres[11, 20], metres[40, 50] = 3.0, 2.0, np.inf
    points = depth_points(metres, rows[0])
    depth = points.depth(64, 96, PIXELS)
    assert points.focal is None
    assert depth[10, 20] == 3.0
    assert depth[11, 20] == 2.0
    assert (depth > 0).sum() == 2
    assert points.depth(64, 96, FeatureGrid.from_edges(4))[2, 5] == 2.0  # the nearest of a cell


def test_frames_without_usable_depth_are_told_once_and_have_none(prepared, frames, caplog):
    (prepared / frames.rows[0].depth).unlink()
    depth = MeasuredDepth(prepared)
    grid = FeatureGrid.from_edges(8)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert not depth.load(frames.frames[0], 64, 96, grid).any()
        assert depth.load(frames.frames[1], 64, 96, grid).any()
    assert [defect.kind for defect in depth.defects.values()] == [DefectKind.MISSING_FILE]
    assert len(caplog.records) == 1
    assert "used without depth" in caplog.text


def test_cameras_that_do_not_fit_are_named(prepared, frames):
    row = frames.rows[0]
    with pytest.raises(DefectError, match="is 5x4 pixels, its intrinsics are for 48x36"):
        depth_points(np.ones((4, 5), np.float32), row)
    with pytest.raises(DefectError, match="has no intrinsics"):
        depth_points(np.ones((36, 48), np.float32), dataclasses.replace(row, intrinsics=None))
    change_rows(prepared, intrinsics=None, depth_intrinsics=None, depth_to_color=None)
    depth = MeasuredDepth(prepared)
    assert not depth.load(frames.frames[0], 64, 96, FeatureGrid.from_edges(8)).any()
    assert "sizes in it say nothing" in next(iter(depth.defects.values())).text


def test_a_data_set_without_depth_is_refused(prepared):
    change_rows(prepared, depth=None)
    with pytest.raises(DatasetError, match="no frame of .* has a depth image"):
        MeasuredDepth(prepared)
