# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

from seg3d2d_ros.backends import BackendError, create_backend
from seg3d2d_ros.backends.frame_program import FrameProgram
from seg3d2d_ros.bundle import BundleError, InputSpec, ModelBundle
from seg3d2d_ros.bundle_writer import WeightsSource
from seg3d2d_ros.networks.registry import build_network
from seg3d2d_ros.networks.stored_weights import weights_to_safetensors
from seg3d2d_ros.parser import ParserConfig, SceneParser
from seg3d2d_ros.reference_check import agreement, read_references

SIZES = [(480, 640), (1080, 1920), (240, 320), (256, 320), (97, 61)]


@pytest.fixture(scope="module")
def shipped(bundle_path):
    bundle = ModelBundle.load(bundle_path)
    if not any(weights.format == "safetensors" for weights in bundle.weights):
        pytest.skip(f"{bundle_path} holds no safetensors")
    return bundle


@pytest.fixture(scope="module")
def parser(shipped):
    return SceneParser(shipped, ParserConfig("torch", "cpu", "fp32", threads=1))


@pytest.fixture
def cuda():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here that PyTorch can use")
    return torch.device("cuda", 0)


def scene(bundle, height, width):
    """A reference image at another size, so that there is something to see."""
    import cv2

    return cv2.resize(read_references(bundle)[0][0], (width, height))


def test_labels_are_those_of_the_bundle_and_its_other_weights(shipped, parser):
    assert (parser.backend_name, parser.device, parser.precision) == ("torch", "cpu", "fp32")
    assert agreement(parser, read_references(shipped)) >= 99.5
    other = SceneParser(shipped, ParserConfig("onnxruntime", "cpu", "fp32", threads=1))
    image = scene(shipped, 480, 640)
    ours = parser.parse(image, with_confidence=True)
    theirs = other.parse(image, with_confidence=True)
    assert (ours.labels == theirs.labels).mean() >= 0.995
    difference = np.abs(ours.confidence.astype(int) - theirs.confidence)
    assert difference.max() <= 25 and difference.mean() < 1
    assert parser.parse(image).confidence is None


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_program_of_a_frame_gives_what_opencv_and_the_network_give(
    shipped, parser, height, width
):
    """The operations that a CUDA device captures, run on the CPU."""
    image = scene(shipped, height, width)
    expected = parser.parse(image, with_confidence=True)
    program = FrameProgram(
        parser._backend._graph,
        shipped.input,
        (height, width),
        device=torch.device("cpu"),
        with_confidence=True,
    )
    labels, confidence = program(image)
    assert labels.shape == confidence.shape == (height, width)
    # A grey level more or less, which OpenCV's fixed point brings above all where it enlarges.
    enlarged = height * width < shipped.input.height * shipped.input.width
    assert (labels == expected.labels).mean() >= (0.97 if enlarged else 0.99)
    assert np.abs(confidence.astype(int) - expected.confidence).mean() < 2.5
    kept = labels.copy()
    again, _ = program(np.ascontiguousarray(image[:, ::-1]))
    assert np.array_equal(labels, kept) and not np.array_equal(again, labels)


def test_a_backend_that_resizes_is_given_the_image_as_it_is(shipped, parser):
    """As on a CUDA device: the parser leaves both resizes to the backend."""
    whole = SceneParser(shipped, ParserConfig("torch", "cpu", "fp32", threads=1))
    whole._backend.resizes = True
    image = scene(shipped, 480, 640)[::-1]  # negative strides
    for with_confidence in (False, True):
        ours = whole.parse(image, with_confidence=with_confidence)
        expected = parser.parse(image, with_confidence=with_confidence)
        assert (ours.labels == expected.labels).mean() >= 0.99
        assert ours.labels.dtype == np.uint8 and ours.labels.flags.c_contiguous
        assert (ours.confidence is not None) == with_confidence
    for width in range(64, 64 * 8, 64):
        assert whole.parse(scene(shipped, 64, width)).labels.shape == (64, width)
    assert len(whole._backend._programs) == 4


