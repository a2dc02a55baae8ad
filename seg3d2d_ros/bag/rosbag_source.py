# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Frames from a rosbag2 recording (MCAP or SQLite), read without ROS by ``rosbags``."""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seg3d2d_ros.bag.bag_faults import check_parts, damage, one_line
from seg3d2d_ros.bag.camera_calibration import CameraCalibration
from seg3d2d_ros.bag.frame_source import (
    DEFAULT_FRAME_ID,
    Frame,
    FrameFault,
    FrameSource,
    FrameSourceError,
)
from seg3d2d_ros.image_codec import ImageDecodeError, decode_compressed_image, decode_image

_DECODERS = {
    "sensor_msgs/msg/Image": decode_image,
    "sensor_msgs/msg/CompressedImage": decode_compressed_image,
}
_CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
_NO_COLOR_TOPIC = re.compile(r"depth|label|confidence|disparity|infra|overlay", re.IGNORECASE)


@dataclass(frozen=True)
class RawMessage:
    """A serialised message that begins with a header.

    Attributes:
        topic: its topic.
        index: running number on the topic, in the order recorded.
        msgtype: such as ``sensor_msgs/msg/Image``.
        recorded_ns: when it was recorded, nanoseconds since 1970.
        data: CDR: four bytes of encapsulation, the second of which tells the byte order, then the
            header's stamp.
    """

    topic: str
    index: int
    msgtype: str
    recorded_ns: int
    data: bytes

    @property
    def stamp_ns(self) -> int | None:
        """The header's stamp, nanoseconds; None where the message is too short to hold one."""
        if len(self.data) < 12:
            return None
        order = "<" if self.data[1] else ">"
        seconds, nanoseconds = struct.unpack_from(f"{order}iI", self.data, 4)
        return int(seconds * 1_000_000_000 + nanoseconds)


