# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.registry import build_network
from training.engine.settings import ExperimentError
from training.engine.whole_image import WholeImageConfig, WholeImagePredictor

MEAN, STD = (127.0,) * 3, (128.0,) * 3


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    network = build_network("efficientnet_lite_fpn", {"width": 8}, 4)
    return ParsingGraph(network, MEAN, STD, 1.0).eval()


def picture(height, width):
    coarse = np.random.default_rng(2).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("flip", [False, True])
def test_it_parses_the_resized_image_and_resizes_probabilities(graph, flip):
    image = picture(100, 150)
    predict = WholeImagePredictor(graph, WholeImageConfig((64, 128), flip))
    found = predict.probabilities(image)
    small = cv2.resize(image, (128, 64), interpolation=cv2.INTER_AREA)
    seen = [small, small[:, ::-1].copy()] if flip else [small]
    expected = np.zeros((100, 150, 4), np.float32)
    for position, one in enumerate(seen):
        planes = torch.from_numpy(((one - np.float32(127)) / 128).transpose(2, 0, 1).copy())
        with torch.no_grad():
            logits = graph.network(planes[None])
        logits = torch.nn.functional.interpolate(
            logits, (64, 128), mode="bilinear", align_corners=False
        )
        values = torch.softmax(logits, 1)[0].numpy().transpose(1, 2, 0)
        values = values[:, ::-1] if position else values
        expected += cv2.resize(values, (150, 100), interpolation=cv2.INTER_LINEAR) / len(seen)
    np.testing.assert_allclose(found.numpy(), expected.transpose(2, 0, 1), atol=1e-5)
    assert (predict(image) == found.numpy().argmax(0)).all()


def test_an_image_of_that_size_is_taken_as_it_is(graph):
    image = picture(64, 96)
    labels = WholeImagePredictor(graph, WholeImageConfig((64, 96)))(image)
    with torch.no_grad():
        expected = graph(torch.from_numpy(image)[None])[0][0].numpy()
    assert (labels == expected).all()


def test_a_size_that_the_network_cannot_take_is_refused(graph):
    with pytest.raises(ExperimentError, match="384 x 700.*multiples of 32, such as 384 x 704"):
        WholeImagePredictor(graph, WholeImageConfig((384, 700)))
