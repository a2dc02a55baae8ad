# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing frames as a rosbag2 recording (MCAP), without ROS."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seg3d2d_ros.bag.camera_calibration import CameraCalibration
from seg3d2d_ros.bag.frame_source import Frame
from seg3d2d_ros.bag.topic_copy import forget_placeholders

IMAGE_TOPIC = "/camera/image/compressed"
CAMERA_INFO_TOPIC = "/camera/camera_info"
START_NS = 1_767_225_600 * 10**9
"""Stamp of the first frame, 2026-01-01 UTC: the same input gives the same bag."""


class BagWriteError(Exception):
    """A bag can't be written; the message is one sentence."""


def write_bag(
    folder: Path,
    frames: Iterable[Frame],
    calibration: CameraCalibration | None = None,
    *,
    jpeg_quality: int = 90,
) -> int:
    """Write frames as JPEG images, with the camera info where the intrinsics are known.

    The bag is written beside its place and renamed when it is whole. It carries no QoS profiles, so
    that players of every distribution take their own; metadata version 8 is read from Humble on.

    Args:
        folder: of the bag; must not exist.
        frames: their stamps are counted from the first one's.
        calibration: of the camera.
        jpeg_quality: from 1 to 100.

    Returns:
        Number of frames written.

    Raises:
        BagWriteError: if the folder exists or can't be written, there are no frames, or ``rosbags``
            is not installed.
    """
    with new_bag(folder) as (writer, typestore):
        count = _write_messages(writer, typestore, frames, calibration, jpeg_quality)
        if not count:
            raise BagWriteError(f"bag {folder} was not written: there are no frames to write")
    return count


@contextlib.contextmanager
def new_bag(
    folder: Path, *, mcap: bool = True, work: Path | None = None
) -> Iterator[tuple[Any, Any]]:
    """A writer of ``rosbags`` and its types; the bag is at its place when the block ends well.

    Args:
        folder: of the bag; must not exist.
        mcap: MCAP, or else SQLite.
        work: where it is written before, on the same disk; what an earlier call left there is
            removed. A new hidden folder beside ``folder`` if not given.

    Raises:
        BagWriteError: if the folder exists or can't be written, or ``rosbags`` is not installed.
    """
    try:
        from rosbags.rosbag2 import StoragePlugin, Writer
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise BagWriteError(
            f"writing a bag needs the Python package rosbags, which can't be imported ({error}): "
            "pip install rosbags"
        ) from error
    folder = Path(folder)
    if folder.exists():
        raise BagWriteError(f"{folder} exists already; choose another name or remove it")
    made = work
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if made is None:
            made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        elif made.exists():
            shutil.rmtree(made)
        # the storage file is named after the folder
        bag = made / folder.name
        plugin = StoragePlugin.MCAP if mcap else StoragePlugin.SQLITE3
        with Writer(bag, version=8, storage_plugin=plugin) as writer:
            yield writer, get_typestore(Stores.ROS2_HUMBLE)
        if not mcap:
            forget_placeholders(bag / f"{bag.name}.db3")
        bag.rename(folder)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BagWriteError(
            f"bag {folder} can't be written ({reason}); make room or choose another place"
        ) from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def _write_messages(
    writer: Any,
    typestore: Any,
    frames: Iterable[Frame],
    calibration: CameraCalibration | None,
    jpeg_quality: int,
) -> int:
    types = typestore.types
    image_type, info_type = (
        types[f"sensor_msgs/msg/{name}"] for name in ("CompressedImage", "CameraInfo")
    )
    header_type, time_type = types["std_msgs/msg/Header"], types["builtin_interfaces/msg/Time"]
    images = writer.add_connection(IMAGE_TOPIC, image_type.__msgtype__, typestore=typestore)
    infos = calibration and writer.add_connection(
        CAMERA_INFO_TOPIC, info_type.__msgtype__, typestore=typestore
    )
    count, first_ns = 0, 0
    for count, frame in enumerate(frames, start=1):
        first_ns = frame.stamp_ns if count == 1 else first_ns
        stamp_ns = START_NS + frame.stamp_ns - first_ns
        stamp = time_type(*divmod(stamp_ns, 10**9))
        header = header_type(stamp, frame.frame_id)
        _, jpeg = cv2.imencode(
            ".jpg",
            cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR),
            [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1],
        )
        message = image_type(header, "rgb8; jpeg compressed bgr8", jpeg.reshape(-1))
        data = typestore.serialize_cdr(message, image_type.__msgtype__)
        writer.write(images, stamp_ns, data)
        if calibration is not None:
            info = camera_info_message(types, header, calibration)
            writer.write(infos, stamp_ns, typestore.serialize_cdr(info, info_type.__msgtype__))
    return count


def camera_info_message(types: Any, header: Any, calibration: CameraCalibration) -> Any:
    """A sensor_msgs/CameraInfo of ``rosbags``' types."""
    region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return types["sensor_msgs/msg/CameraInfo"](
        header=header,
        height=calibration.height,
        width=calibration.width,
        distortion_model=calibration.distortion_model,
        d=np.array(calibration.d),
        k=np.array(calibration.k),
        r=np.array(calibration.r),
        p=np.array(calibration.p),
        binning_x=0,
        binning_y=0,
        roi=region,
    )
