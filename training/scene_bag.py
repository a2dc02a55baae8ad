# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``to-bag``: a scene of a data set as a rosbag2 recording with ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import trimesh

from seg3d2d_ros.bag.camera_calibration import CameraCalibration
from seg3d2d_ros.bag.frame_source import DEFAULT_FRAME_ID
from seg3d2d_ros.bag.writer import START_NS, camera_info_message, new_bag
from seg3d2d_ros.label_info import label_info_yaml
from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError

WORLD_FRAME = "map"
TOPICS = {
    "image": ("/camera/image/compressed", "sensor_msgs/msg/CompressedImage"),
    "camera_info": ("/camera/camera_info", "sensor_msgs/msg/CameraInfo"),
    "depth": ("/camera/depth/image", "sensor_msgs/msg/Image"),
    "depth_info": ("/camera/depth/camera_info", "sensor_msgs/msg/CameraInfo"),
    "label": ("/camera/label", "sensor_msgs/msg/Image"),
    "label_info": ("/camera/label_info_yaml", "std_msgs/msg/String"),
    "tf": ("/tf", "tf2_msgs/msg/TFMessage"),
}


@dataclass(frozen=True)
class SceneBag:
    """What was written: number of frames, and the names of those without a pose."""

    frames: int
    without_pose: list[str]


def write_scene_bag(
    scene: Path, bag: Path, label_space: LabelSpace, *, source: str = "nyu40", rate: float = 15.0
) -> SceneBag:
    """Write a scene in ScanNet's frames layout as a bag (MCAP).

    Topics: the JPEG images as they are, depth (``16UC1``, millimetres, 0 = none), the ground truth
    (``mono8``, ids of the label space) with the names of its ids, both camera infos, and ``/tf``
    with the optical frame's pose in ``map``. Frames with a lost pose (-inf, as ScanNet marks them)
    have no transform.

    Args:
        scene: folder with color, depth, label, pose and the intrinsics.
        bag: folder to write; must not exist.
        label_space: of the ground truth in the bag.
        source: label space of the label files.
        rate: frames per second.

    Raises:
        DatasetError: if a file is missing or unreadable.
        BagWriteError: if the bag can't be written.
    """
    names = sorted(file.stem for file in (scene / "color").glob("*.jpg"))
    if not names:
        raise DatasetError(f"{scene / 'color'} holds no .jpg; give a scene in ScanNet's layout")
    table = label_space.lookup(source)
    without_pose = []
    with new_bag(bag) as (writer, typestore):
        connections = {
            key: writer.add_connection(topic, msgtype, typestore=typestore)
            for key, (topic, msgtype) in TOPICS.items()
        }

        def write(key: str, message: Any, stamp_ns: int) -> None:
            data = typestore.serialize_cdr(message, TOPICS[key][1])
            writer.write(connections[key], stamp_ns, data)

        types = typestore.types
        info = types[TOPICS["label_info"][1]](label_info_yaml(label_space, 0.0))
        write("label_info", info, START_NS)
        for number, name in enumerate(names):
            stamp_ns = START_NS + round(number * 1e9 / rate)
            header = types["std_msgs/msg/Header"](
                types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9)), DEFAULT_FRAME_ID
            )
            for key, message in _messages(scene, name, header, types, table):
                write(key, message, stamp_ns)
            pose = _matrix(scene / "pose" / f"{name}.txt")
            if np.isfinite(pose).all():
                write("tf", _transform(pose, header, types), stamp_ns)
            else:
                without_pose.append(name)
    return SceneBag(len(names), without_pose)


def _messages(
    scene: Path, name: str, header: Any, types: Any, table: npt.NDArray[Any]
) -> Iterator[tuple[str, Any]]:
    jpeg = np.frombuffer(_read(scene / "color" / f"{name}.jpg"), np.uint8)
    color = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    depth, label = (_image(scene / part / f"{name}.png") for part in ("depth", "label"))
    if color is None or label.shape != color.shape[:2] or depth.dtype != np.uint16:
        raise DatasetError(
            f"frame {name} of {scene} is damaged: its picture can't be read, its labels are of "
            "another size, or its depth is not of 16 bits"
        )
    image_type = types[TOPICS["image"][1]]
    yield "image", image_type(header, "rgb8; jpeg compressed bgr8", jpeg)
    for key, shape, file in (
        ("camera_info", color.shape, "intrinsics_color.txt"),
        ("depth_info", depth.shape, "intrinsics_depth.txt"),
    ):
        k = tuple(_matrix(scene / file)[:3, :3].ravel().tolist())
        calibration = CameraCalibration(shape[1], shape[0], k)
        yield key, camera_info_message(types, header, calibration)
    yield "depth", _image_message(types, header, depth, "16UC1")
    ids = table[label]
    yield "label", _image_message(types, header, ids, "mono8" if ids.itemsize == 1 else "mono16")


def _image_message(types: Any, header: Any, pixels: npt.NDArray[Any], encoding: str) -> Any:
    data = np.frombuffer(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes(), np.uint8)
    height, width = pixels.shape
    return types["sensor_msgs/msg/Image"](
        header, height, width, encoding, 0, width * pixels.itemsize, data
    )


def _transform(pose: npt.NDArray[np.float64], header: Any, types: Any) -> Any:
    """The camera's optical frame in the world, as /tf has it (quaternion x, y, z, w)."""
    w, x, y, z = trimesh.transformations.quaternion_from_matrix(pose)
    transform = types["geometry_msgs/msg/Transform"](
        types["geometry_msgs/msg/Vector3"](*pose[:3, 3].tolist()),
        types["geometry_msgs/msg/Quaternion"](float(x), float(y), float(z), float(w)),
    )
    world = types["std_msgs/msg/Header"](header.stamp, WORLD_FRAME)
    stamped = types["geometry_msgs/msg/TransformStamped"](world, DEFAULT_FRAME_ID, transform)
    return types[TOPICS["tf"][1]]([stamped])


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DatasetError(f"{file} can't be read ({error.strerror})") from error


def _image(file: Path) -> npt.NDArray[Any]:
    content = _read(file)
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 2:
        raise DatasetError(f"{file} is no one-channel image")
    return image


def _matrix(file: Path) -> npt.NDArray[np.float64]:
    try:
        matrix = np.array(_read(file).split(), np.float64).reshape(4, 4)
    except ValueError as error:
        raise DatasetError(f"{file} holds no 4x4 matrix") from error
    return matrix
