# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every part of the suite uses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seg3d2d_ros.bundle import InputSpec, ModelBundle
from seg3d2d_ros.bundle_writer import WeightsSource, write_bundle
from seg3d2d_ros.labels import LabelClass, LabelSpace

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def bundle_path() -> Path:
    """The shipped, trained bundle; SEG3D2D_TEST_BUNDLE names another one."""
    return Path(os.environ.get("SEG3D2D_TEST_BUNDLE", ROOT / "models" / "rooms-lite0-scannet20"))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Folder of real recordings that lies beside the checkout; skips where it does not."""
    folder = Path(os.environ.get("SEG3D2D_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; set SEG3D2D_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def torchmetrics():
    """The package torchmetrics, which imports torchvision where that is installed."""
    pytest.importorskip("torch")
    from seg3d2d_ros.networks.hrnet import declare_torchvision_operators

    declare_torchvision_operators()
    return pytest.importorskip("torchmetrics")


def brightest_channel_graph(temperature: float):
    """ONNX graph whose logits are the image's own channels over 64, so that labels are known."""
    from onnx import TensorProto, helper, numpy_helper

    def constant(name, value):
        return numpy_helper.from_array(np.asarray(value), name)

    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "scale"], ["logits"]),
        helper.make_node("ArgMax", ["logits"], ["indices"], axis=3, keepdims=0),
        helper.make_node("Cast", ["indices"], ["labels"], to=TensorProto.UINT8),
        helper.make_node("Div", ["logits", "temperature"], ["tempered"]),
        helper.make_node("Softmax", ["tempered"], ["probabilities"], axis=3),
        helper.make_node("ReduceMax", ["probabilities", "axes"], ["largest"], keepdims=0),
        helper.make_node("Mul", ["largest", "full"], ["scaled"]),
        helper.make_node("Round", ["scaled"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["confidence"], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(
        nodes,
        "brightest_channel",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.UINT8, ["N", "H", "W"])
            for name in ("labels", "confidence")
        ],
        [
            constant("scale", np.float32(64)),
            constant("temperature", np.float32(temperature)),
            constant("full", np.float32(255)),
            constant("axes", np.array([3], np.int64)),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.fixture(scope="session")
def write_channel_bundle(tmp_path_factory):
    """Function that writes a bundle of which every label can be computed by hand."""
    pytest.importorskip("onnx")

    def write(folder: Path, *, temperature: float = 2.0, **changes) -> ModelBundle:
        graph = folder.parent / f"{folder.name}.onnx"
        graph.write_bytes(brightest_channel_graph(temperature).SerializeToString())
        image = np.random.default_rng(7).integers(0, 256, (48, 64, 3), np.uint8)
        arguments = {
            "name": "brightest-channel",
            "label_space": LabelSpace(
                "channels",
                tuple(
                    LabelClass(k, name, color)
                    for k, (name, color) in enumerate(
                        [("red", (255, 0, 0)), ("green", (0, 255, 0)), ("blue", (0, 0, 255))]
                    )
                ),
            ),
            "network": {"name": "brightest_channel"},
            "input": InputSpec(48, 64, 16, (0.0, 0.0, 0.0), (64.0, 64.0, 64.0)),
            "output_stride": 1,
            "temperature": temperature,
            "weights": [WeightsSource(graph, "onnx", "fp32")],
            "reference": [(image, np.argmax(image, axis=2).astype(np.uint8))],
            "card": "# brightest-channel\n",
            "metrics": {"mIoU": 100.0},
            "provenance": {"seed": 7},
            "licence": "Apache-2.0",
            "credits": ["none"],
        }
        return write_bundle(folder, **(arguments | changes))

    return write


@pytest.fixture(scope="session")
def channel_bundle(write_channel_bundle, tmp_path_factory) -> ModelBundle:
    """A bundle whose network labels each pixel with its brightest channel."""
    return write_channel_bundle(tmp_path_factory.mktemp("bundle") / "brightest-channel")


@pytest.fixture
def torchrun(repository):
    """Run a Python program in two processes that train together."""

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        return subprocess.run(
            [*command, "--nproc-per-node=2", *arguments],
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
