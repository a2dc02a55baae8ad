# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Image and CompressedImage messages as faulty drivers, networks and attackers send them.

Each begins as a valid message of a random kind, of which then nothing to three things are changed.
All come from a seed, so that one which fails can be made again.
"""

from __future__ import annotations

import functools
import io
import struct
import zlib

import cv2
import numpy as np
from encoded_images import ENCODINGS, encoded, least_size

STRANGE_ENCODINGS = (
    *("", " ", "RGB8", "rgb8 ", "rgb", "rgb32", "16UC1", "32FC1", "8UC3", "8UC4", "8UC", "64FC4"),
    *("i420", "jpeg", "bayer_rggb12", "bayer_", "mono10", "nv42", "é\n%s{}'\"", "8" * 3000),
)
FORMATS = (
    *("", "jpeg", "png", "rgb8; jpeg compressed bgr8", "mono16; png compressed ", ";", "; ;;\n"),
    *("bayer_rggb8; png compressed ", "bayer_gbrg16; jpeg compressed", "bayer_; compressed"),
    *("16UC1; compressedDepth", "16UC1; png compressed ", "tiff", "x" * 2000),
)
EXTREME_NUMBERS = (0, 1, 2, 3, 255, 4096, 65536, 2**31 - 1, 2**31, 2**32 - 1)


def valid_image(rng: np.random.Generator) -> dict:
    """Fields of a valid sensor_msgs/Image of a random encoding and of 1 to 24 rows and columns."""
    encoding = str(rng.choice(ENCODINGS))
    height, width = (int(v) for v in rng.integers(1, 25, 2))
    rows, columns = least_size(encoding)
    height, width = max(height, rows), max(width, columns)
    height -= height % rows if rows == 2 else 0
    width -= width % columns if columns == 2 else 0
    rgb = rng.integers(0, 256, (height, width, 3), np.uint8)
    padding = int(rng.choice([0, 0, 1, 7, 64]))
    big_endian = encoding.endswith("16") and bool(rng.integers(2))
    return encoded(rgb, encoding, padding=padding, big_endian=big_endian)


def mutated_image(seed: int) -> dict:
    """Fields of a sensor_msgs/Image, each within the range of its type."""
    rng = np.random.default_rng(seed)
    fields = valid_image(rng)
    for _ in range(rng.integers(4)):
        change = rng.integers(7)
        if change < 3:
            name = ("height", "width", "step")[change]
            fields[name] = _other_number(rng, fields[name])
        elif change == 3:
            names = STRANGE_ENCODINGS if rng.integers(2) else ENCODINGS
            fields["encoding"] = str(rng.choice(names))
        elif change == 4:
            fields["is_bigendian"] = int(rng.choice([0, 1, 2, 255]))
        else:
            fields["data"] = _damaged(rng, fields["data"])
    return fields


def _other_number(rng: np.random.Generator, number: int) -> int:
    choice = rng.integers(5)
    if choice == 0:
        return int(rng.choice(EXTREME_NUMBERS))
    if choice == 1:
        return number * 2
    return max(0, number + int(rng.integers(-3, 4)))


def _damaged(rng: np.random.Generator, data: bytes) -> bytes:
    damaged = bytearray(data)
    if not damaged:
        return data
    place = int(rng.integers(len(damaged)))
    choice = rng.integers(6)
    if choice == 0:
        return bytes(damaged[:place])
    if choice == 1:
        return data + rng.bytes(int(rng.integers(1, 200)))
    if choice == 2:
        del damaged[place : place + int(rng.integers(1, 30))]
    elif choice == 3:
        damaged[place:place] = rng.bytes(int(rng.integers(1, 30)))
    elif choice == 4:
        damaged[place : place + 20] = bytes(rng.integers(0, 256, 20, np.uint8))
    else:
        for bit in rng.integers(0, 8 * len(damaged), rng.integers(1, 12)):
            damaged[bit // 8] ^= 1 << (bit % 8)
    return bytes(damaged)


def mutated_compressed_image(seed: int) -> dict:
    """Fields of a sensor_msgs/CompressedImage."""
    rng = np.random.default_rng(seed)
    files = compressed_files()
    kind = int(rng.integers(len(files)))
    text, data = "rgb8; jpeg compressed bgr8", files[kind]
    for _ in range(rng.integers(4)):
        change = rng.integers(8)
        if change == 0:
            text = str(rng.choice(FORMATS))
        elif change == 1:
            data = data + files[int(rng.integers(len(files)))]
        elif change == 2:
            size = [int(rng.choice([1, 2, 13, 300, 5000, 65500, 2**31 - 1])) for _ in range(2)]
            data = with_size(data, *size)
        elif change == 3 and rng.integers(3) == 0:
            data = rng.bytes(int(rng.integers(300)))
        else:
            data = _damaged(rng, data)
            if rng.integers(2):  # else most damage to a PNG would be found by its checksums alone
                data = with_checksums(data)
    return {"format": text, "data": data}


@functools.lru_cache
def compressed_files() -> tuple[bytes, ...]:
    """Small JPEG and PNG files of every kind."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (19, 23, 4), np.uint8)
    smooth = np.linspace(0, 255, 40 * 30 * 3).reshape(40, 30, 3).astype(np.uint8)
    arrays = (noise, noise[..., :3], noise[..., 0], smooth, noise[:1, :1, :3], noise[:2, :5, 0])
    pngs = [_encoded(".png", a) for a in arrays]
    pngs += [_encoded(".png", a.astype(np.uint16) * 257) for a in arrays]
    jpegs = [_encoded(".jpg", a[..., :3] if a.ndim == 3 else a) for a in arrays]
    jpegs += [_encoded(".jpg", smooth, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)]
    jpegs += [_encoded(".jpg", smooth, cv2.IMWRITE_JPEG_RST_INTERVAL, 1)]
    return (*pngs, *jpegs, *_pillow_files(smooth))


def _encoded(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, np.ascontiguousarray(pixels), options)[1].tobytes()


def _pillow_files(pixels: np.ndarray) -> list[bytes]:
    try:
        from PIL import Image
    except ImportError:
        return []
    image, files = Image.fromarray(pixels), []
    for picture, kind in (
        (image.convert("CMYK"), "JPEG"),
        (image.quantize(16), "PNG"),
        (image.convert("LA"), "PNG"),
        (image.convert("1"), "PNG"),
    ):
        buffer = io.BytesIO()
        picture.save(buffer, kind)
        files.append(buffer.getvalue())
    return files


def with_size(data: bytes, height: int, width: int) -> bytes:
    """A JPEG or PNG file whose header names another size."""
    if data[:4] == b"\x89PNG":
        return with_checksums(data[:16] + struct.pack(">II", width, height) + data[24:])
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        if (place := data.find(marker)) >= 0:
            size = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
            return data[: place + 5] + size + data[place + 9 :]
    return data


def with_checksums(data: bytes) -> bytes:
    """A PNG file whose chunks have right checksums, as far as its chunks can be followed."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return data
    place, mended = 8, bytearray(data)
    while place + 12 <= len(mended):
        end = place + 8 + struct.unpack_from(">I", mended, place)[0]
        if end + 4 > len(mended):
            break
        struct.pack_into(">I", mended, end, zlib.crc32(mended[place + 4 : end]))
        place = end + 4
    return bytes(mended)
