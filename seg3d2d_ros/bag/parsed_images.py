# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A bag's images parsed, by one parser or by several side by side, in the order of the bag."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from seg3d2d_ros.bag.decode_ahead import DecodeAhead
from seg3d2d_ros.bag.frame_source import FrameFault
from seg3d2d_ros.bag.parallel_parsing import in_order
from seg3d2d_ros.bag.rosbag_source import RawMessage, RosbagSource
from seg3d2d_ros.parser import ParseFailure, ParseResult, PreparedImage, SceneParser

_PREPARED_AHEAD = 1
"""Preparing an image takes less time than labelling one, so one is enough; images may be large."""


@dataclass(frozen=True, order=True)
class BagImage:
    """An image that can be labelled, by its header's stamp.

    Attributes:
        stamp_ns: nanoseconds.
        index: its running number.
        header: as it is serialised, with the four bytes of encapsulation.
    """

    stamp_ns: int
    index: int
    header: bytes


Parsed = tuple[BagImage | None, ParseResult | ParseFailure | FrameFault | None]
"""An image and what came of it, None where it was labelled before; no image where it is a fault."""


def parsed_images(
    source: RosbagSource, parsers: Sequence[SceneParser], labelled: Collection[int]
) -> Generator[Parsed, None, None]:
    """Every image of a bag's camera; the next is prepared while others are parsed.

    Args:
        source: the bag and its camera.
        parsers: of one model; each is in one thread's hands at a time.
        labelled: indices of images that are not to be parsed.

    Raises:
        FrameSourceError: if the bag is damaged.
    """
    ways = _parsed_by_one if len(parsers) == 1 else _parsed_side_by_side
    return ways(source, parsers, labelled)


def _parsed_by_one(
    source: RosbagSource, parsers: Sequence[SceneParser], labelled: Collection[int]
) -> Generator[Parsed, None, None]:
    (parser,) = parsers
    with DecodeAhead(_prepared(source, parser, labelled), _PREPARED_AHEAD) as images:
        for image, prepared in images:
            if isinstance(prepared, PreparedImage):
                yield image, parser.parse(prepared)
            else:
                yield image, prepared


def _parsed_side_by_side(
    source: RosbagSource, parsers: Sequence[SceneParser], labelled: Collection[int]
) -> Generator[Parsed, None, None]:
    def work(raw: RawMessage, free: SimpleQueue[SceneParser]) -> Parsed:
        if raw.index in labelled:
            return _image(raw), None
        image, prepared = _prepare(source, parsers[0], raw)
        if not isinstance(prepared, PreparedImage):
            return image, prepared
        parser = free.get()
        try:
            return image, parser.parse(prepared)
        finally:
            free.put(parser)

    with (
        contextlib.closing(source.raw_images()) as images,
        contextlib.closing(in_order(work, images, parsers)) as parsed,
    ):
        yield from parsed


_Prepared = PreparedImage | ParseFailure | FrameFault


def _prepared(
    source: RosbagSource, parser: SceneParser, labelled: Collection[int]
) -> Iterator[tuple[BagImage | None, _Prepared | None]]:
    """Each image and what is to be parsed of it, None where it is labelled already."""
    for raw in source.raw_images():
        yield (_image(raw), None) if raw.index in labelled else _prepare(source, parser, raw)


def _prepare(
    source: RosbagSource, parser: SceneParser, raw: RawMessage
) -> tuple[BagImage | None, _Prepared]:
    frame = source.decode(raw)
    if isinstance(frame, FrameFault):
        return None, frame
    return _image(raw), parser.prepare(frame.image)


def _image(raw: RawMessage) -> BagImage:
    # four bytes of encapsulation, two of four each for the stamp, length of the frame id, frame id
    order = "<" if raw.data[1] else ">"
    seconds, nanoseconds, length = struct.unpack_from(f"{order}iII", raw.data, 4)
    stamp_ns = seconds * 1_000_000_000 + nanoseconds
    return BagImage(stamp_ns, raw.index, bytes(raw.data[: 16 + length]))