class RosbagSource(FrameSource):
    """Images of one camera of a bag, in the order they were recorded.

    Args:
        path: the bag's folder, or a storage file (.mcap, .db3).
        topic: topic of the images; with or without ``/compressed`` at its end. Not needed where the
            bag holds one camera; of raw and compressed images the raw ones are taken.
        no_cameras: image topics that are none, such as label images.
    """

    def __init__(
        self, path: Path, topic: str | None = None, no_cameras: Collection[str] = ()
    ) -> None:
        super().__init__(path)
        check_parts(path)
        try:
            from rosbags.rosbag2 import Reader
            from rosbags.typesys import Stores, get_typestore
        except ImportError as error:
            raise FrameSourceError(
                f"reading the bag {path} needs the Python package rosbags, which can't be imported "
                f"({error}): pip install rosbags"
            ) from error
        self._reader_type = Reader
        # the messages read here are the same in every distribution
        self.typestore = get_typestore(Stores.ROS2_HUMBLE)
        with self.opened() as reader:
            candidates = [c for c in reader.connections if c.topic not in no_cameras]
            self.topic = _choose_topic(path, candidates, topic)
            self._count = sum(c.msgcount for c in reader.connections if c.topic == self.topic)
            if not self._count:
                raise FrameSourceError(f"bag {path} holds no message on {self.topic}")
            self.calibration = self._read_calibration(reader)

    def __len__(self) -> int:
        return self._count

    def _read(self) -> Iterator[Frame | FrameFault]:
        found = 0
        for raw in self.raw_images():
            yield self.decode(raw)
            found += 1
        missing = self.missing_images(found)
        if missing is not None:
            yield missing

    def missing_images(self, found: int) -> FrameFault | None:
        """What to say where the bag's files hold fewer images than its metadata.yaml counts.

        Args:
            found: how many the files hold.
        """
        if found >= self._count:
            return None
        return FrameFault(
            f"{found:06d} and following",
            f"metadata.yaml counts {self._count} messages on {self.topic}, the bag's files hold "
            f"{found}; copy the bag again",
        )

    def topics(self) -> set[str]:
        """Names of all topics of the bag."""
        with self.opened() as reader:
            return {connection.topic for connection in reader.connections}

    def raw_messages(self, topics: Collection[str]) -> Generator[RawMessage, None, None]:
        """Messages as they were recorded, of topics whose messages begin with a header.

        Raises:
            FrameSourceError: if the bag is damaged.
        """
        counts = dict.fromkeys(topics, 0)
        with self.opened() as reader:
            connections = [c for c in reader.connections if c.topic in counts]
            if not connections:  # which would mean all to the reader
                return
            messages = self.guarded(reader.messages(connections=connections))
            for connection, recorded_ns, data in messages:
                topic = connection.topic
                yield RawMessage(topic, counts[topic], connection.msgtype, recorded_ns, data)
                counts[topic] += 1

    def raw_images(self) -> Generator[RawMessage, None, None]:
        """The camera's images as they were recorded; errors as of :meth:`raw_messages`."""
        return self.raw_messages([self.topic])

    def message(self, raw: RawMessage) -> Any:
        """A message of a type that every distribution has.

        Raises:
            ImageDecodeError: if it is damaged.
        """
        try:
            return self.typestore.deserialize_cdr(raw.data, raw.msgtype)
        except Exception as error:  # struct's, Unicode's and NumPy's, by what is damaged
            raise ImageDecodeError(f"the message is damaged ({one_line(error)})") from error

    def text(self, topic: str) -> str | None:
        """The first std_msgs/String on a topic that can be read, None where there is none."""
        kind = "std_msgs/msg/String"
        with self.opened() as reader:
            connections = [c for c in reader.connections if (c.topic, c.msgtype) == (topic, kind)]
            if not connections:
                return None
            for connection, recorded_ns, data in self.guarded(reader.messages(connections)):
                raw = RawMessage(topic, 0, connection.msgtype, recorded_ns, data)
                with contextlib.suppress(ImageDecodeError):
                    return str(self.message(raw).data)
        return None

    def decode(self, raw: RawMessage) -> Frame | FrameFault:
        """The image of a message, or why there is none."""
        name = f"{raw.index:06d}"
        if raw.msgtype not in _DECODERS:
            return FrameFault(name, f"it is a {raw.msgtype}, no image")
        try:
            message = self.message(raw)
            image = _DECODERS[raw.msgtype](message)
        except ImageDecodeError as error:
            return FrameFault(name, str(error))
        header = message.header
        stamp_ns = header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
        frame_id = header.frame_id or DEFAULT_FRAME_ID
        return Frame(stamp_ns or raw.recorded_ns, image, name, frame_id)

    def _read_calibration(self, reader: Any) -> CameraCalibration | None:
        camera = _camera_of(self.topic).rpartition("/")[0]
        connections = [
            c
            for c in reader.connections
            if c.topic == f"{camera}/camera_info" and c.msgtype == _CAMERA_INFO
        ]
        if not connections:
            return None
        try:
            _, _, data = next(iter(reader.messages(connections=connections)))
            message = self.typestore.deserialize_cdr(data, _CAMERA_INFO)
            return CameraCalibration.from_message(message)
        except Exception:  # as in message; the images may be intact all the same
            return None

    def opened(self) -> Any:
        """The open reader of ``rosbags`` as a context manager.

        Raises:
            FrameSourceError: if the bag is damaged.
        """
        reader = None
        try:
            reader = self._reader_type(self.path)
            reader.open()
        except Exception as error:  # ReaderError, and what SQLite, struct and YAML raise
            raise damage(self.path, error) from error
        return _Closing(reader)

    def guarded(self, messages: Iterator[Any]) -> Iterator[Any]:
        """Messages of a reader; what it raises at a damaged place becomes a FrameSourceError."""
        iterator = iter(messages)
        while True:
            try:
                item = next(iterator)
            except StopIteration:
                return
            except Exception as error:  # as in opened
                raise damage(self.path, error) from error
            yield item


class _Closing:
    """Closes a reader whatever state it is in."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __enter__(self) -> Any:
        return self._reader

    def __exit__(self, *_: object) -> None:
        self._reader.close()


def _choose_topic(path: Path, connections: list[Any], wanted: str | None) -> str:
    images = sorted({c.topic for c in connections if c.msgtype in _DECODERS})
    if wanted is not None:
        wanted = "/" + wanted.strip("/")
        for candidate in (wanted, f"{wanted}/compressed"):
            if candidate in images:
                return candidate
        raise FrameSourceError(
            f"bag {path} has no images on {wanted}; choose one of its image topics: "
            f"{', '.join(images) or 'none'}"
        )
    if not images:
        topics = sorted({f"{c.topic} ({c.msgtype})" for c in connections})
        raise FrameSourceError(
            f"bag {path} has no image topic; it holds {', '.join(topics) or 'no topics at all'}"
        )
    color = [topic for topic in images if not _NO_COLOR_TOPIC.search(topic)]
    cameras: dict[str, str] = {}
    for topic in color:  # sorted, so the raw images come before their compressed ones
        cameras.setdefault(_camera_of(topic), topic)
    if len(cameras) == 1:
        return next(iter(cameras.values()))
    if not cameras:
        raise FrameSourceError(
            f"bag {path} has no topic that looks like a colour camera, only {', '.join(images)}; "
            "choose one with --topic"
        )
    raise FrameSourceError(
        f"bag {path} holds {len(cameras)} cameras ({', '.join(cameras.values())}); choose one with "
        "--topic"
    )


def _camera_of(topic: str) -> str:
    return topic.removesuffix("/compressed")
