# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes that can't be used, and what tells a teacher from others."""

from __future__ import annotations

import re
import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trimesh")
pytest.importorskip("safetensors")

from training.data.labelled_frames import DatasetError  # noqa: E402
from training.data.manifest import ScanRow, read_scans, write_scans  # noqa: E402
from training.data.open_scan import open_scan  # noqa: E402
from training.data.scan import Scan, write_ply  # noqa: E402
from training.points.features.array_file import PointFeaturesError  # noqa: E402
from training.points.features.extract_features import extract_features  # noqa: E402
from training.points.features.features_folder import PointFeatures  # noqa: E402
from training.points.features.scene_features import (  # noqa: E402
    point_model_sha256,
    single_precision,
)
from training.points.point_model import load_point_model  # noqa: E402


def test_a_damaged_scene_is_reported_and_the_others_go_on(teacher, rooms, tmp_path):
    rows = read_scans(rooms)
    (rooms / "scans/room0.ply").write_bytes(b"ply\nformat")
    one = Scan(np.zeros((1, 3), np.float32), np.full((1, 3), 9, np.uint8))
    far = Scan(np.array([[0, 0, 0], [1e7, 0, 0]], np.float32), np.full((2, 3), 9, np.uint8))
    gray = Scan(np.ones((5, 3), np.float32), np.zeros((5, 3), np.uint8))
    holes = Scan(np.full((5, 3), np.nan, np.float32), np.full((5, 3), 9, np.uint8))
    others = {"one": one, "far": far, "gray": gray, "holes": holes}
    for name, scan in others.items():
        write_ply(rooms / "scans" / f"{name}.ply", scan)
        rows.append(ScanRow(name, "train", "ply", f"scans/{name}.ply"))
    rows.append(ScanRow("gone", "train", "ply", "scans/gone.ply"))
    write_scans(rooms, rows)
    report = extract_features(teacher, rooms, tmp_path / "out")
    found = (tmp_path / "out" / "defects.txt").read_text().splitlines()
    assert found == report.defects
    words = {
        "room0.ply is no readable PLY file": "room0",
        "m across": "far",
        "has no colours": "gray",
        "are no finite numbers": "holes",
        "gone.ply can't be read": "gone",
    }
    assert len(found) == len(words)
    for line, (text, scene) in zip(found, words.items(), strict=True):
        assert text in line and scene in line
    assert "no features of 5 scenes, see" in report.text()
    there = PointFeatures(tmp_path / "out")
    assert there.load("one", one).shape == (1, 96)
    assert there.statistics.count == 401
    assert sorted(p.stem for p in (tmp_path / "out/scenes").rglob("*.npy")) == [
        "one",
        "room1",
        "room2",
    ]


def enlarge(network):
    network.get_submodule("block8.0.norm2.bn").weight.data.fill_(3e7)


def poison(network):
    network.get_submodule("block8.0.norm2.bn").bias.data[7] = np.nan


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (enlarge, "beyond the 65504 that float16 holds; .*--scale 0"),
        (poison, "in channel 7 is nan, no finite number; check the teacher's weights"),
    ],
)
def test_what_half_precision_cannot_hold_is_an_error(
    scannet20, rooms, tmp_path, change, complaint, save_teacher
):
    model = save_teacher(tmp_path / "loud", scannet20, 1, change)
    with pytest.raises(DatasetError, match=f"none of the 3 scans gives features.*{complaint}"):
        extract_features(model, rooms, tmp_path / "out")
    assert len((tmp_path / "out" / "defects.txt").read_text().splitlines()) == 3
    assert not list((tmp_path / "out").rglob("scenes/*"))


def test_scaled_features_and_their_classifier_give_the_same_scores(
    scannet20, rooms, tmp_path, save_teacher
):
    quiet = save_teacher(tmp_path / "quiet", scannet20, 1)
    plain = extract_features(quiet, rooms, tmp_path / "plain")
    scaled = extract_features(quiet, rooms, tmp_path / "scaled", scale=0.25)
    one, other = PointFeatures(tmp_path / "plain"), PointFeatures(tmp_path / "scaled")
    assert (one.description.scale, other.description.scale) == (1.0, 0.25)
    assert np.array_equal(other.classifier.weight, one.classifier.weight * 4)
    assert np.array_equal(other.classifier.bias, one.classifier.bias)
    for row in read_scans(rooms):
        scan = open_scan(rooms, row)
        expected = one.load(row.scene, scan).astype(np.float32) / 4
        # what is below the smallest normal number of float16 keeps fewer digits
        np.testing.assert_allclose(other.load(row.scene, scan), expected, rtol=0, atol=2.0**-24)
    pairs = zip(plain.scenes, scaled.scenes, strict=True)
    assert all(np.array_equal(a.record.confusion, b.record.confusion) for a, b in pairs)
    with pytest.raises(
        PointFeaturesError, match=r"of the scale 0.25, not 1; give the same --scale"
    ):
        extract_features(quiet, rooms, tmp_path / "scaled")


def test_features_beyond_half_precision_can_be_scaled(scannet20, rooms, tmp_path, save_teacher):
    model = save_teacher(tmp_path / "loud", scannet20, 1, enlarge)
    with pytest.raises(DatasetError) as caught:
        extract_features(model, rooms, tmp_path / "out", scale=0.5)
    said = re.search(r"--scale (\S+)'", str(caught.value))
    assert said is not None
    extract_features(model, rooms, tmp_path / "fitting", scale=float(said[1]))
    features = PointFeatures(tmp_path / "fitting")
    assert features.check(read_scans(rooms), rooms).fits


@contextmanager
def memory_for(more):
    """Of this process, bytes beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_a_scene_that_memory_does_not_hold_is_reported_and_the_others_go_on(
    teacher, write_rooms, make_room, tmp_path
):
    small, large = make_room(1), make_room(0, points=700_000)
    rooms = write_rooms({"large": ("train", large), "small": ("train", small)})
    with memory_for(180 << 20):  # its features are 256 MiB
        report = extract_features(teacher, rooms, tmp_path / "out")
    (defect,) = report.defects
    assert defect.startswith("large: there is too little memory for it; use fewer --workers")
    assert PointFeatures(tmp_path / "out").load("small", small).shape == (400, 96)


def test_a_teacher_is_the_same_however_its_settings_are_written(save_teacher, scannet20, tmp_path):
    def sha256(name, **settings):
        return point_model_sha256(load_point_model(save_teacher(tmp_path / name, **settings)))

    same = {"space": scannet20, "seed": 3}
    short = sha256("short", config={"conv1_kernel_size": 3}, **same)
    long = {"in_channels": 3, "conv1_kernel_size": 3, "engine": "plain"}
    assert sha256("long", config=long, crop_m=0.0, **same) == short
    assert sha256("coarse", voxel_size=0.2, **same) != short
    assert sha256("other", space=scannet20, seed=4) != short


def test_factors_are_rounded_as_the_features_say_and_as_before_afterwards():
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    try:
        matmul.allow_tf32, cudnn.allow_tf32 = False, True
        with single_precision():
            assert (matmul.allow_tf32, cudnn.allow_tf32) == (False, False)
        assert (matmul.allow_tf32, cudnn.allow_tf32) == (False, True)
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