def test_bf16_where_the_cpu_has_it(shipped):
    config = ParserConfig("torch", "cpu", "bf16")
    if torch.backends.cpu.get_cpu_capability() == "AVX2":
        with pytest.raises(Exception, match="no bf16 arithmetic"):
            SceneParser(shipped, config)
    else:
        assert agreement(SceneParser(shipped, config), read_references(shipped)) >= 97


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "int8"}, "does not compute in int8"),
        ({"precision": "fp16", "device": "cpu"}, "in fp16 on a CUDA device only"),
        ({"device": "cuda:99"}, "device cuda:99 was asked for, but"),
    ],
)
def test_choices_that_cant_be_had_are_refused(shipped, changes, message):
    choices = {"device": "auto", "precision": "auto", "threads": 1} | changes
    with pytest.raises(BackendError, match=message):
        create_backend(shipped, name="torch", **choices)


def small_bundle(write_channel_bundle, folder, content, **network):
    path = folder / "weights.safetensors"
    path.write_bytes(content)
    settings = {"name": "efficientnet_lite_fpn", "config": {"variant": 0, "width": 8}} | network
    return write_channel_bundle(
        folder / "model",
        network=settings,
        input=InputSpec(64, 64, 32, (127.0,) * 3, (128.0,) * 3),
        output_stride=4,
        weights=[WeightsSource(path, "safetensors", "fp32")],
    )


def make(bundle):
    return create_backend(bundle, name="torch", device="cpu", precision="auto", threads=1)


def test_weights_and_networks_that_do_not_fit_are_one_sentence(write_channel_bundle, tmp_path):
    network = build_network("efficientnet_lite_fpn", {"variant": 0, "width": 8}, 3)
    good = weights_to_safetensors(network)
    cases = [
        ((good[:-9], {}), "holds no safetensors"),
        ((good, {"config": {"variant": 0, "width": 16}}), "holds the weights of another network"),
        ((good, {"name": "vgg"}), "there is no network 'vgg'"),
        ((good, {"config": {"depth": 3}}), "has no setting 'depth'"),
        ((good, {"config": {"variant": 7}}), "can't be built"),
        ((good, {"config": {"variant": 0, "width": "wide"}}), "can't be built"),
    ]
    for k, ((content, changes), message) in enumerate(cases):
        folder = tmp_path / str(k)
        folder.mkdir()
        bundle = small_bundle(write_channel_bundle, folder, content, **changes)
        with pytest.raises(BundleError, match=message) as raised:
            make(bundle)
        assert "\n" not in str(raised.value)
    bundle = small_bundle(write_channel_bundle, tmp_path, good)
    odd = dataclasses.replace(bundle, output_stride=8)
    with pytest.raises(BundleError, match="states stride 8"):
        make(odd)
    assert make(bundle).device == "cpu"


def test_a_runtime_failure_is_one_sentence(parser):
    with pytest.raises(BackendError, match="PyTorch failed: ") as raised:
        parser._backend.infer(np.zeros((50, 64, 5), np.uint8), with_confidence=False)
    assert "\n" not in str(raised.value)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_cuda_gives_the_labels_of_the_bundle(cuda, shipped, parser, precision):
    on_cuda = SceneParser(shipped, ParserConfig("torch", "cuda", precision))
    assert (on_cuda.device, on_cuda.precision) == ("cuda:0", precision)
    assert agreement(on_cuda, read_references(shipped)) >= 99.5
    for height, width in SIZES:
        image = scene(shipped, height, width)
        ours = on_cuda.parse(image, with_confidence=True)
        expected = parser.parse(image, with_confidence=True)
        assert (ours.labels == expected.labels).mean() >= 0.985
        assert np.abs(ours.confidence.astype(int) - expected.confidence).mean() < 2


@pytest.mark.cuda
def test_cuda_replays_a_graph_that_follows_its_input(cuda, shipped):
    on_cuda = SceneParser(shipped, ParserConfig("torch", "cuda"))
    image = scene(shipped, 480, 640)
    first = on_cuda.parse(image).labels
    mirrored = on_cuda.parse(np.ascontiguousarray(image[:, ::-1])).labels
    assert not np.array_equal(first, mirrored)
    assert np.array_equal(on_cuda.parse(image).labels, first)
    assert on_cuda._backend._program(480, 640, False)._run.__name__ == "replay"


@pytest.mark.cuda
def test_auto_takes_torch_on_cuda(cuda, shipped):
    assert SceneParser(shipped, ParserConfig()).backend_name == "torch"
