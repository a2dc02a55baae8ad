# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Image messages of every encoding, made from RGB by the definitions of the formats alone.

Plain NumPy, so that a test compares two independent ways. Layouts: sensor_msgs/image_encodings.hpp
and the V4L2 pixel formats UYVY, YUYV, NV12, NV21 and NV24; colours: ITU-R BT.601, limited range.
"""

from __future__ import annotations

import numpy as np

PATTERNS = ("rggb", "bggr", "gbrg", "grbg")
INTERLEAVED = ("rgb", "bgr", "rgba", "bgra", "mono")
YUV422 = {"uyvy": "uyvy", "yuv422": "uyvy", "yuyv": "yuyv", "yuv422_yuy2": "yuyv"}
SEMI_PLANAR = {"nv12": "uv", "nv21": "vu", "nv24": "uv"}
ENCODINGS = (
    *(f"{name}{bits}" for bits in (8, 16) for name in INTERLEAVED),
    *(f"bayer_{pattern}{bits}" for bits in (8, 16) for pattern in PATTERNS),
    "8UC1",
    *YUV422,
    *SEMI_PLANAR,
)
LUMA = np.array([0.299, 0.587, 0.114])
"""Kr, Kg and Kb of BT.601."""


def bits_of(encoding: str) -> int:
    return 16 if encoding.endswith("16") else 8


def is_grey(encoding: str) -> bool:
    return encoding.startswith("mono") or encoding == "8UC1"


def is_yuv(encoding: str) -> bool:
    return encoding in YUV422 or encoding in SEMI_PLANAR


def least_size(encoding: str) -> tuple[int, int]:
    """Least (height, width), which is also what they are multiples of where that is 2."""
    if encoding.startswith("bayer"):
        return 3, 3
    if encoding in YUV422:
        return 1, 2
    return (2, 2) if encoding in ("nv12", "nv21") else (1, 1)


def to_ycbcr(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) float Y 16..235, Cb and Cr 16..240, of RGB 0..255."""
    rgb = np.asarray(rgb, float) / 255
    luma = rgb @ LUMA
    blue = 0.5 * (rgb[..., 2] - luma) / (1 - LUMA[2])
    red = 0.5 * (rgb[..., 0] - luma) / (1 - LUMA[0])
    return np.stack([16 + 219 * luma, 128 + 224 * blue, 128 + 224 * red], -1)


def from_ycbcr(ycbcr: np.ndarray) -> np.ndarray:
    """The inverse of :func:`to_ycbcr`; float, beyond 0..255 for colours that no RGB has."""
    ycbcr = np.asarray(ycbcr, float)
    luma = (ycbcr[..., 0] - 16) / 219
    blue = luma + 2 * (1 - LUMA[2]) * (ycbcr[..., 1] - 128) / 224
    red = luma + 2 * (1 - LUMA[0]) * (ycbcr[..., 2] - 128) / 224
    green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return 255 * np.stack([red, green, blue], -1)


def samples_of(rgb: np.ndarray, encoding: str) -> np.ndarray:
    """The samples that a camera would send of an image, (rows, samples per row) uint8 or uint16.

    Padding and byte order are left to :func:`message_fields`. The rows of NV24's chroma plane are
    two rows here, as they are in the message.
    """
    height, width = rgb.shape[:2]
    if encoding in YUV422:
        return _yuv422(to_ycbcr(rgb), YUV422[encoding])
    if encoding in SEMI_PLANAR:
        ycbcr = to_ycbcr(rgb)
        luma, chroma = ycbcr[..., 0], ycbcr[..., 1:]
        if encoding != "nv24":
            chroma = chroma.reshape(height // 2, 2, width // 2, 2, 2).mean((1, 3))
        if SEMI_PLANAR[encoding] == "vu":
            chroma = chroma[..., ::-1]
        return np.rint(np.concatenate([luma, chroma.reshape(-1, width)])).astype(np.uint8)
    bits = bits_of(encoding)
    if is_grey(encoding):
        samples = np.rint(rgb @ LUMA)
    elif encoding.startswith("bayer"):
        samples = np.take_along_axis(rgb, mosaic_channels(encoding, (height, width)), 2)[..., 0]
    else:
        with_alpha = np.dstack([rgb, np.full((height, width), 7, rgb.dtype)])
        samples = with_alpha[..., ["rgba".index(c) for c in encoding.rstrip("168")]]
    samples = samples.reshape(height, -1)
    return samples.astype(np.uint8) if bits == 8 else (samples.astype(np.uint16) * 257)


def _yuv422(ycbcr: np.ndarray, order: str) -> np.ndarray:
    height, width = ycbcr.shape[:2]
    pairs = ycbcr.reshape(height, width // 2, 2, 3)
    parts = {"u": [pairs[..., 1].mean(2)], "v": [pairs[..., 2].mean(2)]}
    parts["y"] = [pairs[:, :, 0, 0], pairs[:, :, 1, 0]]
    samples = np.stack([parts[letter].pop(0) for letter in order], -1)
    return np.rint(samples).astype(np.uint8).reshape(height, 2 * width)


def mosaic_channels(encoding: str, size: tuple[int, int]) -> np.ndarray:
    """(height, width, 1): which of R, G, B (0, 1, 2) the sensor has at each pixel.

    The letters of the name are the first row's two pixels, then the second row's.
    """
    letters = encoding.removeprefix("bayer_")[:4]
    tile = np.array(["rgb".index(letter) for letter in letters]).reshape(2, 2)
    repeats = (size[0] // 2 + 1, size[1] // 2 + 1)
    return np.tile(tile, repeats)[: size[0], : size[1], np.newaxis]


def message_fields(
    samples: np.ndarray,
    encoding: str,
    size: tuple[int, int],
    *,
    padding: int = 0,
    big_endian: bool = False,
) -> dict:
    """Fields of a sensor_msgs/Image.

    Args:
        samples: (rows, samples per row), see :func:`samples_of`.
        encoding: its name.
        size: height and width of the image.
        padding: bytes after each row; two rows of NV24's chroma are one row with all its padding
            at the end.
        big_endian: byte order of 16-bit samples.
    """
    order = ">" if big_endian else "<"
    size_bytes = samples.dtype.itemsize
    rows = samples.astype(f"{order}u{size_bytes}", "C").view(np.uint8).reshape(len(samples), -1)
    step = rows.shape[1] + padding
    if encoding == "nv24":
        luma, chroma = rows[: size[0]], rows[size[0] :].reshape(size[0], -1)
        data = _padded(luma, padding) + _padded(chroma, 2 * padding)
    else:
        data = _padded(rows, padding)
    return {
        "height": size[0],
        "width": size[1],
        "encoding": encoding,
        "is_bigendian": int(big_endian),
        "step": step,
        "data": data,
    }


def _padded(rows: np.ndarray, padding: int) -> bytes:
    return np.pad(rows, ((0, 0), (0, padding)), constant_values=77).tobytes()


def encoded(rgb: np.ndarray, encoding: str, **options) -> dict:
    """Fields of a sensor_msgs/Image that shows an RGB image; options as of message_fields."""
    return message_fields(samples_of(rgb, encoding), encoding, rgb.shape[:2], **options)
