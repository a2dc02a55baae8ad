# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is said at the end: figures, statistics, labels."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trimesh")
pytest.importorskip("safetensors")

from seg3d2d_ros.confusion_matrix import ConfusionMatrix  # noqa: E402
from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from training.data.manifest import read_scans  # noqa: E402
from training.data.scan import Scan, read_ply, write_ply  # noqa: E402
from training.points.features.extract_features import extract_features  # noqa: E402
from training.points.features.features_folder import PointFeatures  # noqa: E402


def test_one_split_alone_leaves_the_statistics_as_they_are(teacher, rooms, tmp_path):
    out = tmp_path / "out"
    report = extract_features(teacher, rooms, out, splits=["val"])
    assert "over the split 'train', which was not asked for" in report.text()
    assert not (out / "statistics.npz").exists()
    extract_features(teacher, rooms, out, splits=["train"])
    before = (out / "statistics.npz").read_bytes()
    extract_features(teacher, rooms, out, splits=["val"])
    assert (out / "statistics.npz").read_bytes() == before


def damage(rooms, scene):
    (rooms / "scans" / f"{scene}.ply").write_bytes(b"ply\nformat")


def test_statistics_stay_where_no_scene_that_they_are_over_has_changed(teacher, rooms, tmp_path):
    out = tmp_path / "out"
    extract_features(teacher, rooms, out)
    before = (out / "statistics.npz").read_bytes()
    damage(rooms, "room0")
    text = extract_features(teacher, rooms, out).text()
    assert "1 of 2 scenes of the split 'train' can't be used (room0): " in text
    assert "statistics.npz stays as it was" in text
    assert (out / "statistics.npz").read_bytes() == before
    damage(rooms, "area/room1")
    text = extract_features(teacher, rooms, out).text()
    assert "2 of 2 scenes of the split 'train' can't be used (room0, area/room1): " in text
    assert "was not asked for" not in text
    assert (out / "statistics.npz").read_bytes() == before


def test_statistics_name_the_scenes_that_they_are_without(teacher, rooms, tmp_path):
    out = tmp_path / "out"
    damage(rooms, "room0")
    text = extract_features(teacher, rooms, out).text()
    assert "can't be used (room0): " in text and "statistics.npz leaves them out" in text
    assert PointFeatures(out).statistics.count == 400
    # another scene changed, so what was there is of features that are no more
    scan = read_ply(rooms / "scans/area/room1.ply")
    write_ply(rooms / "scans/area/room1.ply", Scan(scan.points[1:], scan.colors[1:]))
    extract_features(teacher, rooms, out)
    assert PointFeatures(out).statistics.count == 399


def test_without_a_training_scene_there_are_no_statistics(teacher, rooms, tmp_path):
    damage(rooms, "room0")
    damage(rooms, "area/room1")
    report = extract_features(teacher, rooms, tmp_path / "out")
    assert "statistics.npz is not there" in report.text()
    assert report.text().startswith("val: 1 scene, 400 points")
    assert not (tmp_path / "out" / "statistics.npz").exists()


def test_labels_that_the_data_set_does_not_have_are_said(teacher, write_rooms, make_room, tmp_path):
    rooms = {name: ("val", make_room(seed)) for seed, name in enumerate(["good", "bad"])}
    rooms["bad"][1].labels[:7] = 60000
    for _ in range(2):  # as well where features are kept
        text = extract_features(teacher, write_rooms(rooms), tmp_path / "out").text()
        assert "the labels of 7 points are none of the data set's" in text
        assert "the first in the scene bad" in text
    rooms["bad"][1].labels[:7] = 0
    text = extract_features(teacher, write_rooms(rooms), tmp_path / "out").text()
    assert "none of the data set's" not in text


def test_labels_of_other_classes_are_not_compared(repository, rooms, tmp_path, save_teacher):
    space = LabelSpace.load(repository / "config" / "labels" / "panorooms30.yaml")
    model = save_teacher(tmp_path / "other", space, 1)
    report = extract_features(model, rooms, tmp_path / "out", splits=["val"])
    first, second = report.text().splitlines()[:2]
    assert "the classifier gives" not in first
    assert second.startswith("not compared with the scans' labels: ")
    assert "panorooms30" in second
    assert report.scenes[0].record.confusion is None


def test_a_label_space_without_ids_of_the_labels_is_compared_by_its_names(
    teacher, scannet20, rooms, tmp_path, save_teacher
):
    nameless = save_teacher(tmp_path / "nameless", LabelSpace("mine", scannet20.classes), 1)
    texts = [
        extract_features(folder, rooms, tmp_path / f"{folder.name}_out", splits=["val"]).text()
        for folder in (teacher, nameless)
    ]
    assert "the classifier gives" in texts[0]
    assert texts[0].splitlines()[0] == texts[1].splitlines()[0]


def test_figures_count_what_the_classifier_gives_the_features_as_they_are_stored(
    teacher, scannet20, tmp_path, rooms
):
    report = extract_features(teacher, rooms, tmp_path / "out")
    there = PointFeatures(tmp_path / "out")
    by_hand = ConfusionMatrix(scannet20)
    for row in read_scans(rooms):
        scan = read_ply(rooms / row.path)
        features = there.load(row.scene, scan).astype(np.float32)
        scores = features @ there.classifier.weight.T + there.classifier.bias
        by_hand.add(np.array([255, 0, 1])[scan.labels], scores.argmax(1))
    found = sum(scene.record.confusion for scene in report.scenes)
    assert np.array_equal(found, by_hand.counts)
    assert found.sum() == 3 * 400 - 3 * 45
