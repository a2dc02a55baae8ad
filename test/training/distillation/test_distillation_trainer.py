# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of 3D-to-2D distillation."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.distillation.distillation_trainer import DistillationTrainer  # noqa: E402
from training.engine.experiment import experiment_from_mapping  # noqa: E402
from training.engine.optimisation import AveragedWeights  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402
from training.engine.trainer import Trainer  # noqa: E402
from training.kinds_of_training import trainer_of  # noqa: E402


@pytest.fixture
def experiment(distilled):
    return distilled


@pytest.fixture
def unpaired(experiment, paired_rooms):
    """An experiment whose 3D features belong to no picture."""
    experiment["distillation"] = {
        "unpaired": {
            "scans": [str(paired_rooms.root)],
            "features": [str(paired_rooms.features)],
        }
    }
    return experiment


def trainer(mapping, folder):
    experiment = experiment_from_mapping(mapping)
    assert trainer_of(experiment) is DistillationTrainer
    return DistillationTrainer(experiment, folder, show_progress=False)


def test_kinds_of_training(experiment):
    experiment["distillation"] = {}
    assert trainer_of(experiment_from_mapping(experiment)) is Trainer


def watched(run, step=0):
    run.step = step
    run._train_step(*run.batches.at(step))
    return run._watched()


@pytest.mark.parametrize("kind", ["paired", "unpaired", "both"])
def test_a_resumed_run_equals_an_uninterrupted_one(experiment, paired_rooms, tmp_path, kind):
    if kind != "paired":
        experiment["distillation"]["unpaired"] = {
            "scans": [str(paired_rooms.root)],
            "features": [str(paired_rooms.features)],
        }
    if kind == "unpaired":
        del experiment["distillation"]["features"]
    whole = trainer(experiment, tmp_path / "whole")
    metrics = whole.run()
    assert trainer(experiment, tmp_path / "parts").run(until=3) is None
    resumed = trainer(experiment, tmp_path / "parts")
    assert resumed.step == 3
    assert resumed.run()["miou"] == metrics["miou"]
    for name, value in resumed.network.state_dict().items():
        assert torch.equal(value, whole.network.state_dict()[name]), name
    if kind != "paired":
        theirs = whole.adversary.loss.state_dict()
        for name, value in resumed.adversary.loss.state_dict().items():
            assert torch.equal(value, theirs[name]), name


def test_targets_are_the_statistics_of_the_features(experiment, tmp_path, paired_rooms):
    from training.points.features.features_folder import PointFeatures

    statistics = PointFeatures(paired_rooms.features).statistics
    experiment["distillation"]["statistics_2d"] = [0.15, 0.2]
    first, second = trainer(experiment, tmp_path / "run").branch.dimension_norms
    torch.testing.assert_close(
        first.target_mean.double(), torch.from_numpy(statistics.mean), rtol=1e-6, atol=1e-6
    )
    variance = first.target_std.double() ** 2
    torch.testing.assert_close(
        variance, torch.from_numpy(statistics.variance), rtol=1e-5, atol=1e-6
    )
    assert (second.target_mean == 0.15).all() and (second.target_std == 0.2).all()


def test_running_statistics_of_the_2d_branch(experiment, tmp_path):
    run = trainer(experiment, tmp_path / "run")
    norm = run.branch.norm2
    seen = []
    hook = run.branch.branch_2d.register_forward_hook(lambda *args: seen.append(args[2].detach()))
    run._train_step(*run.batches.at(0))
    hook.remove()
    assert float(norm.target_mean[0]) == pytest.approx(float(seen[0].mean()), rel=1e-4)
    assert float(norm.target_std[0]) == pytest.approx(float(seen[0].std()), rel=1e-3)


def test_the_branch_learns_to_simulate(experiment, tmp_path):
    experiment["training"] |= {"steps": 60, "batch": 4, "learning_rate": 0.01, "encoder_rate": 1.0}
    experiment["distillation"]["projection_weight"] = 1.0
    run = trainer(experiment, tmp_path / "run")
    before = watched(run)
    assert before["distillation/covered"] > 0.3
    run.step = 0
    run.run()
    after = watched(run, 59)
    # of the six channels two are noise, with little variance; the others can be known
    level = after["distillation/projection_loss_of_the_mean"]
    assert level < after["distillation/projection_loss_of_zero"]
    assert after["distillation/projection_loss"] < min(
        0.6 * level, before["distillation/projection_loss"]
    )


def test_without_weight_the_regression_teaches_nothing(experiment, tmp_path):
    experiment["distillation"]["projection_weight"] = 0.0
    run = trainer(experiment, tmp_path / "run")
    batch = run.batches.at(0)
    run._train_step(*batch)
    one = [p.grad.clone() for p in run.network.parameters()]
    run = trainer(experiment, tmp_path / "other")
    run._train_step(batch[0], batch[1], batch[2] + 7, batch[3])
    for ours, theirs in zip(one, run.network.parameters(), strict=True):
        assert torch.equal(ours, theirs.grad)


