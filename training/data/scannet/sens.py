# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reader of ScanNet's recordings, `.sens` files of version 4.

The layout is that of SensReader/c++/src/sensorData.h in ScanNet's repository, little-endian:
version (u32); length (u64) and name of the sensor; camera matrix and extrinsics of the colour
camera, then of the depth camera (each 4x4 f32 by rows); compression of colour and of depth (i32);
width and height of colour, of depth (u32); numbers of the depth images for a metre (f32); number of
frames (u64); for each frame camera to world (4x4 f32), times of colour and depth in microseconds
(u64), number of bytes of colour and depth (u64), these bytes; number of inertial measurements
(u64), each 15 f64 and a time (u64).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind, unread

VERSION = 4
_LONGEST_NAME = 4096
_LARGEST_SIDE = 1 << 15
_MATRIX = 16 * 4
_MEASUREMENT = 15 * 8 + 8
_FRAME_HEAD = struct.Struct("<16f4Q")


class ColorCompression(IntEnum):
    """How colour images are stored."""

    RAW = 0
    PNG = 1
    JPEG = 2


class DepthCompression(IntEnum):
    """How depth images are stored."""

    RAW = 0
    ZLIB = 1
    OCCIPITAL = 2


@dataclass(frozen=True, eq=False)
class SensHeader:
    """What is true of all frames.

    Attributes:
        sensor: name.
        color_matrix: 4x4 camera matrix of the colour camera, pixel centres at integers.
        color_extrinsics: from the colour camera's frame to the recording's base frame, 4x4.
        depth_matrix: camera matrix of the depth camera.
        depth_extrinsics: likewise from the depth camera's frame.
        color_compression: of colour images.
        depth_compression: of depth images.
        color_size: width and height of colour images.
        depth_size: width and height of depth images.
        depth_scale: numbers of the depth images for a metre; 0 of them is no measurement.
        frames: number of frames that the file claims to have.
    """

    sensor: str
    color_matrix: npt.NDArray[np.float64]
    color_extrinsics: npt.NDArray[np.float64]
    depth_matrix: npt.NDArray[np.float64]
    depth_extrinsics: npt.NDArray[np.float64]
    color_compression: ColorCompression
    depth_compression: DepthCompression
    color_size: tuple[int, int]
    depth_size: tuple[int, int]
    depth_scale: float
    frames: int


@dataclass(frozen=True, eq=False)
class SensFrame:
    """One frame as it is stored.

    Attributes:
        number: of the frame, from 0.
        pose: camera to world, 4x4; all -inf where tracking was lost.
        color: the colour image's bytes.
        depth: the depth image's.
        color_time: microseconds.
        depth_time: likewise.
    """

    number: int
    pose: npt.NDArray[np.float64]
    color: bytes
    depth: bytes
    color_time: int
    depth_time: int


