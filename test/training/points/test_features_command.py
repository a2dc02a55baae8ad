# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb `points features` as users meet it."""

from __future__ import annotations

import resource

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("trimesh")
pytest.importorskip("safetensors")

from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.data.manifest import ScanRow, write_scans  # noqa: E402
from training.data.scan import Scan, write_ply  # noqa: E402
from training.points.features.features_folder import PointFeatures  # noqa: E402
from training.points.networks.registry import build_point_network  # noqa: E402
from training.points.point_model import save_point_model  # noqa: E402


@pytest.fixture
def folders(tmp_path, repository):
    """A model and a prepared data set of two scans, the second of them damaged."""
    space = LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")
    torch.manual_seed(0)
    save_point_model(
        tmp_path / "model",
        build_point_network("res16unet14a", {"conv1_kernel_size": 3}, 20),
        space,
        network_name="res16unet14a",
        config={"conv1_kernel_size": 3},
        sampling={"voxel_size": 0.2},
        licence="CC0-1.0",
        source="random weights",
    )
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 3, (200, 3)).astype(np.float32)
    colors = rng.integers(1, 256, (200, 3), np.uint8)
    write_ply(prepared / "good.ply", Scan(points, colors, np.full(200, 1, np.uint16)))
    (prepared / "bad.ply").write_bytes((prepared / "good.ply").read_bytes()[:700])
    write_scans(
        prepared,
        [
            ScanRow("bad", "train", "ply", "bad.ply"),
            ScanRow("good", "train", "ply", "good.ply"),
            ScanRow("later", "val", "ply", "good.ply"),
        ],
    )
    (prepared / "label_space.yaml").write_text(yaml.safe_dump(space.to_mapping()))
    (prepared / "dataset.yaml").write_text("dataset: scannet\nlabel_source: nyu40\n")
    return tmp_path / "model", prepared, tmp_path / "features"


def run(model, prepared, out, *words):
    return main(["points", "features", str(model), str(prepared), "--out", str(out), *words])


def test_damaged_scenes_are_counted_and_the_exit_status_says_so(folders, capsys):
    assert run(*folders) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("train: 1 scene, 200 points, width 96, standard deviation")
    assert printed[1].startswith("val: 1 scene, 200 points")
    assert any(line.startswith("no features of 1 scene, see ") for line in printed)
    assert (folders[2] / "defects.txt").read_text().count("\n") == 1
    # the whole of the one that can be used, and nothing of the other
    features = PointFeatures(folders[2])
    assert features.statistics.count == 200
    (command,) = (folders[2] / "commands.txt").read_text().splitlines()[1:]
    assert command.startswith("python -m training points features ")
    assert not features.path("bad").exists()


def test_without_defects_the_exit_status_is_0(folders, capsys):
    assert run(*folders, "--split", "val") == 0
    assert (folders[2] / "defects.txt").read_text() == ""
    assert not PointFeatures(folders[2]).path("good").exists()
    assert run(*folders, "--split", "val", "--split", "test") == 1
    assert "has no scan of the split 'test', only of train, val" in capsys.readouterr().err


def test_what_cannot_be_used_is_one_line(folders, tmp_path, capsys):
    model, prepared, out = folders
    for words, complaint in (
        ((tmp_path / "none", prepared, out), "holds no point model"),
        ((model, tmp_path / "none", out), "scans.jsonl cannot be read"),
        ((model, prepared, out, "--device", "cuda:99"), "device 'cuda:99' can't be had"),
        ((model, prepared, prepared / "good.ply"), "good.ply"),
    ):
        assert run(*words) == 1
        message = capsys.readouterr().err
        assert message.startswith("error: ") and message.count("\n") == 1
        assert complaint in message
    assert not out.exists()


def test_a_write_that_fails_is_one_line_and_the_same_command_goes_on(folders, capsys):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        assert run(*folders) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    printed = capsys.readouterr().err.splitlines()[-1]
    assert printed == "error: something can't be written or read: File too large"
    assert run(*folders, "--split", "val") == 0
