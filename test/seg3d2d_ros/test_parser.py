# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from seg3d2d_ros.backends import installed_backends
from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.parser import (
    ParseFailure,
    ParserConfig,
    ParserError,
    SceneParser,
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


@pytest.mark.parametrize("size", [(48, 64), (120, 90), (27, 200)])
def test_a_prepared_image_gives_the_same(parser, size):
    image = noise(*size)
    whole = parser.parse(image, with_confidence=True)
    prepared = parser.prepare(image)
    assert not isinstance(parser.parse(noise(48, 64, 1)), ParseFailure)  # another between
    parts = parser.parse(prepared, with_confidence=True)
    assert np.array_equal(parts.labels, whole.labels)
    assert np.array_equal(parts.confidence, whole.confidence)
    assert parts.timings.preprocess_s == prepared.preprocess_s > 0


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
    assert parser.prepare(image) == result
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
    assert len(labels) >= 2
    expected = labels.pop("onnxruntime")
    for name, others in labels.items():
        for first, second in zip(expected, others, strict=True):
            assert (first == second).mean() >= 0.995, name


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
