# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of point features: what is written is read, and what is wrong is said."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest
import yaml

from seg3d2d_ros.labels import LabelSpaceError
from training.data.labelled_frames import DatasetError
from training.data.scan import Scan
from training.points.features.array_file import PointFeaturesError
from training.points.features.features_folder import PointFeatures
from training.projection.scene_file import points_sha256

pytest.importorskip("trimesh")


def refused(function, *arguments, match):
    with pytest.raises(PointFeaturesError, match=match) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)


def rewrite(path, **changes):
    with np.load(path) as content:
        arrays = {name: content[name] for name in content.files} | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


def test_what_is_read_is_what_was_written(features_folder):
    there = PointFeatures(features_folder.folder)
    assert (there.width, there.label_space.names) == (6, ("a", "b", "c"))
    for scene, scan in features_folder.scans.items():
        found = there.load(scene, scan)
        assert isinstance(found, np.memmap) and found.dtype == np.float16
        assert np.array_equal(found, features_folder.features[scene])
        sha256 = points_sha256(scan.points)
        assert np.array_equal(found, there.load_by_points(scene, len(scan.points), sha256))
    assert np.array_equal(there.classifier.weight, features_folder.weight)
    assert np.array_equal(there.classifier.bias, features_folder.bias)
    together = np.concatenate(list(features_folder.features.values())).astype(np.float64)
    assert there.statistics.count == 500
    np.testing.assert_allclose(there.statistics.mean, together.mean(0), rtol=1e-13)
    np.testing.assert_allclose(there.statistics.variance, together.var(0), rtol=1e-13)
    found = there.check(features_folder.rows, features_folder.prepared)
    assert found.fits and found.text() == ""


def test_a_folder_without_features_says_what_writes_them(tmp_path):
    refused(PointFeatures, tmp_path, match="holds no point features")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format": "seg3d2d point features 2", "more": 1}, "features 2', this version reads"),
        ({"width": "six"}, "'width' is 'six'"),
        ({"width": True}, "'width' is True"),
        ({"width": 0}, "'width' is 0"),
        ({"teacher": ["a"]}, "'teacher' is"),
        ({"more": 1}, "the field 'more' is unknown"),
        ({"statistics_split": "val"}, "'statistics_split' is 'val', it must be 'train'"),
        ({"stored_as": "float32"}, "'stored_as' is 'float32', it must be 'float16'"),
        ({"label_space": "../elsewhere.yaml"}, "it must be 'label_space.yaml'"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(features_folder, changes, complaint):
    path = features_folder.folder / "features.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
    refused(PointFeatures, features_folder.folder, match=complaint)


def test_a_description_without_a_width_is_refused(features_folder):
    path = features_folder.folder / "features.yaml"
    path.write_text("format: seg3d2d point features 1\nteacher: a network\n")
    refused(PointFeatures, features_folder.folder, match="the field 'width' is missing")


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe\x00", b"a: 2001-99-99"])
def test_a_malformed_description_is_refused(features_folder, content):
    (features_folder.folder / "features.yaml").write_bytes(content)
    refused(PointFeatures, features_folder.folder, match="features.yaml is malformed")


def test_a_missing_label_space_is_named(features_folder):
    (features_folder.folder / "label_space.yaml").unlink()
    with pytest.raises(LabelSpaceError, match="label_space.yaml"):
        PointFeatures(features_folder.folder)


def test_features_of_another_scene_are_recognised(features_folder):
    there = PointFeatures(features_folder.folder)
    refused(
        there.load,
        "kitchen",
        features_folder.scans["area/hall"],
        match="kitchen.npy has features of another scan than that of kitchen",
    )
    for ending in (".npy", ".npz"):
        shutil.copy(there.path("area/hall", ending), there.path("kitchen", ending))
    refused(there.load, "kitchen", features_folder.scans["kitchen"], match="another scan")


def test_features_of_another_version_of_a_scan_are_recognised(features_folder):
    scan = features_folder.scans["kitchen"]
    moved = scan.points.copy()
    moved[17, 2] = np.nextafter(moved[17, 2], np.float32(9))
    there = PointFeatures(features_folder.folder)
    refused(there.load, "kitchen", Scan(moved, scan.colors), match="another version of its points")
    order = Scan(scan.points[::-1], scan.colors)
    refused(there.load, "kitchen", order, match="another version of its points")


def test_another_length_is_refused(features_folder):
    there = PointFeatures(features_folder.folder)
    np.save(there.path("kitchen"), features_folder.features["kitchen"][:-1])
    scan = features_folder.scans["kitchen"]
    refused(there.load, "kitchen", scan, match="299 rows, the scan of kitchen has 300 points")


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.zeros((300, 5), np.float16), r"the shape \[300, 5\], features are \[points, 6\]"),
        (np.zeros(300, np.float16), r"the shape \[300\]"),
        (np.zeros((300, 6), np.float32), "not an array of the type float16"),
        (np.zeros((300, 6), ">f2"), "not an array of the type float16"),
        (np.zeros((300, 6), object), "no NumPy array"),
    ],
    ids="width dimensions float32 endian pickled".split(),
)
def test_arrays_that_do_not_fit_are_refused(features_folder, array, complaint):
    there = PointFeatures(features_folder.folder)
    np.save(there.path("kitchen"), array)
    refused(there.load, "kitchen", features_folder.scans["kitchen"], match=complaint)


