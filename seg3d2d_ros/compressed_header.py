# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Size and completeness of JPEG and PNG data, read without decoding them.

Decoders fill what is missing from a cut-off image with grey and say nothing a caller can see, and
allocate whatever size a header names, be it of the image or, in a PNG, of one chunk. OpenCV 4.12
crashes at animated PNGs that are damaged. So all that is looked at first. Sources: ITU-T T.81
annex B (JPEG markers) and the PNG specification, section 5 (chunks).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_JPEG_SCAN = 0xDA
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers: 0xC0-0xCF but for DHT, JPG and DAC."""
_JPEG_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
"""Markers without a length: TEM and the restart markers."""


class CompressedHeaderError(ValueError):
    """The data are no complete JPEG or PNG; the message says what is wrong."""


@dataclass(frozen=True)
class CompressedHeader:
    """What the headers say: ``kind`` is JPEG or PNG, sizes in pixels."""

    kind: str
    height: int
    width: int


def read_compressed_header(data: memoryview) -> CompressedHeader:
    """Read the header and look for the end mark.

    Args:
        data: the whole file, one dimension of bytes.

    Raises:
        CompressedHeaderError: if the data are empty, of another format, cut off or, which a PNG's
            checksums tell, damaged.
    """
    if len(data) == 0:
        raise CompressedHeaderError("the data are empty")
    if data[:2] == _JPEG_START:
        return _jpeg_header(data)
    if data[:8] == _PNG_SIGNATURE:
        return _png_header(data)
    raise CompressedHeaderError(
        f"the data are neither JPEG nor PNG (they begin with {bytes(data[:4]).hex(' ')})"
    )


def _png_header(data: memoryview) -> CompressedHeader:
    if len(data) < 33 or bytes(data[8:16]) != b"\0\0\0\rIHDR":
        raise CompressedHeaderError("the PNG is cut off or damaged in its header")
    position, kind = 8, b""
    while kind != b"IEND":  # padding after it is let be
        if position + 12 > len(data):
            raise CompressedHeaderError(f"the PNG is cut off: it ends after {len(data)} bytes")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise CompressedHeaderError(f"the PNG is cut off: it ends after {len(data)} bytes")
        if zlib.crc32(data[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise CompressedHeaderError(f"the PNG is damaged between bytes {position} and {end}")
        if kind == b"acTL":
            raise CompressedHeaderError("the PNG is animated, which no camera image is")
        position = end + 4
    width, height = struct.unpack(">II", data[16:24])
    return CompressedHeader("PNG", height, width)


def _jpeg_header(data: memoryview) -> CompressedHeader:
    position, size = 2, (0, 0)
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise CompressedHeaderError(f"the JPEG is damaged at byte {position}")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte before a marker
            position += 1
            continue
        if marker in _JPEG_STANDALONE:
            position += 2
            continue
        if marker in _JPEG_FRAMES and position + 9 <= len(data):
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            size = (height, width)
        if marker == _JPEG_SCAN:
            # within entropy-coded data 0xFF is always stuffed, so this finds only the end itself;
            # it need not be last, because some cameras pad their buffers
            if _JPEG_END not in bytes(data[position:]):
                break
            return CompressedHeader("JPEG", *size)
        position += 2 + struct.unpack(">H", data[position + 2 : position + 4])[0]
    raise CompressedHeaderError(f"the JPEG is cut off: it ends after {len(data)} bytes")
