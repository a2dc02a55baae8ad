# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Features follow the augmentation of the images to which they belong."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from seg3d2d_ros.labels import LabelSpace
from training.data.augmentation_config import UNCHANGED, AugmentationConfig
from training.data.labelled_frames import DatasetError, JoinedFrames
from training.data.open_frames import open_frames
from training.distillation.paired_batches import PairedBatches
from training.distillation.projected_features import ProjectedFeatures
from training.points.features.features_folder import PointFeatures
from training.projection.feature_grid import FeatureGrid

STILL = UNCHANGED


@pytest.fixture
def space(paired_rooms):
    return LabelSpace.load(paired_rooms.root / "label_space.yaml")


@pytest.fixture
def frames(paired_rooms, space):
    return open_frames(paired_rooms.root, "train", space)


@pytest.fixture
def projected(paired_rooms):
    return ProjectedFeatures(PointFeatures(paired_rooms.features), paired_rooms.visible)


def batches(frames, projected, grid, config=STILL, crop=(97, 129), **settings):
    settings = {"batch": 2, "seed": 3, "unlabeled": 255, **settings}
    joined = JoinedFrames([frames])
    return PairedBatches(joined, [projected], grid, crop=crop, config=config, **settings)


@pytest.mark.parametrize("grid", [FeatureGrid.aligned_corners(8), FeatureGrid.from_edges(4)])
def test_a_cells_feature_is_that_of_what_is_seen_there(frames, projected, grid):
    crop = (97, 129) if grid.stride == 8 else (96, 128)
    _, labels, features, covered = batches(frames, projected, grid, crop=crop).at(0)
    rows, columns = grid.shape(*crop)
    assert features.shape == (2, 6, rows, columns) and covered.shape == (2, rows, columns)
    assert covered.float().mean() > 0.5
    centres = (grid.first_centre + grid.stride * np.arange(rows)).round().astype(int)
    across = (grid.first_centre + grid.stride * np.arange(columns)).round().astype(int)
    seen = labels[:, centres][:, :, across]
    # nyu40's window pane (5) is scannet20's chair: the channel says whether a point is of it
    on_panel = features[:, 3] > 0.5
    agree = (on_panel == (seen == 4))[covered].float().mean()
    assert agree > 0.97  # all but cells at the panel's edges


def test_features_follow_every_warp(frames, projected):
    """The world place of a cell, by its feature, is where the warped camera sees that cell."""
    turned = AugmentationConfig(**{**vars(STILL), "scale": (0.6, 1.8), "rotation": 20, "flip": 0.5})
    sampler = batches(frames, projected, FeatureGrid.aligned_corners(8), turned, batch=12)
    _, labels, features, covered = sampler.at(0)
    seen = labels[:, ::8, ::8]
    on_panel = features[:, 3] > 0.5
    known = covered & (seen != 255)
    assert known.float().mean() > 0.2
    assert (on_panel == (seen == 4))[known].float().mean() > 0.95
    assert (on_panel & known).any()


def test_images_and_labels_are_those_of_training_without_features(frames, projected):
    from training.data.batches import TrainingBatches

    paired = batches(frames, projected, FeatureGrid.aligned_corners(8), AugmentationConfig())
    plain = TrainingBatches(
        JoinedFrames([frames]),
        batch=2,
        seed=3,
        unlabeled=255,
        crop=(97, 129),
        config=AugmentationConfig(),
    )
    for ours, theirs in zip(paired.at(5)[:2], plain.at(5), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_frame_without_features_has_no_covered_cell(frames, projected, paired_rooms, space):
    others = open_frames(paired_rooms.root, "train", space)
    grid = FeatureGrid.aligned_corners(8)
    bare = PairedBatches(
        JoinedFrames([frames, others]),
        [projected, None],
        grid,
        crop=(97, 129),
        config=STILL,
        batch=12,
        seed=0,
        unlabeled=255,
    )
    covered = bare.at(0)[3].flatten(1).any(1)
    assert covered.sum() == 6


def test_frames_are_counted(frames, projected, paired_rooms, tmp_path):
    pairing = projected.pairing(frames)
    assert (pairing.paired, pairing.not_projected, pairing.without_features) == (6, 0, 0)
    assert pairing.text() == "6 training frames with features of a 3D network"


def test_features_of_another_scan_are_named(paired_rooms, frames, tmp_path):
    import shutil

    folder = tmp_path / "features"
    shutil.copytree(paired_rooms.features, folder)
    for ending in (".npy", ".npz"):
        shutil.copy(folder / f"scenes/hall{ending}", folder / f"scenes/kitchen{ending}")
    mixed = ProjectedFeatures(PointFeatures(folder), paired_rooms.visible)
    with pytest.raises(DatasetError, match="kitchen.npy has features of another scan"):
        mixed.pairing(frames)


def test_projections_of_other_cameras_are_named(paired_rooms, space, projected, tmp_path):
    """As after preparing the data set anew without projecting it again."""
    import json
    import shutil

    folder = tmp_path / "prepared"
    shutil.copytree(paired_rooms.root, folder)
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    for row in rows:
        row["pose"][3] += 0.5
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DatasetError, match="made with another pose"):
        projected.pairing(open_frames(folder, "train", space))


def test_features_are_the_same_for_any_number_of_threads(frames, paired_rooms):
    """With files that are opened by whichever thread comes first."""
    grid, config = FeatureGrid.aligned_corners(8), AugmentationConfig()
    streams = []
    for threads in (1, 6):
        opened = ProjectedFeatures(PointFeatures(paired_rooms.features), paired_rooms.visible)
        several = batches(frames, opened, grid, config, loaders=threads)
        streams.append(several.iterate(0, 12))
    for one, other in zip(*streams, strict=True):
        assert one[3].any()
        assert all(a.equal(b) for a, b in zip(one, other, strict=True))
