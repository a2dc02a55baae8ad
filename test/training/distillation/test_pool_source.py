# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is held of scenes with features and labels, and which scenes are left out."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from training.data.scan import Scan, write_ply
from training.points.features.array_file import PointFeaturesError
from training.points.features.features_writer import write_scene
from training.projection.scene_file import points_sha256

WIDTH, NONE = 3, 255


def test_of_frequent_classes_an_even_sample_of_all_scenes_is_held(new_pool, pool_data):
    counts = np.zeros(600)
    for seed in range(20):
        pool = new_pool(per_class=30, seed=seed)
        assert [pool.held(k) for k in range(4)] == [30, 30, 30, 0]
        held = pool.vectors(0).astype(int)
        assert len(np.unique(held, axis=0)) == 30
        np.add.at(counts, np.array([0, 300, 500])[held[:, 1]] + held[:, 2], 1)
    labels = np.concatenate([scan.labels for scan in pool_data.scans.values()])
    walls = counts[labels == 0]
    assert counts.sum() == walls.sum() == 20 * 30
    share = 20 * 30 / len(walls)
    for scene in (slice(0, 300), slice(300, 500), slice(500, 600)):
        expected = share * (labels[scene] == 0).sum()
        assert abs(counts[scene].sum() - expected) < 4 * np.sqrt(expected)
    assert walls.max() < share + 6 * np.sqrt(share)


def test_features_of_another_width_than_the_branch_s_are_refused(new_pool):
    with pytest.raises(
        PointFeaturesError, match="have 3 channels and the branch simulates 96: set"
    ):
        new_pool(width=96)


def spoil(pool_data, scene, value, label, in_record=False):
    """Make one feature of a point with this label unusable; perhaps as it was written at first."""
    path = pool_data.folder / "scenes" / f"{scene}.npy"
    values = np.load(path)
    point = int(np.flatnonzero(pool_data.scans[scene].labels == label)[0])
    values[point, 2] = value
    if in_record:
        with np.errstate(invalid="ignore"):
            write_scene(
                pool_data.folder, scene, values, points_sha256(pool_data.scans[scene].points)
            )
    else:
        np.save(path, values)
    return point


def test_scenes_with_defects_are_left_out_and_named(new_pool, pool_data, caplog):
    point = spoil(pool_data, "hall", np.nan, 1)
    (pool_data.folder / "scenes" / "bath.npy").unlink()
    pool = new_pool()
    assert len(pool.defects) == 2 and len(caplog.records) == 2
    assert f"hall.npy: the features hold NaN or inf, first at point {point}" in pool.defects[0]
    assert "make them anew" in pool.defects[0]
    assert "bath.npy can't be read" in pool.defects[1]
    assert pool.seen.sum() == (pool_data.scans["kitchen"].labels != NONE).sum()
    assert set(pool.draw(0, [0], 99)[0][:, 1].tolist()) == {0.0}


@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("in_record", [False, True])
def test_one_number_that_is_none_leaves_a_scene_out_whether_its_point_is_held_or_not(
    new_pool, pool_data, value, in_record
):
    spoil(pool_data, "kitchen", value, NONE, in_record)
    for seed in range(3):
        pool = new_pool(per_class=5, seed=seed)
        (defect,) = pool.defects
        assert "NaN or inf" in defect and "kitchen" in defect and "anew" in defect
        assert pool.classes_without_points == [2, 3]
        assert 0.0 not in pool.vectors(0)[:, 1]


def test_where_all_scenes_are_left_out_that_is_an_error(new_pool, pool_data):
    for scene in pool_data.scans:
        spoil(pool_data, scene, np.inf, 0)
    with pytest.raises(PointFeaturesError, match="3 scenes .* the first: .*kitchen.npy: the feat"):
        new_pool()


def test_features_of_other_scans_leave_nothing_and_that_is_an_error(new_pool, pool_data):
    for scene in pool_data.scans:
        scan = pool_data.scans[scene]
        moved = Scan(scan.points + 1, scan.colors, scan.labels)
        write_ply(pool_data.prepared / f"{scene}.ply", moved)
    with pytest.raises(
        PointFeaturesError, match="3 scenes of .* give no 3D features .* the first: "
    ):
        new_pool()


def test_scenes_whose_points_have_no_class_are_an_error(new_pool, pool_data):
    for scene, scan in pool_data.scans.items():
        labels = np.full_like(scan.labels, NONE)
        write_ply(pool_data.prepared / f"{scene}.ply", Scan(scan.points, scan.colors, labels))
    with pytest.raises(PointFeaturesError, match="no point has a class"):
        new_pool()


def test_at_most_so_many_scenes_are_read(new_pool, pool_data):
    pool = new_pool(most_scenes=2)
    labels = np.concatenate([pool_data.scans[scene].labels for scene in ("kitchen", "bath")])
    assert pool.seen.sum() == (labels != NONE).sum()
    assert new_pool(most_scenes=2).seen.tolist() == pool.seen.tolist()
    assert new_pool(most_scenes=99).seen.tolist() == new_pool().seen.tolist()
    with pytest.raises(ValueError, match="must be above 0"):
        new_pool(per_class=0)
    with pytest.raises(ValueError, match="must be at least 0"):
        new_pool(most_scenes=-1)