def test_a_batch_without_covered_cells_has_no_regression_loss(experiment, tmp_path):
    run = trainer(experiment, tmp_path / "run")
    images, labels, features, covered = run.batches.at(0)
    loss = run._train_step(images, labels, features, torch.zeros_like(covered))
    scalars = run._watched()
    assert loss > 0 and scalars["distillation/covered"] == 0
    assert "distillation/projection_loss" not in scalars


def compute_in_double(run):
    run.graph.compute_in(torch.float64)
    run.averaged = AveragedWeights(run.network, 0.0)


def test_accumulated_parts_are_one_batch(experiment, tmp_path):
    """Where batch norm sees the same: with parts that are alike, gradients are the batch's."""
    experiment["training"] |= {"clip": 1e9, "batch": 1, "accumulate": 2}
    experiment["network"]["config"] |= {"dropout": 0.0}
    run = trainer(experiment, tmp_path / "run")
    images, labels, features, covered = (
        part[:1].repeat(2, *[1] * (part.ndim - 1)) for part in run.batches.at(0)
    )
    covered[1, ::2] = False  # the parts cover unlike many cells
    # batch norm of the few coarse positions amplifies rounding
    compute_in_double(run)
    run._train_step(images, labels, features, covered)
    parts = [p.grad.clone() for p in run.network.parameters()]
    experiment["training"] |= {"batch": 2, "accumulate": 1}
    whole = trainer(experiment, tmp_path / "whole")
    compute_in_double(whole)
    whole._train_step(images, labels, features, covered)
    ours, theirs = (
        torch.cat([gradient.flatten().double() for gradient in gradients])
        for gradients in (parts, [p.grad for p in whole.network.parameters()])
    )
    assert (ours - theirs).norm() < 1e-3 * theirs.norm()


def test_discriminators_are_watched_by_class(unpaired, tmp_path):
    scalars = watched(trainer(unpaired, tmp_path / "run"))
    names = {name for name in scalars if name.startswith("adversarial/accuracy/")}
    assert names == {"adversarial/accuracy/wall", "adversarial/accuracy/chair"}
    assert all(0 <= scalars[name] <= 1 for name in names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network.config": {"width": 8}}, "has no distillation branch"),
        (
            {"network.config": {"width": 8, "branch": {"feature_width": 5}}},
            "has features of 6 channels, the network simulates 5; set .*feature_width to 6",
        ),
        ({"distillation.features": ["a", "b"]}, "has 2 folders, data names 1 data sets"),
        ({"distillation.statistics_2d": [0.1, 0.0]}, "must be a mean and a standard deviation"),
        ({"distillation.reduction": "max"}, "must be of mean, sum"),
        ({"distillation.statistics_2d_of": "nowhere.json"}, "nowhere.json holds no statistics"),
        (
            {"training.crop": [64, 80]},
            "training.crop is 64 x 80, but sides must be multiples of 32",
        ),
    ],
)
def test_what_does_not_fit_is_named(experiment, tmp_path, changes, message):
    for name, value in changes.items():
        section, setting = name.split(".")
        experiment[section][setting] = value
    with pytest.raises(ExperimentError, match=message):
        trainer(experiment, tmp_path / "run")


def test_aligned_corners_take_the_loss_at_full_size(experiment, tmp_path):
    experiment["network"] |= {"name": "pspnet", "config": {"branch": {"feature_width": 6}}}
    experiment["training"]["crop"] = [97, 97]
    with pytest.raises(ExperimentError, match="loss_size must be full"):
        trainer(experiment, tmp_path / "run")


@pytest.mark.parametrize(
    "changes", [{"crop": [96, 96]}, {"early_crop": [64, 64], "early_steps": 2}]
)
def test_aligned_features_need_crops_that_end_with_one(unpaired, tmp_path, changes):
    """Also where nothing is paired, as labels are taken where features lie."""
    unpaired["network"] |= {"name": "pspnet", "config": {"branch": {"feature_width": 6}}}
    unpaired["training"] |= {"crop": [97, 97], "loss_size": "full", **changes}
    with pytest.raises(ExperimentError, match="a training crop of .* multiple of 8 and 1 more"):
        trainer(unpaired, tmp_path / "run")


def test_a_branch_that_nothing_teaches_is_refused(experiment, tmp_path):
    experiment["distillation"] = {}
    with pytest.raises(ExperimentError, match="names nothing that it is taught by"):
        Trainer(experiment_from_mapping(experiment), tmp_path / "run", show_progress=False)


def test_classes_can_not_be_treated_alike_in_parts_of_a_step(unpaired, tmp_path):
    unpaired["distillation"]["unpaired"]["class_treatment"] = "classes"
    unpaired["training"]["accumulate"] = 2
    with pytest.raises(ExperimentError, match="set training.accumulate to 1"):
        trainer(unpaired, tmp_path / "run")


def test_discriminators_see_as_many_real_as_simulated_vectors(unpaired, tmp_path):
    run = trainer(unpaired, tmp_path / "run")
    run._train_step(*run.batches.at(0))
    seen = run.adversary._accuracy
    assert torch.equal(seen.simulated, seen.real) and seen.real.sum() > 100
