# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.registry import build_network
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestFrames
from training.distillation.depth_probe import ProbeConfig, probe_layer, shown_frames
from training.distillation.depth_targets import MeasuredDepth
from training.distillation.probe_frames import probe_grid, probe_size, read_probe_frames
from training.engine.settings import ExperimentError

MEAN = (127.0,) * 3


class Aligned(torch.nn.Module):
    """The lattice of a PSPNet."""

    output_stride, multiple, align_corners = 8, 8, True


@pytest.fixture
def graph():
    torch.manual_seed(0)
    network = build_network("efficientnet_lite_fpn", {"width": 8}, 3)
    return ParsingGraph(network, MEAN, MEAN, 1.0).eval()


@pytest.fixture
def splits(prepared, repository, graph):
    space = LabelSpace.load(repository / "config/labels/scannet20.yaml")
    depth = MeasuredDepth(prepared)
    return tuple(
        read_probe_frames(
            ManifestFrames(prepared, split, space), depth, graph.network, (64, 96), 100
        )
        for split in ("train", "val")
    )


def test_frames_have_images_and_depth_on_the_networks_lattice(splits, graph):
    train, val = splits
    assert (len(train), len(val)) == (6, 2)
    assert train.images.shape == (6, 64, 96, 3)
    assert train.shape == (16, 24)
    assert train.depth.amax() == pytest.approx(4.0, abs=1e-3)
    assert (val.depth > 0).float().mean() > 0.8
    assert val.names == ("scene_val/val0", "scene_val/val1")
    assert probe_size(graph.network, 60, 96) == (64, 96)
    assert probe_size(Aligned(), 473, 480) == (473, 481)
    assert probe_grid(Aligned()).shape(473, 481) == (119, 121)


def test_a_decoder_learns_the_depth_that_a_layer_tells(splits, graph):
    before = {name: value.clone() for name, value in graph.state_dict().items()}
    train, losses = splits[0], []
    config = ProbeConfig(steps=20, batch=6, learning_rate=1e-2, width=16)
    found = probe_layer(
        graph, "stride-2", train, train, shown=1, config=config, step_done=losses.append
    )
    assert len(losses) == 20
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
    logs = train.depth[train.depth > 0].log()
    constant = float((logs - logs.median()).abs().mean())
    assert found.log_error < 0.7 * constant  # of what the best constant misses by
    assert (found.layer, found.channels, found.frames) == ("stride-2", 16, 6)
    assert found.shown.shape == (1, 16, 24)
    scrambled = dataclasses.replace(train, depth=train.depth.roll(1, 0))
    other = probe_layer(graph, "stride-2", scrambled, train, config=config)
    assert other.ssim < found.ssim <= 1  # depth of another picture is less alike
    assert all(torch.equal(before[name], value) for name, value in graph.state_dict().items())


def test_the_same_seed_gives_the_same_figures_whatever_was_drawn_before(splits, graph):
    config = ProbeConfig(steps=3, batch=2, width=8)
    one = probe_layer(graph, "decoder", *splits, config=config)
    torch.rand(7)
    two = probe_layer(graph, "decoder", *splits, config=config)
    assert (one.ssim, one.log_error) == (two.ssim, two.log_error)
    assert (one.shown == two.shown).all()


def test_layers_and_settings_that_are_not_there_are_named(splits, graph):
    with pytest.raises(ExperimentError, match="no layer 'stem'; there are stride-2, stride-4"):
        probe_layer(graph, "stem", *splits)
    with pytest.raises(ExperimentError, match="must be above 0"):
        ProbeConfig(steps=0)


def test_a_split_without_depth_is_refused(prepared, repository, graph):
    for file in prepared.glob("val*_depth.png"):
        file.unlink()
    space = LabelSpace.load(repository / "config/labels/scannet20.yaml")
    frames = ManifestFrames(prepared, "val", space)
    with pytest.raises(DatasetError, match="none of the frames of the split 'val'"):
        read_probe_frames(frames, MeasuredDepth(prepared), graph.network, (64, 96), 9)


def test_shown_frames_are_spread():
    assert shown_frames(10, 4) == [0, 3, 6, 9]
    assert shown_frames(2, 4) == [0, 1]
