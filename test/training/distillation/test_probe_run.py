# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os

import cv2
import pytest

pytest.importorskip("tensorboard")

from training.__main__ import main
from training.distillation import probe_run as probe_module
from training.engine.experiment import experiment_from_mapping
from training.engine.trainer import Trainer


@pytest.fixture
def run(prepared, experiment, tmp_path):
    experiment["data"] = {"root": str(prepared)}
    experiment["input"] = {"height": 64, "width": 96}
    experiment["training"]["steps"] = 1
    Trainer(experiment_from_mapping(experiment), tmp_path / "run", show_progress=False).run()
    return tmp_path / "run"


def words(run, *more):
    few = ["--steps", "3", "--batch", "2", "--shown", "2", *more]
    return ["probe-depth", str(run), "--layers", "stride-4", "decoder", *few]


def test_layers_have_figures_and_a_picture(run, capsys):
    assert main(words(run)) == 0
    told = capsys.readouterr().out
    result = json.loads((run / "depth_probe" / "depth_probe.json").read_text())
    assert [each["layer"] for each in result["layers"]] == ["stride-4", "decoder"]
    assert result["size"] == [64, 96]
    for each in result["layers"]:
        assert f"SSIM {each['ssim']:.3f}" in told
        assert each["frames"] == 2
    assert "Wang 2004" in result["rule"]
    picture = cv2.imread(str(run / "depth_probe" / "depth_maps.png"))
    assert picture.shape == (44 + 2 * (128 + 4), 4 * 196, 3)  # image, measured and two layers


def test_it_goes_on_after_the_last_finished_layer(run, tmp_path, monkeypatch, capsys):
    assert main(words(run)) == 0
    whole = run / "depth_probe"
    probe_layer, probed = probe_module.probe_layer, []

    def until_the_second(graph, layer, *frames, **settings):
        probed.append(layer)
        if len(probed) == 2:
            raise KeyboardInterrupt
        return probe_layer(graph, layer, *frames, **settings)

    out = tmp_path / "again"
    monkeypatch.setattr(probe_module, "probe_layer", until_the_second)
    assert main(words(run, "--out", str(out))) == 130
    assert not (out / "depth_probe.json").exists()
    assert main(words(run, "--out", str(out))) == 0
    assert probed == ["stride-4", "decoder", "decoder"]
    # what was finished at once and what went on is the same to the byte
    for name in ("depth_probe.json", "depth_maps.png"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert main(words(run, "--out", str(out))) == 0
    assert len(probed) == 3


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--seed", "7"], "holds a probe with other settings (probe.seed); use another --out"),
        (["--layers", "res-block-4"], "no layer 'res-block-4'; there are stride-2, stride-4"),
        (["--data", os.devnull], "depth images are only known of data sets"),
        (["--device", "abacus"], "device 'abacus' can't be had"),
        (["--seed", "-1"], "--seed is -1"),
    ],
)
def test_what_does_not_fit_is_one_sentence(run, more, sentence, capsys):
    if "7" in more:
        assert main(words(run)) == 0
    assert main([*words(run), *more]) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
