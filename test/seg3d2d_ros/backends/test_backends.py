# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import numpy as np
import pytest

from seg3d2d_ros.backends import BackendError, create_backend
from seg3d2d_ros.bundle import BundleError, ModelBundle
from seg3d2d_ros.bundle_writer import WeightsSource

openvino = pytest.importorskip("openvino")


def backend(bundle, name, **changes):
    choices = {"device": "auto", "precision": "auto", "threads": 1} | changes
    return create_backend(bundle, name=name, **choices)


def test_openvino_reads_an_ir_and_agrees_with_onnx(write_channel_bundle, channel_bundle, tmp_path):
    model = openvino.Core().read_model(channel_bundle.weights[0].path)
    openvino.save_model(model, tmp_path / "ir.xml", compress_to_fp16=False)
    bundle = write_channel_bundle(
        tmp_path / "model",
        weights=[WeightsSource(tmp_path / "ir.xml", "openvino", "fp32", tmp_path / "ir.bin")],
    )
    assert ModelBundle.load(bundle.path) == bundle
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for one, other in zip(
        backend(bundle, "openvino").infer(image, with_confidence=True),
        backend(channel_bundle, "openvino").infer(image, with_confidence=True),
        strict=True,
    ):
        assert np.array_equal(one, other)
    with pytest.raises(BundleError, match="no weights as onnx, only as openvino"):
        backend(bundle, "onnxruntime")


