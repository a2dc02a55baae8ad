# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A bag's images labelled: a new bag with everything of the old one and the labels beside it."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.bag.frame_source import FrameFault
from seg3d2d_ros.bag.rosbag_source import RosbagSource
from seg3d2d_ros.bag.writer import BagWriteError, new_bag
from seg3d2d_ros.label_info import label_info_yaml
from seg3d2d_ros.parser import ParseFailure, SceneParser

LABEL_TOPIC = "/parse/label"
"""Where the parse node publishes by default."""
_JOB = "job.json"


class BagLabelError(Exception):
    """A bag can't be labelled; the message says in one sentence what, where and what to do."""


@dataclass(frozen=True)
class LabelledBag:
    """What became of the images.

    Attributes:
        labelled: how many have labels in the new bag.
        resumed: how many of them had been labelled by an earlier, interrupted call.
        faults: the others, each with the reason.
    """

    labelled: int
    resumed: int
    faults: list[FrameFault]


def label_bag(
    source: RosbagSource,
    out: Path,
    parser: SceneParser,
    *,
    label_topic: str = LABEL_TOPIC,
    watch: Callable[[int], None] = lambda _: None,
) -> LabelledBag:
    """Label every image of one camera and write a bag with the labels.

    All messages are copied byte for byte with their types and times. Label images (``mono8``, or
    ``mono16`` beyond 255 classes) have the headers of their images and follow each other by header
    stamp; the k-th lies behind the k-th labelled image. ``<label topic>_info_yaml`` names the ids.

    An interrupted call leaves the labels so far in a hidden folder beside ``out``; the same call
    goes on from there and gives the same bag.

    Args:
        source: the bag and its camera.
        out: folder of the new bag; must not exist.
        parser: labels the images.
        label_topic: of the label images.
        watch: called with the number of images done.

    Raises:
        BagLabelError: if the new bag exists already or can't be written, begun work belongs to
            another bag or model, or the bag has the topic already.
        FrameSourceError: if the bag is damaged.
    """
    _check(source, out, label_topic)
    work = out.parent / f".{out.name}.labels"
    try:
        _claim(work, source, parser)
        resumed, faults = _label(source, parser, work, watch)
        if len(faults) == len(source):
            raise BagLabelError(
                f"none of the {len(source)} images of {source.path} could be labelled; the first: "
                f"{faults[0].reason}"
            )
        _assemble(source, out, work, parser, label_topic)
    except (OSError, BagWriteError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise BagLabelError(
            f"the labelled bag {out} can't be written ({reason}); the labels so far are kept, and "
            "the same command goes on"
        ) from error
    shutil.rmtree(work)
    return LabelledBag(len(source) - len(faults), resumed, faults)


def _check(source: RosbagSource, out: Path, label_topic: str) -> None:
    if out.exists():
        raise BagLabelError(f"{out} exists already; choose another name or remove it")
    taken = source.topics().intersection({label_topic, _info_topic(label_topic)})
    if taken:
        raise BagLabelError(
            f"bag {source.path} has a topic {min(taken)} already; choose another --label-topic"
        )


def _info_topic(label_topic: str) -> str:
    return f"{label_topic}_info_yaml"


def _claim(work: Path, source: RosbagSource, parser: SceneParser) -> None:
    """Make the folder of the labels, or check that it is that of the same job."""
    path = source.path.resolve()
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    job = json.dumps(
        {
            "bag": {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files},
            "topic": source.topic,
            "bundle": parser.bundle.hash,
            "backend": f"{parser.backend_name} {parser.precision}",
        },
        indent=1,
    )
    file = work / _JOB
    if not file.exists():
        work.mkdir(parents=True, exist_ok=True)
        write_file(file, job.encode())
    elif file.read_text() != job:
        raise BagLabelError(
            f"{work} holds the begun labels of another bag, camera, model or precision; remove it, "
            "or choose another name for the new bag"
        )


def _label(
    source: RosbagSource, parser: SceneParser, work: Path, watch: Callable[[int], None]
) -> tuple[int, list[FrameFault]]:
    """Write ``<index>.png`` for each image, and return how many were there already."""
    resumed, faults = 0, []
    for raw in source.raw_images():
        file = work / f"{raw.index:06d}.png"
        if file.exists():
            resumed += 1
        else:
            frame = source.decode(raw)
            if isinstance(frame, FrameFault):
                faults.append(frame)
                continue
            result = parser.parse(frame.image)
            if isinstance(result, ParseFailure):
                faults.append(FrameFault(frame.name, result.reason))
                continue
            write_file(file, _png(result.labels))
        watch(raw.index + 1)
    return resumed, faults


def _png(labels: npt.NDArray[Any]) -> bytes:
    encoded, data = cv2.imencode(".png", labels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not encoded:
        raise BagLabelError("OpenCV can't write PNG here; install opencv-python-headless again")
    return data.tobytes()


def _read_png(file: Path) -> npt.NDArray[Any]:
    labels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if labels is None:
        raise BagLabelError(f"{file} is damaged; remove it, and the same command goes on")
    return labels


def _assemble(
    source: RosbagSource, out: Path, work: Path, parser: SceneParser, label_topic: str
) -> None:
    by_stamp = sorted(
        (raw.stamp_ns, raw.index, raw.data[: _header_end(raw.data)])
        for raw in source.raw_images()
        if (work / f"{raw.index:06d}.png").exists()
    )
    following: Iterator[tuple[int, int, bytes]] = iter(by_stamp)
    files = list(source.path.iterdir()) if source.path.is_dir() else [source.path]
    mcap = any(".mcap" in file.name for file in files)
    with source.opened() as reader, new_bag(out, mcap=mcap) as (writer, typestore):
        copies = {
            connection.id: writer.add_connection(
                connection.topic,
                connection.msgtype,
                msgdef=connection.msgdef.data or "",
                rihs01=connection.digest or "",
                serialization_format=connection.ext.serialization_format,
                offered_qos_profiles=connection.ext.offered_qos_profiles,
            )
            for connection in reader.connections
        }
        labels = _LabelWriter(writer, typestore, label_topic)
        index = -1
        for connection, recorded_ns, data in source.guarded(reader.messages()):
            writer.write(copies[connection.id], recorded_ns, data)
            if connection.topic != source.topic:
                continue
            index += 1
            if not (work / f"{index:06d}.png").exists():
                continue
            if not labels.count:
                labels.write_info(label_info_yaml(parser.bundle.label_space, 0.0), recorded_ns)
            _, number, header = next(following)
            labels.write(header, _read_png(work / f"{number:06d}.png"), recorded_ns)


class _LabelWriter:
    """The two topics of the labels."""

    def __init__(self, writer: Any, typestore: Any, topic: str) -> None:
        self._writer, self._typestore = writer, typestore
        image, text = "sensor_msgs/msg/Image", "std_msgs/msg/String"
        self._images = writer.add_connection(topic, image, typestore=typestore)
        self._infos = writer.add_connection(_info_topic(topic), text, typestore=typestore)
        self.count = 0

    def write_info(self, text: str, recorded_ns: int) -> None:
        message = self._typestore.types[self._infos.msgtype](text)
        data = self._typestore.serialize_cdr(message, self._infos.msgtype)
        self._writer.write(self._infos, recorded_ns, data)

    def write(self, header: bytes, labels: npt.NDArray[Any], recorded_ns: int) -> None:
        """Append a label image under the serialised header of its image."""
        types = self._typestore.types
        order = "<" if header[1] else ">"
        seconds, nanoseconds = struct.unpack_from(f"{order}iI", header, 4)
        frame_id = header[16:-1].decode("utf-8", "surrogateescape")
        message = types[self._images.msgtype](
            header=types["std_msgs/msg/Header"](
                types["builtin_interfaces/msg/Time"](seconds, nanoseconds), frame_id
            ),
            height=labels.shape[0],
            width=labels.shape[1],
            encoding="mono8" if labels.dtype == np.uint8 else "mono16",
            is_bigendian=0,
            step=labels[0].nbytes,
            data=np.ascontiguousarray(labels).view(np.uint8).reshape(-1),
        )
        data = self._typestore.serialize_cdr(message, self._images.msgtype)
        self._writer.write(self._images, recorded_ns, data)
        self.count += 1


def _header_end(data: bytes) -> int:
    """Number of bytes up to the end of the frame id: 4 of encapsulation, stamp, length, text."""
    (length,) = struct.unpack_from("<I" if data[1] else ">I", data, 12)
    return int(16 + length)
