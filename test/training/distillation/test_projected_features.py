# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes whose features hold NaN or inf are left out, the same ones in whatever order."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

pytest.importorskip("torch")

from seg3d2d_ros.labels import LabelSpace
from training.data.augmentation_config import AugmentationConfig
from training.data.labelled_frames import JoinedFrames
from training.data.open_frames import open_frames
from training.distillation.paired_batches import PairedBatches
from training.distillation.projected_features import ProjectedFeatures
from training.points.features.array_file import PointFeaturesError
from training.points.features.features_folder import PointFeatures
from training.projection.feature_grid import FeatureGrid


@pytest.fixture
def frames(paired_rooms):
    space = LabelSpace.load(paired_rooms.root / "label_space.yaml")
    return open_frames(paired_rooms.root, "train", space)


@pytest.fixture
def spoilt(paired_rooms, tmp_path):
    """Features with one number that is none, in the array or by the record."""
    folder = tmp_path / "features"
    shutil.copytree(paired_rooms.features, folder)

    def spoil(scene, value=np.nan, in_record=False):
        if in_record:
            path = folder / f"scenes/{scene}.npz"
            with np.load(path) as content:
                arrays = dict(content)
            arrays["mean"][3] = value
            np.savez(path, **arrays)
        else:
            values = np.load(folder / f"scenes/{scene}.npy")
            values[-1, 2] = value
            np.save(folder / f"scenes/{scene}.npy", values)
        return lambda: ProjectedFeatures(PointFeatures(folder), paired_rooms.visible)

    return spoil


def batches(frames, projected, threads=1):
    settings = {"batch": 2, "seed": 3, "unlabeled": 255, "loaders": threads}
    settings |= {"crop": (97, 129), "config": AugmentationConfig()}
    grid = FeatureGrid.aligned_corners(8)
    return PairedBatches(JoinedFrames([frames]), [projected], grid, **settings)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_scene_is_left_out_when_it_is_met_even_if_no_frame_shows_the_point(
    frames, spoilt, paired_rooms, caplog, value
):
    projected = spoilt("kitchen", value)()
    pairing = projected.pairing(frames)
    assert (pairing.paired, pairing.not_finite, projected.frames_left_out) == (6, 0, 0)
    whole = ProjectedFeatures(PointFeatures(paired_rooms.features), paired_rooms.visible)
    ours, theirs = batches(frames, projected), batches(frames, whole)
    scenes = []
    for step in range(3):
        found, wanted = ours.at(step), theirs.at(step)
        for k in range(2):
            scene = frames.frames[ours._frame_index(2 * step + k)].scene
            scenes.append(scene)
            assert found[0][k].equal(wanted[0][k]) and found[1][k].equal(wanted[1][k])
            if scene == "kitchen":
                assert wanted[3][k].any()
                assert not found[3][k].any() and not found[2][k].any()
            else:
                assert found[2][k].equal(wanted[2][k]) and found[3][k].equal(wanted[3][k])
    assert scenes.count("kitchen") == 3
    (record,) = caplog.records
    text = record.getMessage()
    assert "kitchen.npy: the features hold NaN or inf" in text and "make them anew" in text
    assert "the 3 training frames of the scene train by labels alone" in text
    assert projected.frames_left_out == ours.frames_left_out == 3


def test_what_the_record_shows_is_counted_at_the_start(frames, spoilt, caplog):
    projected = spoilt("hall", in_record=True)()
    pairing = projected.pairing(frames)
    assert (pairing.paired, pairing.not_finite) == (3, 3)
    assert pairing.text() == (
        "3 training frames with features of a 3D network, 3 of scenes whose features hold NaN or "
        "inf"
    )
    assert projected.frames_left_out == 3
    batches(frames, projected).at(0)
    (record,) = caplog.records
    assert "hall.npz: 'mean' holds NaN or inf; write the scene anew" in record.getMessage()


@pytest.mark.parametrize("in_record", [False, True])
def test_batches_do_not_depend_on_which_frames_were_loaded_before(frames, spoilt, in_record):
    opened = spoilt("hall", in_record=in_record)
    whole = list(batches(frames, opened()).iterate(0, 12))
    assert any(covered.any() for _, _, _, covered in whole)
    for first, threads in ((5, 1), (0, 4), (7, 4)):
        projected = opened()
        if first == 5:
            projected.pairing(frames)
        rest = batches(frames, projected, threads).iterate(first, 12)
        for one, other in zip(whole[first:], rest, strict=True):
            assert all(a.equal(b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("in_record", [False, True])
def test_where_all_scenes_are_left_out_that_is_an_error_at_the_start(frames, spoilt, in_record):
    spoilt("hall", np.inf, in_record)
    projected = spoilt("kitchen", np.inf)()
    with pytest.raises(PointFeaturesError, match="of 2 scenes .* none can be learnt from: .*hall"):
        projected.pairing(frames)
