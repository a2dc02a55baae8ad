# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The exported graph against a NumPy account of the same arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.parsing_graph import ParsingGraph  # noqa: E402


class Pooled(torch.nn.Module):
    """Logits whose values are known: four-by-four means of the channels and their negatives."""

    num_classes = 6
    output_stride = 4
    multiple = 4
    align_corners = False

    def forward(self, image):
        pooled = torch.nn.functional.avg_pool2d(image, 4)
        return torch.cat([pooled, -pooled], 1)


def upsampled(maps, stride):
    """Bilinear with pixel centres at half integers, edges repeated; one axis after the other."""

    def along(values, axis):
        size = values.shape[axis]
        place = np.clip((np.arange(size * stride) + 0.5) / stride - 0.5, 0, size - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, size - 1)
        part = (place - low).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
        return np.take(values, low, axis) * (1 - part) + np.take(values, high, axis) * part

    return along(along(maps, maps.ndim - 2), maps.ndim - 1)


def test_labels_and_confidence():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (2, 24, 32, 3), np.uint8)
    mean, std, temperature = np.array([100.0, 127.0, 140.0]), np.array([30.0, 64.0, 50.0]), 0.7
    graph = ParsingGraph(Pooled(), mean.tolist(), std.tolist(), temperature)
    labels, confidence = graph(torch.from_numpy(image))
    assert labels.dtype == confidence.dtype == torch.uint8
    assert labels.shape == confidence.shape == (2, 24, 32)

    planes = ((image - mean) / std).transpose(0, 3, 1, 2)
    pooled = planes.reshape(2, 3, 6, 4, 8, 4).mean((3, 5))
    logits = np.concatenate([pooled, -pooled], 1)
    expected = upsampled(logits, 4)
    first, second = np.sort(expected, 1)[:, -1], np.sort(expected, 1)[:, -2]
    decided = first - second > 1e-4
    assert decided.mean() > 0.95
    assert np.array_equal(labels.numpy()[decided], expected.argmax(1)[decided])
    scaled = np.exp(logits / temperature)
    certainty = (scaled / scaled.sum(1, keepdims=True)).max(1)
    difference = confidence.numpy() - 255 * upsampled(certainty, 4)
    assert np.abs(difference).max() < 0.51


def test_of_equal_classes_the_first_wins_wherever_it_runs(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    openvino = pytest.importorskip("openvino")
    from seg3d2d_ros.bundle import InputSpec
    from training.onnx_graph import export_onnx

    # Grey pictures: three equal logits; those darker than the mean: the negatives, equal again.
    graph = ParsingGraph(Pooled(), [100.0] * 3, [1.0] * 3, 1.0)
    image = np.full((1, 16, 32, 3), 180, np.uint8)
    image[:, :, 16:] = 20
    path = tmp_path / "graph.onnx"
    export_onnx(graph, InputSpec(16, 32, 4, (100.0,) * 3, (1.0,) * 3), path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    compiled = openvino.compile_model(openvino.Core().read_model(path), "CPU")
    for labels in (
        graph(torch.from_numpy(image))[0].numpy(),
        session.run(["labels"], {"image": image})[0],
        compiled({"image": image})["labels"],
    ):
        assert (labels[0, :, :12] == 0).all() and (labels[0, :, 20:] == 3).all()


def test_more_than_255_classes():
    class Many(Pooled):
        num_classes = 300

        def forward(self, image):
            shift = torch.arange(300.0).view(1, 300, 1, 1)
            return image[:, :1, ::4, ::4] * 0 + shift

    labels, _ = ParsingGraph(Many(), [0.0] * 3, [1.0] * 3, 1.0)(
        torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    )
    assert labels.dtype == torch.int32
    assert (labels == 299).all()


class EveryFourth(Pooled):
    """Logits that are known at every fourth pixel, as convolutions with strides put them."""

    align_corners = True

    def forward(self, image):
        return torch.cat([image, -image], 1)[..., ::4, ::4]


def test_features_at_the_corners_are_put_where_they_are():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (1, 24, 32, 3), np.uint8)
    graph = ParsingGraph(EveryFourth(), [127.0] * 3, [60.0] * 3, 1.0)
    labels, confidence = graph(torch.from_numpy(image))
    assert labels.shape == confidence.shape == (1, 24, 32)
    planes = (image[0].astype(np.float64) - 127) / 60
    both = np.concatenate([planes, -planes], 2)
    assert np.array_equal(labels[0, ::4, ::4].numpy(), both[::4, ::4].argmax(2))
    # beyond the last feature, pixels are like the one at it
    assert (labels[0, 21:] == labels[0, 20]).all()
    assert (labels[0, :, 29:] == labels[0, :, 28:29]).all()