def test_int8_is_taken_when_asked_for_and_only_then(write_channel_bundle, channel_bundle, tmp_path):
    source = channel_bundle.weights[0].path
    openvino.save_model(openvino.Core().read_model(source), tmp_path / "ir.xml")
    bundle = write_channel_bundle(
        tmp_path / "model",
        weights=[
            WeightsSource(source, "onnx", "fp32"),
            WeightsSource(tmp_path / "ir.xml", "openvino", "int8", tmp_path / "ir.bin"),
        ],
    )
    assert bundle.find_weights("openvino", "onnx").precision == "fp32"
    assert backend(bundle, "openvino", precision="fp32").precision == "fp32"
    engine = backend(bundle, "auto", precision="int8")
    assert (engine.name, engine.precision) == ("openvino", "int8")
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    assert np.array_equal(
        engine.infer(image, with_confidence=True)[0], np.argmax(image, 2).astype(np.uint8)
    )
    assert engine.precision == "int8"
    with pytest.raises(BundleError, match="holds no int8 weights .* export the model with --int8"):
        backend(channel_bundle, "openvino", precision="int8")
    with pytest.raises(BackendError, match="computes in fp32, not int8"):
        backend(bundle, "onnxruntime", precision="int8")


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_graph_of_another_interface_is_refused(write_channel_bundle, tmp_path, name):
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
    bundle = write_channel_bundle(
        tmp_path / "model", weights=[WeightsSource(tmp_path / "other.onnx", "onnx", "fp32")]
    )
    with pytest.raises(BundleError, match="is no graph of this release"):
        backend(bundle, name)


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_broken_graph_is_one_sentence(write_channel_bundle, tmp_path, name):
    (tmp_path / "broken.onnx").write_bytes(b"\x08" + b"\xff" * 100)
    bundle = write_channel_bundle(
        tmp_path / "model", weights=[WeightsSource(tmp_path / "broken.onnx", "onnx", "fp32")]
    )
    with pytest.raises(BackendError, match=r"can't load .*model.onnx") as raised:
        backend(bundle, name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_runtime_failure_is_one_sentence(channel_bundle, name):
    with pytest.raises(BackendError, match="failed: ") as raised:
        backend(channel_bundle, name).infer(np.zeros((48, 64, 5), np.uint8), with_confidence=False)
    assert "\n" not in str(raised.value)


def test_openvino_keeps_few_sizes(channel_bundle):
    engine = backend(channel_bundle, "openvino")
    for width in range(16, 160, 16):
        labels, _ = engine.infer(np.zeros((16, width, 3), np.uint8), with_confidence=False)
        assert labels.shape == (16, width)
    assert len(engine._requests) == 4


def test_bf16_where_the_cpu_has_it(channel_bundle):
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert backend(channel_bundle, "openvino", precision="bf16").precision == "bf16"
    else:
        with pytest.raises(BackendError, match="no bf16 arithmetic"):
            backend(channel_bundle, "openvino", precision="bf16")


@pytest.mark.parametrize(
    ("hidden", "arguments", "message"),
    [
        ("openvino", "name='openvino'", "pip install openvino, or choose one of onnxruntime"),
        ("openvino onnxruntime torch", "name='auto'", "no inference runtime is installed"),
        ("openvino", "name='auto'", "took onnxruntime"),
    ],
)
def test_missing_runtimes_are_named(channel_bundle, hidden, arguments, message):
    """In a Python that can't find the runtimes, as on a robot without them."""
    code = f"""
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda n, *a: None if n in {hidden.split()!r} else find(n, *a)
from seg3d2d_ros.backends import BackendError, create_backend
from seg3d2d_ros.bundle import ModelBundle
bundle = ModelBundle.load({str(channel_bundle.path)!r})
try:
    backend = create_backend(bundle, {arguments}, device="auto", precision="auto", threads=1)
    print("took", backend.name)
except BackendError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert message in done.stdout


def test_a_runtime_that_is_there_but_broken_is_one_sentence(channel_bundle, tmp_path):
    (tmp_path / "openvino.py").write_text("raise ImportError('made for another NumPy')")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from seg3d2d_ros.backends import BackendError, create_backend
from seg3d2d_ros.bundle import ModelBundle
bundle = ModelBundle.load({str(channel_bundle.path)!r})
try:
    create_backend(bundle, name="openvino", device="cpu", precision="auto", threads=1)
except BackendError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "openvino is installed but can't be imported (made for another NumPy)" in done.stdout


@pytest.fixture
def ir_bundle(channel_bundle, write_channel_bundle, tmp_path):
    """The channel bundle as an OpenVINO IR alone."""
    path = tmp_path / "ir" / "network.xml"
    path.parent.mkdir()
    onnx_path = channel_bundle.weights[0].path
    openvino.save_model(openvino.Core().read_model(onnx_path), path, compress_to_fp16=False)
    weights = WeightsSource(path, "openvino", "fp32", path.with_suffix(".bin"))
    return write_channel_bundle(tmp_path / "model", weights=[weights])


def test_auto_takes_a_runtime_that_can_run_the_weights(ir_bundle, monkeypatch):
    monkeypatch.setattr("seg3d2d_ros.backends._has_cuda_driver", lambda: True)
    monkeypatch.setattr("seg3d2d_ros.backends.onnxruntime.cuda_available", lambda: True)
    assert backend(ir_bundle, "auto", device="auto").name == "openvino"
    monkeypatch.setattr("seg3d2d_ros.backends.installed_backends", lambda: ("onnxruntime",))
    with pytest.raises(BackendError, match="holds weights as openvino, which onnxruntime can't"):
        backend(ir_bundle, "auto", device="auto")


def test_benchmark_leaves_out_what_cannot_run_the_weights(ir_bundle):
    from seg3d2d_ros.cli.model_backends import make_parsers

    parsers, faults = make_parsers(ir_bundle, 1)
    assert {name for name, _ in parsers} == {"openvino"} and not faults


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_graph_with_other_output_types_is_refused(
    channel_bundle, write_channel_bundle, tmp_path, name
):
    import onnx

    graph = onnx.load(channel_bundle.weights[0].path)
    for output in graph.graph.output:
        output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    for node in graph.graph.node:
        if node.output[0] in ("labels", "confidence"):
            node.attribute[0].i = onnx.TensorProto.FLOAT
    path = tmp_path / "other.onnx"
    onnx.save(graph, path)
    bundle = write_channel_bundle(tmp_path / "model", weights=[WeightsSource(path, "onnx", "fp32")])
    with pytest.raises(BundleError, match="is no graph of this release"):
        backend(bundle, name)
