# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of each image that the running node receives."""

from __future__ import annotations

import array

import numpy as np
import pytest
from encoded_images import ENCODINGS, encoded, is_grey

pytest.importorskip("rclpy")

from scene import SIZE, bright_image, pixels_of, random_image
from std_srvs.srv import SetBool

pytestmark = pytest.mark.ros


def test_label_image(scene):
    image = random_image(1)
    message = scene.camera.message(image)
    label = scene.label_of(message)
    np.testing.assert_array_equal(pixels_of(label), np.argmax(image, axis=2))
    assert label.header == message.header
    assert (label.encoding, label.step, label.is_bigendian) == ("mono8", SIZE[1], 0)


@pytest.mark.parametrize("encoding", ["bgr8", "rgba8", "bgra8", "padded"])
def test_encodings(scene, encoding):
    image = random_image(2)
    channels = {"bgr8": [2, 1, 0], "rgba8": [0, 1, 2, 0], "bgra8": [2, 1, 0, 0]}
    if encoding == "padded":
        padded = np.pad(image.reshape(SIZE[0], -1), ((0, 0), (0, 40)), constant_values=99)
        data = array.array("B", padded.tobytes())
        message = scene.camera.message(image, step=padded.shape[1], data=data)
    else:
        message = scene.camera.message(image[:, :, channels[encoding]], encoding)
    label = scene.label_of(message)
    np.testing.assert_array_equal(pixels_of(label), np.argmax(image, axis=2))


def test_colors_of_every_encoding(scene):
    for number, encoding in enumerate(name for name in ENCODINGS if not is_grey(name)):
        channel = number % 3
        fields = encoded(bright_image(channel), encoding, padding=number % 5)
        fields["data"] = array.array("B", fields["data"])
        label = scene.label_of(scene.camera.message(bright_image(0), **fields))
        assert (pixels_of(label) == channel).all(), encoding


def test_size_changes_between_images(scene):
    for number, size in enumerate([(48, 64), (64, 48), (480, 640), (33, 57), (1, 1), (48, 64)]):
        label = scene.label_of(scene.camera.message(bright_image(number % 3, size)))
        assert (label.height, label.width) == size
        assert (pixels_of(label) == number % 3).all()


def test_time_that_jumps_back_is_no_fault(scene):
    first = scene.camera.message(bright_image(0))
    second = scene.camera.message(bright_image(1))
    for message, channel in ((second, 1), (first, 0), (second, 1)):
        assert (pixels_of(scene.label_of(message)) == channel).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"height": 0, "width": 0, "data": array.array("B")}, "0x0 pixels"),
        ({"step": 5}, "step is 5 bytes"),
        ({"data": array.array("B", bytes(100))}, "holds 100 bytes"),
        ({"data": array.array("B")}, "holds 0 bytes"),
        ({"height": 2_000_000_000}, "larger than the 33177600 pixels allowed"),
        ({"encoding": "16UC1", "is_bigendian": 1}, "'16UC1' is that of depth images"),
        ({"encoding": "mono10p16", "is_bigendian": 1}, "big-endian"),
        ({"encoding": "8UC3"}, "doesn't say what its channels mean"),
        ({"encoding": "nv12", "height": 33}, "whose width and height are even"),
        ({"encoding": "nonsense"}, "'nonsense'"),
    ],
)
def test_bad_image_is_counted_and_the_next_is_parsed(scene, changes, reason):
    bad = scene.camera.message(bright_image(0), **changes)
    assert scene.fates_of([bad]) == {"undecodable": 1}
    assert reason in scene.node.values()["last_fault"]
    assert (pixels_of(scene.label_of(scene.camera.message(bright_image(2)))) == 2).all()


def test_every_image_of_a_burst_is_published_or_counted(scene):
    messages = [scene.camera.message(bright_image(number % 3, (96, 128))) for number in range(120)]
    scene.labels.clear()
    fates = scene.fates_of(messages, pause=0.004)
    assert sum(fates.values()) == len(messages)
    assert set(fates) <= {"parsed", "superseded"}
    scene.client.spin_until(lambda: len(scene.labels) == fates["parsed"], "all labels")
    assert scene.labels.stamps() == sorted(set(scene.labels.stamps()))


def test_enable_service(scene):
    service = f"{scene.node.name}/enable"
    assert scene.client.call(SetBool, service, data=False).success
    assert scene.fates_of([scene.camera.message(bright_image(0))]) == {"disabled": 1}
    assert scene.client.call(SetBool, service, data=True).message == "parsing is enabled"
    scene.label_of(scene.camera.message(bright_image(0)))


def test_old_images_are_stale_when_asked_for(scene):
    assert scene.node.set_parameters(max_image_age=5.0) == []
    old = scene.camera.message(bright_image(0))
    assert scene.fates_of([old]) == {"stale": 1}
    scene.label_of(scene.camera.message(bright_image(0), now=True))
    assert scene.node.set_parameters(max_image_age=0.0) == []
    scene.label_of(old)


def test_rate_limit(scene):
    assert scene.node.set_parameters(max_rate=0.01) == []
    fates = scene.fates_of([scene.camera.message(bright_image(0)) for _ in range(4)])
    assert fates == {"parsed": 1, "rate_limited": 3}
    assert scene.node.set_parameters(max_rate=0) == []  # an integer for a double
    scene.label_of(scene.camera.message(bright_image(0)))


def test_wrong_parameters_are_refused_with_the_reason(scene):
    (reason,) = scene.node.set_parameters(max_rate=-1.0)
    assert reason == "parameter 'max_rate' is -1.0, but must be 0.0 or more"
    present = str(scene.bundle_path)
    assert scene.node.set_parameters(bundle=present, threads=1) == []  # no change
    (reason,) = scene.node.set_parameters(qos_depth=7)
    assert "only while the node is unconfigured" in reason
    (reason,) = scene.node.set_parameters(overlay_alpha=2.0)
    assert reason
    assert scene.node.set_parameters(autostart=False) != []
