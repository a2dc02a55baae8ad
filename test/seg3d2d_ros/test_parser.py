# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from seg3d2d_ros.backends import installed_backends
from seg3d2d_ros.bundle import InputSpec, ModelBundle
from seg3d2d_ros.parser import (
    ParseFailure,
    ParserConfig,
    ParserError,
    SceneParser,
    network_size,
    resize_nearest,
    resize_to_network,
)


@pytest.fixture(scope="module", params=["openvino", "onnxruntime"])
def parser(request, channel_bundle):
    pytest.importorskip(request.param)
    return SceneParser(channel_bundle, ParserConfig(backend=request.param, threads=1))


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_labels_equal_brute_force_at_network_size(parser):
    image = noise(48, 64)
    result = parser.parse(image)
    assert np.array_equal(result.labels, np.argmax(image, axis=2))
    assert result.labels.dtype == np.uint8
    assert result.confidence is None
    assert result.timings.total_s > 0


def test_confidence_is_the_tempered_softmax(parser):
    image = noise(48, 64)
    result = parser.parse(image, with_confidence=True)
    exponentials = np.exp(image.astype(np.float64) / 64 / 2.0)
    expected = 255 * exponentials.max(2) / exponentials.sum(2)
    assert np.abs(result.confidence - expected).max() <= 0.51
    assert result.confidence.flags.c_contiguous


@pytest.mark.parametrize("size", [(96, 128), (480, 640), (27, 200), (1, 1), (300, 20)])
def test_labels_have_the_images_size(parser, size):
    image = np.full((*size, 3), (10, 200, 30), np.uint8)
    result = parser.parse(image, with_confidence=True)
    assert result.labels.shape == result.confidence.shape == size
    assert (result.labels == 1).all()
    assert result.labels.flags.c_contiguous


def test_strided_views_are_read_as_they_are(parser):
    image = noise(96, 128)
    assert np.array_equal(
        parser.parse(image[::2, ::2, ::-1]).labels, np.argmax(image[::2, ::2, ::-1], axis=2)
    )


def test_a_result_outlives_the_next_image(parser):
    first = parser.parse(noise(48, 64, 1))
    kept = first.labels.copy()
    parser.parse(noise(48, 64, 2))
    assert np.array_equal(first.labels, kept)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        None,
    ],
)
def test_what_is_no_image_is_a_failure_and_the_parser_goes_on(parser, image):
    result = parser.parse(image)
    assert isinstance(result, ParseFailure)
    assert "image" in result.reason
    assert not isinstance(parser.parse(noise(48, 64)), ParseFailure)


def test_a_batch_is_each_image_by_itself(parser):
    images = [noise(48, 64, 1), None, noise(20, 30, 2)]
    results = parser.parse_batch(images)
    assert isinstance(results[1], ParseFailure)
    for k in (0, 2):
        assert np.array_equal(results[k].labels, parser.parse(images[k]).labels)


def test_backends_agree_on_the_shipped_model(bundle_path):
    bundle = ModelBundle.load(bundle_path)
    images = [noise(240, 320, seed)[:, :, :] // 2 + 60 for seed in range(2)]
    labels = {
        name: [
            SceneParser(bundle, ParserConfig(backend=name, precision="fp32")).parse(image).labels
            for image in images
        ]
        for name in installed_backends()
    }
    assert len(labels) == 2
    one, other = labels.values()
    for first, second in zip(one, other, strict=True):
        assert (first == second).mean() >= 0.995


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ParserConfig(backend="tensorflow"), "unknown backend 'tensorflow'"),
        (ParserConfig(device="tpu"), "unknown device 'tpu'"),
        (ParserConfig(device="cuda:x"), "unknown device 'cuda:x'"),
        (ParserConfig(precision="fp8"), "unknown precision 'fp8'"),
        (ParserConfig(threads=-1), "threads is -1"),
        (ParserConfig(backend="onnxruntime", precision="bf16"), "computes in fp32, not bf16"),
        (ParserConfig(backend="openvino", device="cuda"), "runs on the CPU, not on cuda"),
    ],
)
def test_choices_that_cant_be_had_are_refused(channel_bundle, config, message):
    with pytest.raises(ParserError, match=message):
        SceneParser(channel_bundle, config)


def test_asking_for_cuda_where_there_is_none_is_an_error(channel_bundle):
    from seg3d2d_ros.backends.onnxruntime import cuda_available

    if cuda_available():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(ParserError, match="has no CUDA: pip install onnxruntime-gpu"):
        SceneParser(channel_bundle, ParserConfig(device="cuda:0"))
    assert SceneParser(channel_bundle, ParserConfig(device="auto")).device == "cpu"


def test_network_size_by_brute_force():
    spec = InputSpec(288, 384, 32, (0.0,) * 3, (1.0,) * 3)
    for height, width in [(480, 640), (1080, 1920), (968, 1296), (480, 848), (640, 480), (5, 5)]:
        h, w = network_size(spec, height, width)
        assert h % 32 == w % 32 == 0
        # not far from the best that any two multiples can do in aspect ratio and area
        assert abs(np.log(h * width / (w * height))) < 0.12
        assert abs(np.log(h * w / (288 * 384))) < 0.12
    assert network_size(spec, 480, 640) == (288, 384)
    assert network_size(spec, 1, 100000) == (32, 1536)


def test_resize_nearest_takes_the_pixel_under_the_centre():
    # odd sizes to even ones: no centre falls on an edge, where either pixel would be right
    labels = np.arange(63, dtype=np.uint8).reshape(7, 9)
    for height, width in [(14, 18), (4, 6), (8, 32), (480, 640)]:
        expected = np.empty((height, width), np.uint8)
        for v in range(height):
            for u in range(width):
                expected[v, u] = labels[
                    (2 * v + 1) * 7 // (2 * height), (2 * u + 1) * 9 // (2 * width)
                ]
        assert np.array_equal(resize_nearest(labels, height, width), expected)
    assert np.array_equal(resize_nearest(labels, 7, 9), labels)


def test_resize_to_network_averages_areas():
    spec = InputSpec(48, 64, 16, (0.0,) * 3, (1.0,) * 3)
    image = noise(96, 128)
    blocks = image.reshape(48, 2, 64, 2, 3).astype(np.float64).mean((1, 3))
    assert np.abs(resize_to_network(image, spec) - blocks).max() <= 0.5
