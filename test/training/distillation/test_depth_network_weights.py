# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from seg3d2d_ros.networks.registry import build_network
from training.distillation.depth_network_weights import fill_depth_network
from training.engine.checkpoint import CheckpointError, save_checkpoint

CONFIG = {"width": 8}


def write_run(folder, network):
    folder.mkdir()
    (folder / "config.yaml").write_text("name: depth\n")
    save_checkpoint(folder / "checkpoints", 5, {"step": 5, "averaged": network.state_dict()}, 2)


@pytest.fixture
def cascade():
    settings = {"network": "efficientnet_lite_fpn", "config": CONFIG, "depth_config": CONFIG}
    return build_network("depth_cascade", settings, 4)


def test_a_cascade_predicts_the_depth_of_the_run(cascade, tmp_path):
    depth = build_network("efficientnet_lite_fpn", CONFIG, 1).eval()
    write_run(tmp_path / "run", depth)
    fill_depth_network(cascade, tmp_path / "run")
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(cascade.depth_network(image), depth(image))
    assert not any(p.requires_grad for p in cascade.depth_network.parameters())


def test_a_run_of_another_network_is_refused(cascade, tmp_path):
    write_run(tmp_path / "run", build_network("efficientnet_lite_fpn", CONFIG, 4))
    with pytest.raises(CheckpointError, match="another network than the cascade's depth network"):
        fill_depth_network(cascade, tmp_path / "run")
    with pytest.raises(CheckpointError, match="no run folder with a checkpoint"):
        fill_depth_network(cascade, tmp_path / "nothing")