@pytest.mark.parametrize("length", [0, 7, 100, 2000])
@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_truncated_files_are_refused(features_folder, ending, length):
    there = PointFeatures(features_folder.folder)
    path = there.path("kitchen", ending)
    path.write_bytes(path.read_bytes()[: min(length, path.stat().st_size - 1)])
    refused(there.load, "kitchen", features_folder.scans["kitchen"], match="write it anew")


def test_missing_files_are_named(features_folder):
    there = PointFeatures(features_folder.folder)
    there.path("kitchen").unlink()
    scan = features_folder.scans["kitchen"]
    refused(there.load, "kitchen", scan, match="kitchen.npy can't be read: No such file")
    there.path("kitchen", ".npz").unlink()
    refused(there.load, "kitchen", scan, match="kitchen.npz can't be read: No such file")
    with pytest.raises(DatasetError, match="can't be a scene's name"):
        there.load("../kitchen", scan)


class Planted:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["scenes/kitchen.npy", "scenes/kitchen.npz", "statistics.npz"])
def test_no_code_is_run_from_files(features_folder, tmp_path, name):
    path, planted = features_folder.folder / name, tmp_path / "planted"
    path.write_bytes(pickle.dumps(Planted(planted)))
    there = PointFeatures(features_folder.folder)
    found = there.check(features_folder.rows, features_folder.prepared)
    assert name in found.text()
    arrays = {"mean": np.array([Planted(planted)], object)}
    with path.open("wb") as file:
        np.savez(file, **arrays)
    there = PointFeatures(features_folder.folder)
    assert name in there.check(features_folder.rows, features_folder.prepared).text()
    assert not planted.exists()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"mean": np.zeros(5)}, r"'mean' has the shape \[5\], features have 6 channels"),
        ({"m2": np.full(6, np.nan)}, "'m2' holds NaN or inf"),
        ({"m2": np.full(6, -1.0)}, "impossible"),
        ({"count": np.array(0)}, "impossible"),
        ({"count": None}, "the array 'count' is not there"),
        ({"mean": np.zeros(6, int)}, "the array 'mean' is of the type int64"),
        ({"points_sha256": np.array(3)}, "'points_sha256' is of the type int64"),
    ],
)
def test_records_that_do_not_fit_are_refused(features_folder, changes, complaint):
    there = PointFeatures(features_folder.folder)
    rewrite(there.path("kitchen", ".npz"), **changes)
    refused(there.load, "kitchen", features_folder.scans["kitchen"], match=complaint)