class SensFile:
    """An open recording; frames are read one at a time.

    Args:
        path: of the file.

    Raises:
        DefectError: if it can't be read or is no recording of version 4.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._size = path.stat().st_size
            self._file = path.open("rb")
        except OSError as error:
            raise unread(path, error) from error
        try:
            self.header = self._read_header()
        except DefectError:
            self._file.close()
            raise

    def __enter__(self) -> SensFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def frames(self, every: int = 1) -> Iterator[SensFrame]:
        """Every n-th frame from the first on; the others are skipped over, not read.

        Raises:
            DefectError: where the file ends too early or its trailer is wrong, after the frames
                before that place.
        """
        self._file.seek(self._first)
        for number in range(self.header.frames):
            where = f"frame {number} of {self.header.frames}"
            *pose, color_time, depth_time, color, depth = _FRAME_HEAD.unpack(
                self._read(_FRAME_HEAD.size, where)
            )
            self._check_sizes(color, depth, where)
            if number % every:
                self._file.seek(color + depth, 1)
                continue
            yield SensFrame(
                number,
                np.array(pose, np.float64).reshape(4, 4),
                self._read(color, where),
                self._read(depth, where),
                color_time,
                depth_time,
            )
        (measurements,) = struct.unpack("<Q", self._read(8, "the inertial measurements"))
        self._demand(measurements * _MEASUREMENT, "the inertial measurements")
        end = self._file.tell() + measurements * _MEASUREMENT
        if end != self._size:
            raise self._damaged(
                f"should end after {measurements} inertial measurements at byte {end}, but has "
                f"{self._size - end} bytes more; its number of frames may be wrong"
            )

    def depth_image(self, frame: SensFrame) -> npt.NDArray[np.uint16]:
        """A frame's depth image, uint16 [h, w].

        Raises:
            DefectError: if its bytes are no image of the header's size, or compressed in a way
                that is not supported.
        """
        width, height = self.header.depth_size
        expected = 2 * width * height
        content = frame.depth
        if self.header.depth_compression is DepthCompression.OCCIPITAL:
            raise self._unreadable(frame, "is compressed by Occipital's coder, which is unknown")
        if self.header.depth_compression is DepthCompression.ZLIB:
            try:
                # What a damaged file may claim to unpack to has no bound.
                content = zlib.decompressobj().decompress(content, expected + 1)
            except zlib.error as error:
                raise self._unreadable(frame, f"can't be unpacked ({error})") from error
        if len(content) != expected:
            raise self._unreadable(frame, f"is not {width}x{height} pixels of 16 bits")
        return np.frombuffer(content, "<u2").astype(np.uint16).reshape(height, width)

    def _read_header(self) -> SensHeader:
        where = "its header"
        (version,) = struct.unpack("<I", self._read(4, where))
        if version != VERSION:
            raise self._damaged(f"is no .sens file of version {VERSION} (it starts with {version})")
        (length,) = struct.unpack("<Q", self._read(8, where))
        if length > _LONGEST_NAME:
            raise self._damaged(f"has a sensor name of {length} bytes; it is no .sens file")
        name = self._read(length, where).decode("utf-8", "replace")
        matrices = [
            np.frombuffer(self._read(_MATRIX, where), "<f4").astype(np.float64).reshape(4, 4)
            for _ in range(4)
        ]
        color, depth, *sides, scale, frames = struct.unpack("<2i4IfQ", self._read(36, where))
        try:
            compressions = ColorCompression(color), DepthCompression(depth)
        except ValueError:
            raise self._damaged(
                f"has images of the unknown compression {color} (colour), {depth} (depth)"
            ) from None
        if not all(0 < side <= _LARGEST_SIDE for side in sides) or not 0 < scale < np.inf:
            raise self._damaged(
                f"has images of {sides[0]}x{sides[1]} and {sides[2]}x{sides[3]} pixels and "
                f"{scale:g} depth numbers a metre in its header, which can't be"
            )
        self._first = self._file.tell()
        return SensHeader(
            sensor=name,
            color_matrix=matrices[0],
            color_extrinsics=matrices[1],
            depth_matrix=matrices[2],
            depth_extrinsics=matrices[3],
            color_compression=compressions[0],
            depth_compression=compressions[1],
            color_size=(sides[0], sides[1]),
            depth_size=(sides[2], sides[3]),
            depth_scale=scale,
            frames=frames,
        )

    def _check_sizes(self, color: int, depth: int, where: str) -> None:
        for name, stored, (width, height) in (
            ("colour", color, self.header.color_size),
            ("depth", depth, self.header.depth_size),
        ):
            # No coder makes an image of some size much larger than four bytes a pixel.
            if stored > 4 * width * height + 65536:
                raise self._damaged(
                    f"has a {name} image of {stored} bytes in {where} at byte {self._file.tell()}, "
                    f"too much for {width}x{height} pixels"
                )
        self._demand(color + depth, where)

    def _read(self, count: int, where: str) -> bytes:
        self._demand(count, where)
        try:
            content = self._file.read(count)
        except OSError as error:
            raise self._damaged(f"can't be read in {where} ({error.strerror})") from error
        if len(content) != count:
            raise self._damaged(f"became shorter while it was read, in {where}")
        return content

    def _demand(self, count: int, where: str) -> None:
        at = self._file.tell()
        if at + count > self._size:
            raise self._damaged(
                f"ends at byte {self._size}, in {where}, which needs {count} bytes from byte {at}"
            )

    def _damaged(self, text: str) -> DefectError:
        return DefectError(DefectKind.DAMAGED_FILE, self.path, f"{self.path} {text}")

    def _unreadable(self, frame: SensFrame, text: str) -> DefectError:
        return DefectError(
            DefectKind.UNREADABLE_IMAGE,
            self.path,
            f"the depth image of frame {frame.number} of {self.path} {text}; the frame is used "
            "without depth",
        )
