# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Runs in which some frames have features."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.engine.experiment import experiment_from_mapping
from training.engine.settings import ExperimentError
from training.kinds_of_training import trainer_of
from training.points.features.array_file import PointFeaturesError


@pytest.fixture(params=["distillation", "structured"])
def start(request, paired_rooms, tmp_path):
    """A run that learns from features in this folder, of either kind."""

    def new(features, **changes):
        network, distillation = {"width": 8}, {"features": [str(features)]}
        if request.param == "structured":
            distillation["structured"] = {"pixel_wise": 1.0}
        else:
            network["branch"] = {"feature_width": 6, "hidden": 16, "width_2d": 12}
        training = {"steps": 1, "batch": 6, "crop": [64, 96], "threads": 1, "precision": "fp32"}
        name = "efficientnet_lite_fpn"
        experiment = experiment_from_mapping(
            {
                "name": "tiny",
                "label_space": str(paired_rooms.root / "label_space.yaml"),
                "data": {"root": str(paired_rooms.root)},
                "network": {"name": name, "config": network, "imagenet": False},
                "training": training | {"log_every": 1} | changes,
                "distillation": distillation,
            }
        )
        return trainer_of(experiment)(experiment, tmp_path / "run", show_progress=False)

    return new


@pytest.fixture
def spoilt(paired_rooms, tmp_path):
    """A copy of the features in which scenes hold a number that is none."""

    def copy(*scenes):
        folder = tmp_path / "features"
        shutil.copytree(paired_rooms.features, folder)
        for scene in scenes:
            values = np.load(folder / f"scenes/{scene}.npy")
            values[0, 0] = np.nan
            np.save(folder / f"scenes/{scene}.npy", values)
        return folder

    return copy


def test_frames_whose_features_are_no_numbers_are_counted_beside_the_coverage(start, spoilt):
    run = start(spoilt("kitchen"))
    assert np.isfinite(run._train_step(*run.batches.at(0)))
    assert run._watched()["distillation/frames_left_out"] == 3


def test_where_none_are_left_out_that_is_shown(start, paired_rooms):
    run = start(paired_rooms.features, loaders=3)
    assert run.batches.loaders == 3
    batch = next(run._batches(0, 1))
    assert all(one.equal(other) for one, other in zip(batch, run.batches.at(0), strict=True))
    run._train_step(*batch)
    assert run._watched()["distillation/frames_left_out"] == 0


def test_a_run_without_any_usable_features_does_not_start(start, spoilt, tmp_path):
    with pytest.raises(PointFeaturesError, match="none can be learnt from: .* NaN or inf"):
        start(spoilt("hall", "kitchen"))
    for path in (tmp_path / "features/scenes").iterdir():
        path.unlink()
    with pytest.raises(ExperimentError, match="6 of scenes without features"):
        start(tmp_path / "features")
