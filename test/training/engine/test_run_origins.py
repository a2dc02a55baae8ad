# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What runs that go on from other runs, or learn from 3D networks, come from."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from training.engine.experiment import experiment_from_mapping
from training.engine.run_folder import claim_folder, release_folder
from training.engine.run_origins import (
    IMAGENET_CREDIT,
    ORIGINS,
    SEMSEG_CREDIT,
    TIMM_CREDIT,
    run_origins,
)
from training.engine.settings import ExperimentError
from training.points.experiment import point_experiment_from_mapping
from training.points.features.features_description import FeaturesDescription
from training.provenance import record_own_command


@pytest.fixture
def begin(experiment, tmp_path):
    """Claims the folder of a run of a name, with credits of its data and a network section."""

    def begin(run, /, *credits, **network):
        mapping = {**experiment, "name": run, "data": {"root": "r", "credits": list(credits)}}
        mapping["network"] = {"name": "efficientnet_lite_fpn", "imagenet": False} | network
        folder = tmp_path / run
        claim_folder(folder, experiment_from_mapping(mapping))
        return folder

    return begin


def test_credits_are_those_of_all_runs_of_a_chain_once_each(begin):
    first = begin("first", "rooms", "lamps", imagenet=True)
    second = begin("second", "rooms", "photographs", start_from=str(first))
    third = begin("third", "photographs", "scans", start_from=str(second), imagenet=True)
    lines = (IMAGENET_CREDIT, "rooms", "lamps", "photographs", "scans")
    sentences = (
        "The run second began with the weights of the run first; its credits are among these.",
        "The run third began with the weights of the run second; its credits are among these.",
    )
    before = run_origins(third)
    assert (before.credits, before.sentences) == (lines, sentences)
    for folder in (first, second):
        shutil.rmtree(folder)
    assert run_origins(third) == before


def test_runs_that_began_before_origins_were_stored_are_followed(begin):
    first = begin("first", "rooms")
    second = begin("second", start_from=str(first))
    third = begin("third", "scans", start_from=str(second))
    for folder in (second, third):
        (folder / ORIGINS).unlink()
    assert run_origins(third).credits == ("rooms", "scans")
    shutil.rmtree(first)
    found = run_origins(third)
    assert found.credits == ("scans",)
    assert found.sentences[0] == (
        "The run second began with the weights of the run first, whose credits could not be read: "
        "whose work that builds on is not known."
    )


@pytest.mark.parametrize("content", ["[", "[1]", "name: x", "name: x\nnetwork: 3\ndata: {}"])
def test_a_run_whose_settings_are_damaged_is_said_to_be_unknown(begin, content):
    first = begin("first", "rooms")
    (first / "config.yaml").write_text(content)
    (origin,) = run_origins(begin("second", start_from=str(first))).sentences
    assert "of the run first, whose credits could not be read" in origin


def test_a_cascade_has_the_credits_of_its_depth_network(begin):
    depth = begin("depth", "depths")
    cascade = begin("cascade", "rooms", name="depth_cascade", depth_run=str(depth))
    found = run_origins(cascade)
    assert found.credits == ("depths", "rooms")
    assert found.sentences == (
        "The depth network of the run cascade is that of the run depth; its credits are among "
        "these.",
    )
    # goes on with both networks of the first cascade
    other = begin("other", name="depth_cascade", depth_run="gone", start_from=str(cascade))
    assert run_origins(other).credits == ("depths", "rooms")
    # plays no part in a network without depth
    plain = run_origins(begin("plain", depth_run=str(depth)))
    assert plain.credits == plain.sentences == ()


@pytest.mark.parametrize(
    ("network", "credit"),
    [
        ({"imagenet": True}, IMAGENET_CREDIT),
        (
            {"name": "pspnet", "encoder_weights": "/w/init/resnet50_v2.pth"},
            SEMSEG_CREDIT.format(file="init/resnet50_v2.pth"),
        ),
        (
            {"name": "hrnet_ocr", "encoder_weights": "init/w48/model.safetensors"},
            TIMM_CREDIT.format(file="w48/model.safetensors"),
        ),
        (
            {
                "name": "depth_multitask",
                "config": {"network": "hrnet_ocr"},
                "encoder_weights": "model.safetensors",
            },
            TIMM_CREDIT.format(file="model.safetensors"),
        ),
    ],
)
def test_weights_of_encoders_are_credited_also_in_runs_that_go_on(begin, network, credit):
    first = begin("first", "rooms", **network)
    assert run_origins(first).credits == (credit, "rooms")
    assert run_origins(begin("second", start_from=str(first))).credits == (credit, "rooms")


def test_a_run_that_names_itself_ends(begin, tmp_path):
    folder = begin("circle", "rooms", start_from=str(tmp_path / "circle"))
    found = run_origins(folder)
    assert found.credits == ("rooms",) and not found.sentences
    assert [entry["run"] for entry in found.history if "run" in entry] == ["circle"]


@pytest.mark.parametrize(
    "content",
    [
        "credits: [1]\nsentences: []\nhistory: []\n",
        "credits: []\nsentences: []\n",
        "credits: []\nsentences: []\nhistory: [{run: a}]\n",
        "credits: []\nsentences: []\nhistory: [{commands: []}]\n",
        "credits: []\nsentences: []\nhistory: [{data: [1], commands: []}]\n",
        "credits: []\nsentences: []\nhistory: [{run: a, commands: []}]\n",
    ],
)
def test_origins_that_are_damaged_are_one_sentence_and_a_released_folder_has_none(begin, content):
    second = begin("second", start_from=str(begin("first")))
    (second / ORIGINS).write_text(content)
    with pytest.raises(ExperimentError, match=r"^\S*origins\.yaml is damaged; restore it, or rem"):
        run_origins(second)
    release_folder(second)
    assert not list(second.iterdir())


