# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Real features by class, from folders of features and the scans' labels."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")

from seg3d2d_ros.labels import LabelClass, LabelSpace  # noqa: E402
from training.data.scan import Scan, write_ply  # noqa: E402
from training.distillation.feature_pool import FeaturePool  # noqa: E402
from training.points.features.array_file import PointFeaturesError  # noqa: E402
from training.points.features.features_description import FeaturesDescription  # noqa: E402
from training.points.features.features_folder import PointFeatures  # noqa: E402
from training.points.features.features_writer import start_folder, write_scene  # noqa: E402
from training.points.scenes import LabelledScenes  # noqa: E402
from training.projection.scene_file import points_sha256  # noqa: E402

WIDTH = 3
POINTS = {"kitchen": 300, "hall": 200, "bath": 100}
NONE = 255


@pytest.fixture
def space():
    names = ["wall", "floor", "table", "sink"]
    return LabelSpace("four", tuple(LabelClass(k, n, (k, 0, 0)) for k, n in enumerate(names)))


@pytest.fixture
def data(tmp_path, space):
    """Scenes whose features say where they are from: class, scene and point."""
    prepared, folder = tmp_path / "prepared", tmp_path / "features"
    prepared.mkdir()
    description = FeaturesDescription(WIDTH, "numbers that say where they are from")
    start_folder(folder, description, space, np.zeros((4, WIDTH)), np.zeros(4))
    rows, scans = [], {}
    for number, (scene, points) in enumerate(POINTS.items()):
        rng = np.random.default_rng(number)
        # no sinks; tables in the kitchen alone
        labels = rng.choice([0, 0, 0, 1, 2 if scene == "kitchen" else 1, NONE], points)
        scan = Scan(
            rng.uniform(0, 3, (points, 3)).astype(np.float32),
            rng.integers(1, 256, (points, 3), np.uint8),
            labels.astype(np.uint16),
        )
        write_ply(prepared / f"{scene}.ply", scan)
        features = np.stack([labels, np.full(points, number), np.arange(points)], 1)
        write_scene(folder, scene, features.astype(np.float16), points_sha256(scan.points))
        rows.append({"scene": scene, "split": "train", "format": "ply", "path": f"{scene}.ply"})
        scans[scene] = scan
    (prepared / "scans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (prepared / "label_space.yaml").write_text(yaml.safe_dump(space.to_mapping()))
    return SimpleNamespace(folder=folder, prepared=prepared, scans=scans)


@pytest.fixture
def new_pool(data, space):
    def new(**settings):
        scenes = LabelledScenes(data.prepared, "train", space, memory=0)
        return FeaturePool(PointFeatures(data.folder), scenes, 4, **({"width": WIDTH} | settings))

    return new


def test_vectors_are_those_of_points_of_the_asked_class(new_pool, data):
    pool = new_pool()
    labels = np.concatenate([scan.labels for scan in data.scans.values()])
    expected = [int((labels == k).sum()) for k in range(4)]
    assert pool.seen.tolist() == expected and not pool.defects
    assert [pool.held(k) for k in range(4)] == expected
    assert pool.classes_without_points == [3]
    vectors, classes = pool.draw(5, [2, 0, 3, NONE, 1], 40)
    assert vectors.dtype == torch.float32 and classes.tolist() == [2] * 40 + [0] * 40 + [1] * 40
    for (label, scene, point), class_id in zip(vectors.int().tolist(), classes, strict=True):
        assert label == class_id
        assert list(data.scans.values())[scene].labels[point] == class_id
    assert {scene for _, scene, _ in vectors[classes == 0].tolist()} == {0, 1, 2}


def test_what_is_drawn_depends_on_seed_step_and_process_alone(new_pool):
    pool, again = new_pool(per_class=50), new_pool(per_class=50)
    first = pool.draw(7, [0, 1], 20)[0]
    again.draw(3, [1], 5)
    assert torch.equal(again.draw(7, [0, 1], 20)[0], first)
    assert torch.equal(again.draw(7, [1, 2, 0], 20)[0][40:], first[:20])
    others = (pool.draw(8, [0, 1], 20), pool.draw(7, [0, 1], 20, rank=1))
    others += (new_pool(per_class=50, seed=1).draw(7, [0, 1], 20),)
    assert not any(torch.equal(other[0], first) for other in others)


def test_numbers_may_differ_by_class(new_pool):
    classes = new_pool().draw(0, [1, 0, 3], [4, 2, 9])[1]
    assert classes.tolist() == [1] * 4 + [0] * 2
    vectors, classes = new_pool().draw(0, [], 3)
    assert vectors.shape == (0, WIDTH) and classes.shape == (0,)


def test_of_frequent_classes_an_even_sample_of_all_scenes_is_held(new_pool, data):
    counts = np.zeros(600)
    for seed in range(20):
        pool = new_pool(per_class=30, seed=seed)
        assert [pool.held(k) for k in range(4)] == [30, 30, 30, 0]
        held = pool._held[0].astype(int)
        assert len(np.unique(held, axis=0)) == 30
        np.add.at(counts, np.array([0, 300, 500])[held[:, 1]] + held[:, 2], 1)
    labels = np.concatenate([scan.labels for scan in data.scans.values()])
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


def test_scenes_with_defects_are_left_out_and_named(new_pool, data, caplog):
    bad = np.ones((POINTS["hall"], WIDTH), np.float16)
    path = data.folder / "scenes" / "hall.npy"
    bad[np.flatnonzero(data.scans["hall"].labels == 1)[0], 2] = np.nan
    np.save(path, bad)
    (data.folder / "scenes" / "bath.npy").unlink()
    pool = new_pool()
    assert len(pool.defects) == 2 and len(caplog.records) == 2
    point = int(np.flatnonzero(data.scans["hall"].labels == 1)[0])
    assert f"the features of point {point} hold NaN or inf" in pool.defects[0]
    assert "bath.npy can't be read" in pool.defects[1]
    assert pool.seen.sum() == (data.scans["kitchen"].labels != NONE).sum()
    assert set(pool.draw(0, [0], 99)[0][:, 1].tolist()) == {0.0}


def test_features_of_other_scans_leave_nothing_and_that_is_an_error(new_pool, data):
    for scene in POINTS:
        scan = data.scans[scene]
        moved = Scan(scan.points + 1, scan.colors, scan.labels)
        write_ply(data.prepared / f"{scene}.ply", moved)
    with pytest.raises(
        PointFeaturesError, match="3 scenes of .* give no 3D features .* the first: "
    ):
        new_pool()


def test_scenes_whose_points_have_no_class_are_an_error(new_pool, data):
    for scene, scan in data.scans.items():
        labels = np.full_like(scan.labels, NONE)
        write_ply(data.prepared / f"{scene}.ply", Scan(scan.points, scan.colors, labels))
    with pytest.raises(PointFeaturesError, match="no point has a class"):
        new_pool()


def test_at_most_so_many_scenes_are_read(new_pool, data):
    pool = new_pool(most_scenes=2)
    labels = np.concatenate([data.scans[scene].labels for scene in ("kitchen", "bath")])
    assert pool.seen.sum() == (labels != NONE).sum()
    with pytest.raises(ValueError, match="must be above 0"):
        new_pool(most_scenes=0)
