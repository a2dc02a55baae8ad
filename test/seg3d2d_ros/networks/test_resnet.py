# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The dilated ResNet: strides, dilations, sizes, names of published weights."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from seg3d2d_ros.networks.resnet import DilatedResNet, semseg_name  # noqa: E402


def on_meta(depth: int) -> DilatedResNet:
    with torch.device("meta"):
        return DilatedResNet(depth)


@pytest.mark.parametrize(("depth", "blocks"), [(50, [3, 4, 6, 3]), (101, [3, 4, 23, 3])])
def test_every_3x3_of_the_last_stages_is_dilated_and_only_the_second_strides(depth, blocks):
    encoder = on_meta(depth)
    assert [len(stage) for stage in encoder.stages] == blocks
    for number, stage in enumerate(encoder.stages):
        dilation = (1, 1, 2, 4)[number]
        for k, block in enumerate(stage):
            assert block.conv2.kernel_size == (3, 3)
            assert block.conv2.dilation == block.conv2.padding == (dilation, dilation)
            # of the bottleneck, the 3x3 convolution strides, and the shortcut as it does
            stride = (2, 2) if number == 1 and k == 0 else (1, 1)
            assert block.conv2.stride == stride
            assert block.conv1.stride == block.conv3.stride == (1, 1)
            if k == 0:
                assert block.downsample[0].stride == stride
            else:
                assert isinstance(block.downsample, nn.Identity)
    strides = [layer.stride for layer in encoder.stem if isinstance(layer, nn.Conv2d)]
    assert strides == [(2, 2), (1, 1), (1, 1)] and encoder.stem[-1].stride == 2


def test_parameters_are_those_of_the_published_encoder():
    assert sum(p.numel() for p in on_meta(50).parameters()) == 23_631_808


@pytest.mark.parametrize(
    ("size", "expected"), [((97, 65), (13, 9)), ((64, 96), (8, 12)), ((473, 473), (60, 60))]
)
def test_features_are_an_eighth_of_the_images_size(size, expected):
    stages = on_meta(50)(torch.zeros(1, 3, *size, device="meta"))
    assert [stage.shape[1] for stage in stages] == list(DilatedResNet.channels)
    assert {tuple(stage.shape[2:]) for stage in stages[1:]} == {expected}


def test_a_feature_lies_at_the_pixel_of_its_number_times_eight():
    # all kernels positive: what a pixel can influence becomes larger
    torch.manual_seed(0)
    encoder = DilatedResNet(50).eval()
    for parameter in encoder.parameters():
        parameter.data.abs_()
    with torch.no_grad():
        base = encoder.stages[0](encoder.stem(torch.zeros(1, 3, 65, 65)))
        image = torch.zeros(1, 3, 65, 65)
        image[..., 32, 32] = 1
        seen = (encoder.stages[0](encoder.stem(image)) - base).sum(1)[0]
    rows = torch.nonzero(seen.sum(1) > 0)[:, 0]
    assert (rows.min() + rows.max()) / 2 == 32 / 4


def test_an_unknown_depth_is_refused():
    with pytest.raises(ValueError, match="depth is 34, it must be of 50, 101"):
        DilatedResNet(34)


class DeepStemBlock(nn.Module):
    """A bottleneck under the names of semseg's files."""

    def __init__(self, before: int, width: int, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        if shortcut:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
            )


def published_layers(blocks=(3, 4, 6, 3)) -> nn.Module:
    """Layers under the names of semseg's ImageNet files."""
    network = nn.Module()
    for number, (before, after) in enumerate([(3, 64), (64, 64), (64, 128)], 1):
        setattr(network, f"conv{number}", nn.Conv2d(before, after, 3, bias=False))
        setattr(network, f"bn{number}", nn.BatchNorm2d(after))
    before = 128
    for number, count in enumerate(blocks, 1):
        width = 32 << number
        stage = nn.Sequential()
        for k in range(count):
            stage.append(DeepStemBlock(before, width, k == 0))
            before = 4 * width
        setattr(network, f"layer{number}", stage)
    network.fc = nn.Linear(2048, 1000)
    return network


def test_the_names_of_semsegs_imagenet_weights_fit():
    with torch.device("meta"):
        published = published_layers().state_dict()
    own = on_meta(50).state_dict()
    names = {name: semseg_name(name) for name in own}
    assert set(names.values()) == {name for name in published if not name.startswith("fc.")}
    assert all(own[ours].shape == published[theirs].shape for ours, theirs in names.items())
    assert names["stem.6.weight"] == "conv3.weight"
    assert names["stem.7.running_var"] == "bn3.running_var"
    assert names["stages.2.5.bn2.bias"] == "layer3.5.bn2.bias"