def test_runs_of_3d_networks_are_treated_alike(tmp_path):
    mapping = {
        "name": "first",
        "label_space": "space.yaml",
        "data": {"root": "r", "credits": ["scans"]},
        "network": {"name": "res16unet14a", "sampling": {"voxel_size": 0.05}},
        "training": {"steps": 1},
    }
    claim_folder(tmp_path / "first", point_experiment_from_mapping(mapping))
    mapping["name"] = "second"
    mapping["data"] = {"root": "r", "credits": ["rooms"]}
    mapping["network"] = mapping["network"] | {"start_from": str(tmp_path / "first")}
    claim_folder(tmp_path / "second", point_experiment_from_mapping(mapping))
    shutil.rmtree(tmp_path / "first")
    found = run_origins(tmp_path / "second")
    assert found.credits == ("scans", "rooms") and len(found.sentences) == 1
    stored = yaml.safe_load((tmp_path / "second" / ORIGINS).read_text())
    assert stored["credits"] == ["scans"]


def test_3d_teachers_are_named_even_when_their_features_are_gone(experiment, tmp_path):
    features = tmp_path / "features"
    features.mkdir()
    FeaturesDescription(6, "some network; licence MIT", credits=["scans"]).write(features)
    experiment["distillation"] = {
        "features": [str(features)],
        "unpaired": {"scans": ["s"], "features": [str(tmp_path / "absent")]},
    }
    folder = tmp_path / "run"
    claim_folder(folder, experiment_from_mapping(experiment))
    shutil.rmtree(features)
    lines = run_origins(folder).credits
    assert "learnt from features of a 3D network: some network; licence MIT" in lines
    assert "scans" in lines
    assert any("absent, which could not be read" in line for line in lines)


def test_a_control_has_only_the_statistics_of_the_features(experiment, tmp_path):
    features = tmp_path / "features"
    features.mkdir()
    FeaturesDescription(6, "some network").write(features)
    experiment["distillation"] = {"features": [str(features)], "projection_weight": 0.0}
    folder = tmp_path / "run"
    claim_folder(folder, experiment_from_mapping(experiment))
    expected = "statistics of the features of a 3D network, nothing else of it: some network"
    assert run_origins(folder).credits == (expected,)


def test_credits_of_an_interrupted_start_do_not_stay(experiment, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ORIGINS).write_text("credits: [another's]\nsentences: []\nhistory: []\n")
    claim_folder(folder, experiment_from_mapping(experiment))
    assert run_origins(folder).credits == ()


def runs(history):
    return [entry["run"] for entry in history if "run" in entry]


def test_history_begins_with_the_run_that_began_it_and_keeps_its_commands(begin):
    first = begin("first")
    record_own_command(first, ["train", "first.yaml"])
    second = begin("second", start_from=str(first))
    cascade = begin("cascade", name="depth_cascade", depth_run=str(second))
    shutil.rmtree(first)
    shutil.rmtree(second)
    record_own_command(cascade, ["train", "cascade.yaml"])
    history = run_origins(cascade).history
    assert runs(history) == ["first", "second", "cascade"]
    commands = [entry["commands"][1:] for entry in history if "run" in entry]
    assert commands[0] == ["python -m training train first.yaml"]
    assert commands[1] == []
    assert commands[2] == ["python -m training train cascade.yaml"]


def test_a_run_that_is_gone_when_another_begins_is_named(begin, tmp_path):
    run = begin("late", start_from=str(tmp_path / "gone"))
    assert runs(run_origins(run).history) == ["gone", "late"]


def test_the_run_whose_statistics_are_used_comes_with_its_history(experiment, tmp_path):
    control = tmp_path / "control"
    claim_folder(control, experiment_from_mapping(experiment | {"name": "the_control"}))
    record_own_command(control, ["train", "control.yaml"])
    file = tmp_path / "statistics.json"
    content = {"run_folder": str(control), "commands": ["# commit 0", "measured"]}
    file.write_text(json.dumps(content))
    experiment["distillation"] = {"statistics_2d_of": str(file)}
    run = tmp_path / "distilled"
    claim_folder(run, experiment_from_mapping(experiment))
    shutil.rmtree(control)
    data, trained, measured, own = run_origins(run).history
    assert data["data"] == experiment["data"]["root"]
    assert trained["experiment"] == "the_control"
    assert trained["commands"][1:] == ["python -m training train control.yaml"]
    assert measured == {"data": str(file), "commands": ["# commit 0", "measured"]}
    assert own["run"] == "distilled"


def test_statistics_of_a_run_that_is_gone_or_of_the_run_itself(experiment, tmp_path):
    file = tmp_path / "statistics.json"
    experiment["distillation"] = {"statistics_2d_of": str(file)}
    for name, before in (("gone", ["gone"]), ("run", [])):
        file.write_text(json.dumps({"run_folder": str(tmp_path / name), "commands": ["measured"]}))
        folder = tmp_path / "run"
        claim_folder(folder, experiment_from_mapping(experiment))
        history = run_origins(folder).history
        assert runs(history) == [*before, "run"]
        assert history[-2] == {"data": str(file), "commands": ["measured"]}
        release_folder(folder)
