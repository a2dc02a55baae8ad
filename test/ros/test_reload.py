# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``~/reload``: another model on a running node, or the old one where that can't be had."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import yaml

from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.bundle_writer import WeightsSource
from seg3d2d_ros.labels import LabelClass, LabelSpace

pytestmark = pytest.mark.ros

DARK = LabelSpace(
    "dark",
    tuple(
        LabelClass(k, f"no {name}", (k, k, k)) for k, name in enumerate(["red", "green", "blue"])
    ),
)


@pytest.fixture
def pixels():
    rng = np.random.default_rng(2)
    return np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)


@pytest.fixture
def write_dark_bundle(write_channel_bundle, channel_bundle, tmp_path):
    """Function that writes a bundle which labels each pixel with its darkest channel."""

    def write(folder, **changes):
        model = onnx.load(channel_bundle.weights[0].path)
        for node in model.graph.node:
            if node.op_type == "ArgMax":
                node.op_type = "ArgMin"
        onnx.save(model, tmp_path / "dark.onnx")
        image = np.random.default_rng(7).integers(0, 256, (48, 64, 3), np.uint8)
        arguments = {
            "name": "darkest-channel",
            "label_space": DARK,
            "weights": [WeightsSource(tmp_path / "dark.onnx", "onnx", "fp32")],
            "reference": [(image, np.argmin(image, axis=2).astype(np.uint8))],
        }
        return write_channel_bundle(folder, **(arguments | changes))

    return write


@pytest.fixture
def node(start_node, write_channel_bundle, tmp_path):
    """A node whose model lies in a folder of its own."""
    write_channel_bundle(tmp_path / "model")
    started = start_node(
        bundle=tmp_path / "model",
        diagnostics_period=0.05,
        qos_reliability="reliable",
        qos_depth=100,  # single images are counted here
        threads=1,
    )
    started.wait_for_log("parsing /")
    return started


def reload(node):
    from std_srvs.srv import Trigger

    return node.client.call(Trigger, f"{node.name}/reload")


def label_of(node, camera, labels, pixels):
    """The label image of one published image."""
    stamp = camera.publish(camera.message(pixels))
    node.client.spin_until(lambda: stamp in labels.stamps(), "its labels")
    message = labels[labels.stamps().index(stamp)]
    return np.array(message.data).reshape(pixels.shape[:2])


@pytest.fixture
def camera(node, client):
    made = client.camera(f"{node.namespace}/image")
    yield made
    made.destroy()


@pytest.fixture
def labels(node, client):
    from sensor_msgs.msg import Image

    inbox = client.subscribe(Image, f"{node.name}/label")
    node.client.spin_until(
        lambda: client.node.count_publishers(f"{node.name}/label"), "the label topic"
    )
    yield inbox
    inbox.destroy()


def test_the_new_model_takes_over_and_everybody_is_told(
    node, camera, labels, client, pixels, write_dark_bundle, tmp_path
):
    from std_msgs.msg import String

    from seg3d2d_ros.qos import LATCHED_QOS

    infos = client.subscribe(String, f"{node.name}/label_info_yaml", LATCHED_QOS)
    assert (label_of(node, camera, labels, pixels) == pixels.argmax(2)).all()
    new = write_dark_bundle(tmp_path / "model")
    answer = reload(node)
    assert answer.success and answer.message == "reloaded"
    assert (label_of(node, camera, labels, pixels) == pixels.argmin(2)).all()
    values = node.values()
    assert (values["bundle"], values["bundle_hash"]) == ("darkest-channel", new.hash)
    assert (values["reloads"], values["failed_reloads"]) == ("1", "0")
    client.spin_until(
        lambda: yaml.safe_load(infos[-1].data)["classes"][0]["name"] == "no red", "the new names"
    )
    infos.destroy()


def test_another_bundle_by_parameter(node, camera, labels, pixels, write_dark_bundle, tmp_path):
    write_dark_bundle(tmp_path / "other")
    assert node.set_parameters(bundle=str(tmp_path / "other")) == []
    assert (label_of(node, camera, labels, pixels) == pixels.argmax(2)).all()  # not yet
    assert reload(node).success
    assert (label_of(node, camera, labels, pixels) == pixels.argmin(2)).all()


@pytest.mark.parametrize("fault", ["altered", "missing", "other labels"])
def test_the_old_model_stays_where_the_new_one_can_not_be_used(
    node, camera, labels, pixels, write_dark_bundle, tmp_path, fault
):
    before = ModelBundle.load(tmp_path / "model").hash
    if fault == "other labels":
        write_dark_bundle(
            tmp_path / "model", reference=[(pixels, pixels.argmax(2).astype(np.uint8))]
        )
        said = "gives other labels here than where it was exported"
    else:
        file = write_dark_bundle(tmp_path / "model").weights[0].path
        if fault == "missing":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:-1])
        said = "can't be read" if fault == "missing" else "is not the one the bundle was made with"
    answer = reload(node)
    assert not answer.success and said in answer.message
    assert "the model before goes on" in answer.message and "\n" not in answer.message
    assert (label_of(node, camera, labels, pixels) == pixels.argmax(2)).all()
    values = node.values()
    assert (values["bundle_hash"], values["failed_reloads"]) == (before, "1")
    assert said in values["last_reload_fault"]


def test_images_are_parsed_and_counted_meanwhile(
    node, camera, labels, client, pixels, write_dark_bundle, write_channel_bundle, tmp_path
):
    from std_srvs.srv import Trigger

    service = client.node.create_client(Trigger, f"{node.name}/reload")
    client.spin_until(service.service_is_ready, "the service")
    sent = 0
    for turn in range(4):
        (write_dark_bundle if turn % 2 == 0 else write_channel_bundle)(tmp_path / "model")
        future = service.call_async(Trigger.Request())
        second = service.call_async(Trigger.Request())
        while not (future.done() and second.done()):
            camera.publish(camera.message(pixels))
            sent += 1
            client.spin_for(0.02)
        assert future.result().success
    client.node.destroy_client(service)
    client.spin_until(lambda: node.counts()["received"] == sent, f"all {sent} images")
    counts = node.counts()
    assert counts["parsed"] + counts["superseded"] == sent
    expected = {
        pixels.argmax(2).astype(np.uint8).tobytes(),
        pixels.argmin(2).astype(np.uint8).tobytes(),
    }
    assert {bytes(message.data) for message in labels} <= expected


def test_a_node_without_a_model_says_what_to_do(start_node, channel_bundle):
    node = start_node(bundle=channel_bundle.path, autostart=False, threads=1)
    node.wait_for_log("waiting to be configured")
    answer = reload(node)
    assert not answer.success and "not configured; configure it" in answer.message
