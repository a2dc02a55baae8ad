# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A bag's images labelled: a new bag with everything of the old one and the labels beside it."""

from __future__ import annotations

import contextlib
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros import __version__
from seg3d2d_ros.bag.frame_source import FrameFault
from seg3d2d_ros.bag.label_store import BagLabelError, LabelStore
from seg3d2d_ros.bag.parsed_images import BagImage, parsed_images
from seg3d2d_ros.bag.rosbag_source import RosbagSource
from seg3d2d_ros.bag.topic_copy import copy_custom_data, copy_topic
from seg3d2d_ros.bag.writer import BagWriteError, new_bag
from seg3d2d_ros.label_info import label_info_yaml
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.parser import ParseFailure, SceneParser

LABEL_TOPIC = "/parse/label"
"""Where the parse node publishes by default."""


@dataclass(frozen=True)
class LabelledBag:
    """What became of the images.

    Attributes:
        images: how many the bag's files hold.
        labelled: how many of them have labels in the new bag.
        resumed: how many of these had been labelled by an earlier, interrupted call.
        faults: the others, each with the reason.
        missing: messages that the old bag's metadata.yaml counts but its files do not hold, by
            topic.
    """

    images: int
    labelled: int
    resumed: int
    faults: list[FrameFault]
    missing: dict[str, int]


def label_bag(
    source: RosbagSource,
    out: Path,
    parser: SceneParser,
    *,
    beside: Sequence[SceneParser] = (),
    label_topic: str = LABEL_TOPIC,
    watch: Callable[[int], None] = lambda _: None,
) -> LabelledBag:
    """Label every image of one camera and write a bag with the labels.

    All messages are copied byte for byte with their types and times. Label images (``mono8``, or
    ``mono16`` beyond 255 classes) have the headers of their images and follow each other by header
    stamp; the k-th lies behind the k-th labelled image. ``<label topic>_info_yaml`` names the ids.

    An interrupted call leaves the labels so far in a hidden folder beside ``out``; the same call
    goes on from there and gives the same bag. The next image is prepared while others are labelled;
    in memory are whole at most two images more than there are parsers. OpenCV has one thread
    meanwhile, in the whole process.

    Args:
        source: the bag and its camera.
        out: folder of the new bag; must not exist.
        parser: labels the images.
        beside: further parsers of the same model and settings, which label others meanwhile, see
            :func:`seg3d2d_ros.bag.parallel_parsing.parsers_side_by_side`.
        label_topic: of the label images.
        watch: called with the number of images done.

    Raises:
        BagLabelError: if the new bag exists already or can't be written, begun work belongs to
            another bag, model or version, or the bag has the topic already.
        FrameSourceError: if the bag is damaged.
    """
    store = LabelStore(out.parent / f".{out.name}.labels")
    try:
        _check(source, out, label_topic)
        with store.held(_job(source, parser)):
            with _one_opencv_thread():
                parsers = (parser, *beside)
                labelled, resumed, faults = _label(source, parsers, store, watch)
            if not labelled:
                raise BagLabelError(
                    f"none of the {len(faults)} images of {source.path} could be labelled"
                    + (f"; the first: {faults[0].reason}" if faults else "")
                )
            label_space = parser.bundle.label_space
            missing = _assemble(source, out, store, labelled, label_space, label_topic)
            store.remove()
    except (OSError, BagWriteError) as error:
        cause = error.__cause__ or error  # what a BagWriteError says besides is said here
        reason = getattr(cause, "strerror", None) or cause
        kept = "; the labels so far are kept, and the same command goes on"
        raise BagLabelError(
            f"the labelled bag {out} can't be written ({reason}); make room or choose another place"
            f"{'' if store.is_empty() else kept}"
        ) from error
    images = len(labelled) + len(faults)
    return LabelledBag(images, len(labelled), resumed, faults, missing)


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


def _job(source: RosbagSource, parser: SceneParser) -> dict[str, Any]:
    """What the labels depend on."""
    path = source.path.resolve()
    files = sorted(f for f in path.iterdir() if f.is_file()) if path.is_dir() else [path]
    return {
        "seg3d2d": __version__,
        "bag": {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files},
        "topic": source.topic,
        "bundle": parser.bundle.hash,
        "backend": f"{parser.backend_name} {parser.device} {parser.precision}",
    }


def _label(
    source: RosbagSource,
    parsers: Sequence[SceneParser],
    store: LabelStore,
    watch: Callable[[int], None],
) -> tuple[list[BagImage], int, list[FrameFault]]:
    """Label what is not yet, while the next image is read, decoded and resized.

    Returns:
        The images that have labels now, how many had them before, and the faults of the others.
    """
    labelled: list[BagImage] = []
    faults: list[FrameFault] = []
    resumed = len(store)
    with contextlib.closing(parsed_images(source, parsers, store.indices())) as images:
        for done, (image, result) in enumerate(images, start=1):
            if isinstance(result, (FrameFault, ParseFailure)):
                faults.append(FrameFault(f"{done - 1:06d}", result.reason))
            elif image is not None:
                if result is not None:
                    store.write(image.index, result.labels)
                labelled.append(image)
            watch(done)
    return labelled, resumed, faults


@contextlib.contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """OpenCV's idle threads spin for a while, on cores that the network has use for."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _assemble(
    source: RosbagSource,
    out: Path,
    store: LabelStore,
    images: list[BagImage],
    label_space: LabelSpace,
    label_topic: str,
) -> dict[str, int]:
    """Write the bag; returns how many messages by topic were not there to be copied."""
    following = iter(sorted(images))
    files = list(source.path.iterdir()) if source.path.is_dir() else [source.path]
    bag = new_bag(out, mcap=any(".mcap" in file.name for file in files), work=store.folder / "bag")
    with source.opened() as reader, bag as (writer, typestore):
        copy_custom_data(writer, source.path)
        copies, missing = {}, Counter[str]()
        for connection in reader.connections:
            copies[connection.id] = copy_topic(writer, typestore, connection)
            missing[connection.topic] += connection.msgcount
        labels = _LabelWriter(writer, typestore, label_topic)
        index = -1
        for connection, recorded_ns, data in source.guarded(reader.messages()):
            writer.write(copies[connection.id], recorded_ns, data)
            missing[connection.topic] -= 1
            if connection.topic != source.topic:
                continue
            index += 1
            if index not in store:
                continue
            if not labels.count:
                labels.write_info(label_info_yaml(label_space, 0.0), recorded_ns)
            image = next(following)
            labels.write(image.header, store.read(image.index), recorded_ns)
    return dict(+missing)


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