def test_check_tells_missing_scenes_from_unfit_ones(features_folder):
    there = PointFeatures(features_folder.folder)
    there.path("area/hall").unlink()
    np.save(there.path("kitchen"), features_folder.features["kitchen"][:5])
    found = there.check(features_folder.rows, features_folder.prepared)
    assert not found.fits
    assert found.missing == ["area/hall"]
    assert list(found.unfit) == ["kitchen"] and "5 rows" in found.unfit["kitchen"]
    assert found.text().splitlines()[0] == "scene area/hall has no features in the folder"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_check_finds_numbers_that_are_none(features_folder, value):
    there = PointFeatures(features_folder.folder)
    features = features_folder.features["kitchen"].copy()
    features[123, 4] = value
    np.save(there.path("kitchen"), features)
    found = there.check(features_folder.rows, features_folder.prepared)
    assert "NaN or inf, first at point 123 in channel 4" in found.unfit["kitchen"]


def test_check_finds_features_that_were_exchanged_under_their_record(features_folder):
    there = PointFeatures(features_folder.folder)
    np.save(there.path("kitchen"), features_folder.features["kitchen"] + np.float16(0.01))
    found = there.check(features_folder.rows, features_folder.prepared)
    assert "has the moments of other features" in found.unfit["kitchen"]


def test_moments_that_were_summed_in_single_precision_pass_the_check(features_folder):
    there = PointFeatures(features_folder.folder)
    rows = features_folder.features["kitchen"].astype(np.float32)
    rewrite(
        there.path("kitchen", ".npz"),
        mean=rows.mean(0),
        m2=((rows - rows.mean(0)) ** 2).sum(0),
    )
    assert there.check(features_folder.rows, features_folder.prepared).fits


@pytest.mark.parametrize("name", ["mean", "variance", "count"])
def test_check_finds_statistics_of_other_features(features_folder, name):
    path = features_folder.folder / "statistics.npz"
    with np.load(path) as content:
        changed = content[name] + 1
    rewrite(path, **{name: changed})
    there = PointFeatures(features_folder.folder)
    found = there.check(features_folder.rows, features_folder.prepared)
    assert "statistics.npz is not of the 500 points of the split 'train'" in found.text()
    some = there.check(features_folder.rows[:1], features_folder.prepared)
    assert some.text() == ""


def test_a_scan_that_cannot_be_read_is_unfit(features_folder):
    (features_folder.prepared / "kitchen.ply").write_bytes(b"ply\n")
    there = PointFeatures(features_folder.folder)
    found = there.check(features_folder.rows, features_folder.prepared)
    assert "no readable PLY" in found.unfit["kitchen"]


def test_a_channel_without_variance_is_named(features_folder):
    variance = np.ones(6)
    variance[[1, 4]] = 0
    rewrite(features_folder.folder / "statistics.npz", variance=variance)
    there = PointFeatures(features_folder.folder)
    assert there.statistics.constant_channels == [1, 4]
    found = there.check(features_folder.rows[:1], features_folder.prepared)
    assert found.fits
    assert "the variance of 2 channels (1, 4) is 0" in found.text()
    assert "leave these channels out" in found.text()


def test_a_classifier_of_another_width_is_refused(features_folder):
    path = features_folder.folder / "classifier.npz"
    rewrite(path, weight=np.zeros((3, 7), np.float32))
    there = PointFeatures(features_folder.folder)
    complaint = r"weight is \[3, 7\].*features of 6 channels and 3 classes need \[3, 6\]"
    refused(lambda: there.classifier, match=complaint)
    found = there.check(features_folder.rows, features_folder.prepared)
    assert "features of 6 channels" in found.text()
    rewrite(path, weight=np.zeros((3, 6), np.float32), bias=np.full(3, np.inf, np.float32))
    refused(lambda: PointFeatures(features_folder.folder).classifier, match="NaN or inf")


def test_missing_and_impossible_statistics_are_refused(features_folder):
    path = features_folder.folder / "statistics.npz"
    rewrite(path, variance=np.full(6, -1.0))
    refused(lambda: PointFeatures(features_folder.folder).statistics, match="below 0")
    rewrite(path, variance=np.zeros(5))
    refused(lambda: PointFeatures(features_folder.folder).statistics, match="not 6 finite numbers")
    path.unlink()
    complaint = "features of the split 'train' are unfinished"
    refused(lambda: PointFeatures(features_folder.folder).statistics, match=complaint)
