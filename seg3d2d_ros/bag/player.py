# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Plays a recording as a ROS 2 camera."""

from __future__ import annotations

import array
import itertools
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rclpy
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image

from seg3d2d_ros.bag.camera_calibration import CameraCalibration
from seg3d2d_ros.bag.decode_ahead import DecodeAhead
from seg3d2d_ros.bag.frame_source import Frame, FrameSource
from seg3d2d_ros.bag.image_fit import fit
from seg3d2d_ros.bag.schedule import scheduled_frames
from seg3d2d_ros.transport import prepare_transport

CAMERA_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE
)
"""As most camera drivers have it: subscribers of either reliability match."""

_DECODED_AHEAD = 8
_POLL_S = 0.05
_SETTLE_S = 1.0
"""We know of a subscriber before it knows of us; what is sent in between would be lost to it."""
_LINGER_S = 0.5
"""The last image lies in our shared memory; leaving at once would take it away from its readers."""


class PlayError(Exception):
    """A recording can't be played; the message is one sentence."""


@dataclass(frozen=True)
class PlayOptions:
    """How to play.

    Attributes:
        rate: frames per second, None as recorded.
        size: (width, height) in pixels to scale to, None as recorded.
        frames: end after so many, None after all.
        loop: begin again at the end.
        subscribers: begin when so many listen to the images.
    """

    rate: float | None = None
    size: tuple[int, int] | None = None
    frames: int | None = None
    loop: bool = False
    subscribers: int = 0


@dataclass(frozen=True)
class PlayReport:
    """What was played: number of frames, seconds from first to last, greatest delay in seconds."""

    frames_sent: int
    duration_s: float
    worst_delay_s: float

    @property
    def rate_hz(self) -> float:
        """Frames per second from the first to the last, 0 for a single one."""
        return (self.frames_sent - 1) / self.duration_s if self.duration_s > 0 else 0.0


def play(source: FrameSource, options: PlayOptions, ros_args: Sequence[str] = ()) -> PlayReport:
    """Publish a recording on ``camera/image`` and ``camera/camera_info`` until its end.

    Images are ``rgb8``, stamped with the present time. SIGINT and SIGTERM end it early. To be
    called from the main thread of a process that does nothing else with ROS.

    Raises:
        PlayError: if ROS does not start, as with wrong arguments.
        FrameSourceError: if the recording turns out damaged.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    prepare_transport()
    try:
        # rclpy's own handlers would shut the context down while an image is being published
        rclpy.init(args=list(ros_args), signal_handler_options=SignalHandlerOptions.NO)
        # nothing spins this node: it only publishes
        node = Node("player", start_parameter_services=False)
    except Exception as error:  # several types, by what is wrong
        rclpy.try_shutdown()
        raise PlayError(f"ROS 2 does not start: {error}") from error
    try:
        return _publish(node, source, options, stop)
    finally:
        rclpy.try_shutdown()


def _publish(
    node: Node, source: FrameSource, options: PlayOptions, stop: threading.Event
) -> PlayReport:
    images = node.create_publisher(Image, "camera/image", CAMERA_QOS)
    infos = node.create_publisher(CameraInfo, "camera/camera_info", CAMERA_QOS)
    clock = node.get_clock()
    sent, worst_delay_s, start_s, first_s, last_s = 0, 0.0, 0.0, 0.0, 0.0
    with DecodeAhead(_messages(source, options), _DECODED_AHEAD) as messages:
        _wait_for_subscribers(images, options.subscribers, stop)
        for due_s, image, info in messages:
            start_s = start_s or time.monotonic()  # not before the first one is decoded
            if stop.wait(max(0.0, start_s + due_s - time.monotonic())):
                break
            worst_delay_s = max(worst_delay_s, time.monotonic() - start_s - due_s)
            image.header.stamp = info.header.stamp = clock.now().to_msg()
            infos.publish(info)
            images.publish(image)
            sent, last_s = sent + 1, time.monotonic()
            first_s = first_s or last_s
        stop.wait(_LINGER_S)
    return PlayReport(sent, last_s - first_s, worst_delay_s)


def _wait_for_subscribers(publisher: object, count: int, stop: threading.Event) -> None:
    if not count:
        return
    get_count = publisher.get_subscription_count  # type: ignore[attr-defined]
    if get_count() < count:
        sys.stderr.write(f"waiting for {count} to listen\n")
        sys.stderr.flush()
    while get_count() < count and not stop.wait(_POLL_S):
        pass
    stop.wait(_SETTLE_S)


def _messages(
    source: FrameSource, options: PlayOptions
) -> Iterator[tuple[float, Image, CameraInfo]]:
    frames = scheduled_frames(source, rate=options.rate, loop=options.loop)
    for due_s, frame in itertools.islice(frames, options.frames):
        pixels, calibration = frame.image, source.calibration
        height, width = pixels.shape[:2]
        if calibration is not None and (calibration.width, calibration.height) != (width, height):
            calibration = None
        if options.size is not None:
            pixels, calibration = fit(pixels, calibration, *options.size)
        yield due_s, _image_message(frame, pixels), _camera_info(frame, pixels, calibration)


def _image_message(frame: Frame, pixels: npt.NDArray[np.uint8]) -> Image:
    message = Image()
    message.header.frame_id = frame.frame_id
    message.height, message.width = pixels.shape[:2]
    message.encoding = "rgb8"
    message.step = 3 * message.width
    # the one type that rclpy takes without looking at every byte, in every distribution
    message.data = array.array("B", pixels.tobytes())
    return message


def _camera_info(
    frame: Frame, pixels: npt.NDArray[np.uint8], calibration: CameraCalibration | None
) -> CameraInfo:
    message = CameraInfo()
    message.header.frame_id = frame.frame_id
    message.height, message.width = pixels.shape[:2]
    if calibration is not None:  # else all zeros, which means uncalibrated
        message.distortion_model = calibration.distortion_model
        message.d, message.k = calibration.d, calibration.k
        message.r, message.p = calibration.r, calibration.p
    return message
