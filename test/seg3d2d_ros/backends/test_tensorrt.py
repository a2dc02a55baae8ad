# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("onnxruntime")

import onnxruntime

from seg3d2d_ros.backends import BackendError
from seg3d2d_ros.backends import tensorrt as module
from seg3d2d_ros.backends.tensorrt import TensorRTBackend
from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.parser import ParserConfig, SceneParser
from seg3d2d_ros.reference_check import agreement, read_references


def make(bundle, **changes):
    return TensorRTBackend(
        bundle, **({"device": "auto", "precision": "auto", "threads": 1} | changes)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "cpu"}, "on CUDA devices only"),
        ({"precision": "int8"}, "fp16 or fp32, not int8"),
        ({}, "has no TensorRT here: pip install onnxruntime-gpu and tensorrt"),
    ],
)
def test_choices_that_cant_be_had_are_refused(channel_bundle, changes, message):
    if "TensorrtExecutionProvider" in onnxruntime.get_available_providers() and not changes:
        pytest.skip("this ONNX Runtime has TensorRT")
    with pytest.raises(BackendError, match=message):
        make(channel_bundle, **changes)


def test_sizes_and_sessions_with_the_cpu_in_the_place_of_the_device(
    channel_bundle, tmp_path, monkeypatch
):
    """The same code with ONNX Runtime's CPU provider standing where TensorRT's is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "_TENSORRT", "CPUExecutionProvider")
    backend = make(channel_bundle)
    assert (backend.name, backend.device, backend.precision) == ("tensorrt", "cuda:0", "fp16")
    for width in range(16, 112, 16):
        image = np.random.default_rng(width).integers(0, 256, (32, width, 3), np.uint8)
        labels, confidence = backend.infer(image, with_confidence=width % 32 == 0)
        assert np.array_equal(labels, np.argmax(image, 2))
        assert (confidence is not None) == (width % 32 == 0)
    assert len(backend._sessions) == 4
    assert len(list((tmp_path / "seg3d2d" / "engines").iterdir())) == 1


@pytest.mark.cuda
def test_tensorrt_gives_the_labels_of_the_bundle(bundle_path):
    if "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has no TensorRT")
    bundle = ModelBundle.load(bundle_path)
    parser = SceneParser(bundle, ParserConfig("tensorrt", "cuda"))
    assert agreement(parser, read_references(bundle)) >= 99.5
