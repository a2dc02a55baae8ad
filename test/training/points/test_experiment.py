# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Experiment files of 3D networks: every shipped one trains, every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.engine.settings import ExperimentError  # noqa: E402
from training.points.experiment import (  # noqa: E402
    load_point_experiment,
    point_experiment_from_mapping,
)
from training.points.networks.point_network import PointNetworkError  # noqa: E402
from training.points.trainer import PointTrainer  # noqa: E402

FOLDER = Path(__file__).resolve().parents[3] / "config" / "experiments" / "points"
SHIPPED = sorted(FOLDER.glob("*.yaml"))
SMALL = {
    "voxel_size": ["network.sampling.voxel_size=0.2"],
    "block_size": [
        "network.sampling.block_size=8",
        "network.sampling.stride=8",
        "network.sampling.num_points=64",
        "network.sampling.min_points=32",
        "network.config.centroids=[32, 32, 32, 3]",
    ],
}
"""Overrides for rooms of some hundred points, by a setting of the sampling."""


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_experiment_trains_two_steps(path, prepared, tmp_path, repository):
    shipped = load_point_experiment(path)
    assert shipped.name == path.stem
    assert (repository / shipped.label_space).is_file()
    if earlier := shipped.network.start_from:  # a run of another shipped experiment, not there
        assert path.with_name(f"{Path(earlier).name}.yaml").is_file()
    small = next(o for setting, o in SMALL.items() if setting in shipped.network.sampling)
    overrides = [
        f"label_space={prepared / 'label_space.yaml'}",
        f"data.root={prepared}",
        "network.start_from=",
        "training.batch=2",
        "training.threads=1",
        "training.evaluate_every=0",
    ]
    experiment = load_point_experiment(path, [*overrides, *small])
    run = PointTrainer(experiment, tmp_path / "run", show_progress=False)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    for step in range(2):
        assert run._train_step(*run.batches.at(step)) > 0
        run.step += 1
    changed = run.network.state_dict()
    assert all(torch.isfinite(value).all() for value in changed.values())
    kernels = [name for name in before if before[name].ndim > 1]
    assert kernels and all(not torch.equal(before[name], changed[name]) for name in kernels)


def test_round_trip(point_experiment):
    loaded = point_experiment_from_mapping(point_experiment)
    written = yaml.safe_load(yaml.safe_dump(loaded.to_mapping()))
    assert point_experiment_from_mapping(written) == loaded


def test_overrides(point_experiment, tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump(point_experiment))
    loaded = load_point_experiment(
        path, ["augmentation.elastic=[[0.2, 0.4]]", "network.sampling.voxel_size=0.1"]
    )
    assert loaded.augmentation.elastic == ((0.2, 0.4),)
    assert loaded.network.sampling == {"voxel_size": 0.1}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.stepz=7", "training has no setting 'stepz'; it has max_minutes"),
        ("training.epochs=3", "one of them must be above 0 and the other 0"),
        ("training.steps=0", "one of them must be above 0 and the other 0"),
        ("training.schedule=linear", "training.schedule is 'linear', must be one of poly, cosine"),
        ("training.batch=0", "training.batch is 0, must be above 0"),
        ("training.ema=1.0", "training.ema is 1.0, must be from 0 to below 1"),
        ("training.dampening=2", "training.dampening is 2.0, must be from 0 to 1"),
        ("training.step_factor=-1", "training.step_factor is -1.0, must be above 0"),
        ("training.loaders=100000", "training.loaders is 100000, must be at most 1024"),
        ("augmentation.elastic=[[1]]", r"augmentation.elastic is \[1\], must be a list of 2"),
        ("augmentation.elastic=3", "augmentation.elastic is 3, must be a list"),
        ("data.memory_mb=-1", "data.memory_mb is -1, must not be below 0"),
    ],
)
def test_mistakes_are_named(point_experiment, tmp_path, override, message):
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump(point_experiment))
    with pytest.raises(ExperimentError, match=message):
        load_point_experiment(path, [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("network.name=pointnet", "there is no 3D network 'pointnet'; there are"),
        (
            "network.sampling.voxels=1",
            "3D network 'res16unet14a': sampling has no setting 'voxels'",
        ),
        ("network.sampling.voxel_size=0", "voxel_size is 0.0, it must be a length"),
        ("network.sampling.point_cap=300.5", "sampling.point_cap is 300.5, must be of type int"),
    ],
)
def test_networks_and_samplings_are_checked(point_experiment, tmp_path, override, message):
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump(point_experiment))
    with pytest.raises(PointNetworkError, match=message):
        load_point_experiment(path, [override])


def test_blocks_of_a_fixed_size_take_no_dropout(block_experiment):
    block_experiment["augmentation"]["dropout"] = 0.2
    with pytest.raises(ExperimentError, match=r"augmentation.dropout must be 0 for pointweb"):
        point_experiment_from_mapping(block_experiment)
