# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.registry import build_network
from training.engine.settings import ExperimentError
from training.engine.sliding_window import (
    SlidingWindowConfig,
    SlidingWindowPredictor,
    window_starts,
)

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class SameLogits(nn.Module):
    """The same logits wherever one looks."""

    output_stride, multiple, align_corners, feature_width, num_classes = 8, 8, True, 1, 3

    def forward(self, image):
        rows, columns = (-(-side // 8) for side in image.shape[2:])
        return torch.tensor([0.5, 2.0, -1.0]).view(1, 3, 1, 1).expand(len(image), 3, rows, columns)


def real_graph(name, **config):
    torch.manual_seed(3)
    network = build_network(name, config, 5)
    with torch.no_grad():  # logits that differ
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return ParsingGraph(network, MEAN, STD, 1.0).eval()


def picture(height, width):
    coarse = np.random.default_rng(5).integers(0, 256, (7, 9, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def literal_probabilities(graph, image, base, scales, crop, align_corners):
    """The published procedure, one crop and one step at a time, in NumPy and OpenCV."""
    height, width = image.shape[:2]
    whole = np.zeros((height, width, 5))
    for scale in scales:
        longer = round(scale * base)
        if height > width:
            new_h, new_w = longer, round(longer / float(height) * width)
        else:
            new_h, new_w = round(longer / float(width) * height), longer
        scaled = cv2.resize(np.float32(image), (new_w, new_h), interpolation=cv2.INTER_LINEAR)
        pad_h, pad_w = max(crop - new_h, 0), max(crop - new_w, 0)
        top, left = int(pad_h / 2), int(pad_w / 2)
        scaled = cv2.copyMakeBorder(
            scaled, top, pad_h - top, left, pad_w - left, cv2.BORDER_CONSTANT, value=MEAN
        )
        padded_h, padded_w = scaled.shape[:2]
        stride = math.ceil(crop * 2 / 3)
        rows = math.ceil((padded_h - crop) / stride) + 1
        columns = math.ceil((padded_w - crop) / stride) + 1
        summed, counts = np.zeros((padded_h, padded_w, 5)), np.zeros((padded_h, padded_w, 1))
        for i in range(rows):
            for j in range(columns):
                end_v = min(i * stride + crop, padded_h)
                end_u = min(j * stride + crop, padded_w)
                window = scaled[end_v - crop : end_v, end_u - crop : end_u]
                parsed = np.zeros((crop, crop, 5))
                for mirrored in (False, True):
                    seen = window[:, ::-1] if mirrored else window
                    planes = ((seen - np.float32(MEAN)) / np.float32(STD)).transpose(2, 0, 1)
                    with torch.no_grad():
                        logits = graph.network(torch.from_numpy(np.ascontiguousarray(planes))[None])
                        logits = nn.functional.interpolate(
                            logits, (crop, crop), mode="bilinear", align_corners=align_corners
                        )
                        values = torch.softmax(logits, 1)[0].numpy().transpose(1, 2, 0)
                    parsed += values[:, ::-1] if mirrored else values
                summed[end_v - crop : end_v, end_u - crop : end_u] += parsed / 2
                counts[end_v - crop : end_v, end_u - crop : end_u] += 1
        mean = (summed / counts)[top : top + new_h, left : left + new_w]
        whole += cv2.resize(np.float32(mean), (width, height), interpolation=cv2.INTER_LINEAR)
    return (whole / len(scales)).transpose(2, 0, 1)


def test_windows_lie_as_published():
    assert window_starts(473, 473, 2 / 3) == [0]
    assert window_starts(474, 473, 2 / 3) == [0, 1]
    assert window_starts(1297, 473, 2 / 3) == [0, 316, 632, 824]
    config = SlidingWindowConfig()
    sizes = [config.scaled(968, 1296, scale) for scale in config.scales]
    assert sizes[2] == (969, 1297)
    assert sizes[0] == (484, 648)
    windows = [
        len(window_starts(h, 473, 2 / 3)) * len(window_starts(w, 473, 2 / 3)) for h, w in sizes
    ]
    assert sum(windows) == 107  # as many as the published test takes of a frame of ScanNet
    assert config.scaled(1296, 968, 1.0) == (1297, 969)


def test_equal_logits_everywhere_average_to_themselves():
    graph = ParsingGraph(SameLogits(), MEAN, STD, 1.0)
    config = SlidingWindowConfig(base_size=120, scales=(0.5, 1.0, 1.75), crop=(57, 65))
    expected = torch.softmax(torch.tensor([0.5, 2.0, -1.0]), 0).view(3, 1, 1)
    for shape in ((90, 120), (121, 33)):
        predict = SlidingWindowPredictor(graph, config)
        found = predict.probabilities(picture(*shape))
        assert found.shape == (3, *shape)
        assert (found - expected).abs().max() < 1e-6
        labels = predict(picture(*shape))
        assert labels.dtype == np.uint8
        assert (labels == 1).all()


@pytest.mark.parametrize(
    ("name", "settings", "crop", "aligned"),
    [
        ("pspnet", {}, 97, True),
        ("efficientnet_lite_fpn", {"width": 8}, 96, False),
    ],
)
def test_probabilities_are_those_of_the_published_procedure(name, settings, crop, aligned):
    graph = real_graph(name, **settings)
    image = picture(100, 140)
    config = SlidingWindowConfig(base_size=140, scales=(0.5, 1.0), crop=(crop, crop), windows=2)
    found = SlidingWindowPredictor(graph, config).probabilities(image).numpy()
    expected = literal_probabilities(graph, image, 140, (0.5, 1.0), crop, aligned)
    assert found.std(axis=(1, 2)).max() > 1e-3  # the network tells places apart
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_progress_counts_every_window():
    seen = []
    config = SlidingWindowConfig(base_size=120, scales=(0.5, 1.0), crop=(57, 57), windows=3)
    graph = ParsingGraph(SameLogits(), MEAN, STD, 1.0)
    SlidingWindowPredictor(graph, config, watch=lambda *done: seen.append(done))(picture(90, 120))
    # at half the size two windows of 57 in 60 columns, at full size two by three
    assert seen == [(2, 8), (5, 8), (8, 8)]


def test_crops_that_the_network_cannot_take_are_refused():
    graph = ParsingGraph(SameLogits(), MEAN, STD, 1.0)
    with pytest.raises(ExperimentError, match="470 x 473.*multiples of 8, or of 8 and one more"):
        SlidingWindowPredictor(graph, SlidingWindowConfig(crop=(470, 473)))
    student = ParsingGraph(build_network("efficientnet_lite_fpn", {"width": 8}, 3), MEAN, STD, 1.0)
    with pytest.raises(ExperimentError, match="such as 480 x 480"):
        SlidingWindowPredictor(student, SlidingWindowConfig())


@pytest.mark.parametrize(
    "setting", [{"scales": ()}, {"scales": (0.0,)}, {"stride_share": 0.0}, {"windows": 0}]
)
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ExperimentError):
        SlidingWindowConfig(**setting)


def test_images_that_would_be_too_large_are_refused():
    with pytest.raises(ExperimentError, match="smaller scales"):
        SlidingWindowConfig(scales=(100.0,)).scaled(968, 1296, 100.0)
