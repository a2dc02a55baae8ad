# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing folders of point features: what is whole, what is refused, what a killed writer left."""

from __future__ import annotations

import errno
import io
import resource
from contextlib import contextmanager

import numpy as np
import pytest

from training.points.features.array_file import PointFeaturesError
from training.points.features.features_description import FeaturesDescription
from training.points.features.features_folder import PointFeatures
from training.points.features.features_writer import start_folder, to_half, write_scene

pytest.importorskip("trimesh")


def test_half_precision_holds_its_largest_number_and_no_more():
    largest = np.array([[65504, -65504]], np.float32)
    assert to_half(largest, "kitchen").tolist() == [[65504, -65504]]
    for value, complaint in (
        (65505, "is 65505, beyond the 65504 that float16 holds"),
        (-70000, "is -70000, beyond"),
        (np.inf, "is inf, no finite number"),
        (np.nan, "is nan, no finite number"),
    ):
        features = np.zeros((70000, 2), np.float32)
        features[69999, 1] = value
        match = f"kitchen: the feature of point 69999 in channel 1 {complaint}"
        with pytest.raises(PointFeaturesError, match=match):
            to_half(features, "kitchen")


def test_a_folder_of_another_teacher_is_not_mixed_with(features_folder, space):
    before = (features_folder.folder / "features.yaml").read_bytes()
    other = FeaturesDescription(6, "another", teacher_sha256="1" * 64)
    with pytest.raises(PointFeaturesError, match="of another teacher .random numbers."):
        start_folder(features_folder.folder, other, space, np.ones((3, 6)), np.ones(3))
    assert (features_folder.folder / "features.yaml").read_bytes() == before


def test_a_folder_of_something_else_is_not_written_to(features_folder, space):
    before = sorted(features_folder.prepared.rglob("*"))
    description = FeaturesDescription(6, "a teacher")
    with pytest.raises(PointFeaturesError, match="prepared holds something else than point feat"):
        start_folder(features_folder.prepared, description, space, np.ones((3, 6)), np.ones(3))
    assert sorted(features_folder.prepared.rglob("*")) == before


def test_a_start_that_was_killed_is_gone_on_with(tmp_path, space):
    (tmp_path / ".features.yaml.77").write_bytes(b"")
    description = FeaturesDescription(6, "a teacher", "5" * 64)
    start_folder(tmp_path, description, space, np.ones((3, 6)), np.ones(3))
    (tmp_path / "classifier.npz").unlink()
    start_folder(tmp_path, description, space, np.ones((3, 6)), np.ones(3))
    assert PointFeatures(tmp_path).classifier.weight.shape == (3, 6)


def test_what_a_killed_writer_left_goes_when_the_scene_is_written(features_folder):
    scenes = features_folder.folder / "scenes"
    for name in (".kitchen.npy.123", ".kitchen.npz.9", ".kitchen2.npy.123"):
        (scenes / name).write_bytes(b"half")
    write_scene(features_folder.folder, "kitchen", features_folder.features["kitchen"], "0" * 64)
    hidden = sorted(path.name for path in scenes.glob(".*"))
    assert hidden == [".kitchen2.npy.123"]


def test_an_array_of_many_blocks_is_the_file_that_numpy_writes(features_folder):
    features = np.random.default_rng(2).normal(0, 1, (70000, 6)).astype(np.float16)
    write_scene(features_folder.folder, "large", features, "0" * 64)
    expected = io.BytesIO()
    np.save(expected, features)
    written = features_folder.folder / "scenes" / "large.npy"
    assert written.read_bytes() == expected.getvalue()


@contextmanager
def largest_file(size):
    """Writing beyond it fails as it does on a full disk, with another number."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_failed_write_says_why_and_leaves_no_half_file(features_folder, size):
    features = np.ones((70000, 6), np.float16)
    with largest_file(size), pytest.raises(OSError, match="File too large") as caught:
        write_scene(features_folder.folder, "large", features, "0" * 64)
    assert caught.value.errno == errno.EFBIG
    names = {path.name for path in (features_folder.folder / "scenes").iterdir()}
    assert names == {"kitchen.npy", "kitchen.npz", "area"}
