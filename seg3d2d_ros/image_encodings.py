# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""How the pixels of each encoding lie in an Image message, and how they become RGB.

Names are those of sensor_msgs/image_encodings.hpp (5.5.1, ROS 2 Kilted; older releases have fewer).

- **16 bits** are taken to use their whole range: 0..65535 becomes 0..255, rounded, as in cv_bridge.
  It scales after the conversion of colours and this module before it, which makes at most one grey
  level of difference, in Bayer images.
- **YUV** is BT.601 of limited range (Y 16..235, Cb and Cr 16..240), as OpenCV and cv_bridge assume.
  The message names neither; a camera that sends full range comes out with more contrast. Y below 16
  counts as 16, chroma of a lower resolution is repeated, not interpolated. Layouts: the V4L2 pixel
  formats UYVY, YUYV, NV12, NV21 and NV24. The chroma plane follows the luma plane at once;
  ``height`` and ``step`` are those of the luma plane.
- **Bayer** names list the first row's first two pixels, then the second row's: ``rggb`` has red in
  the corner. OpenCV lists the second row's second and third, so ``rggb`` is its ``BayerBG``.
  Missing colours are interpolated bilinearly; the outermost pixels repeat their neighbours'.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]

_YCBCR_TO_RGB = np.array(
    [
        # red 2 (1 - Kr) Cr and blue 2 (1 - Kb) Cb follow from luma's weights Kr, Kb = 0.299, 0.114
        [255 / 219, 0, 255 / 112 * 0.701],
        [255 / 219, -255 / 112 * 0.886 * 0.114 / 0.587, -255 / 112 * 0.701 * 0.299 / 0.587],
        [255 / 219, 255 / 112 * 0.886, 0],
    ]
)
"""ITU-R BT.601, from limited range to 0..255."""
_BLACK_YCBCR = np.array([16.0, 128.0, 128.0])


@dataclass(frozen=True)
class Raster:
    """The bytes of an image and where its rows are.

    Attributes:
        data: (N,) uint8.
        height: rows of pixels.
        width: pixels per row.
        step: bytes from one row to the next.
        big_endian: byte order of samples of 16 bits.
    """

    data: npt.NDArray[np.uint8]
    height: int
    width: int
    step: int
    big_endian: bool

    def samples(
        self, shape: tuple[int, ...], *, bits: int = 8, first_row: int = 0, rows_apart: int = 1
    ) -> npt.NDArray[Any]:
        """A view of the data, which is not copied.

        Args:
            shape: (rows, columns) or (rows, columns, channels) of the view.
            bits: 8 or 16 per sample.
            first_row: where the view begins.
            rows_apart: steps from one row of the view to the next.
        """
        dtype = np.dtype(np.uint8 if bits == 8 else ">u2" if self.big_endian else "<u2")
        size = dtype.itemsize
        within_row = (size,) if len(shape) == 2 else (size * shape[2], size)
        return np.ndarray(
            shape,
            dtype,
            buffer=self.data,
            offset=first_row * self.step,
            strides=(rows_apart * self.step, *within_row),
        )


@dataclass(frozen=True)
class ImageEncoding:
    """One encoding.

    Attributes:
        pixel_bytes: bytes of a pixel in its row; in the luma plane where there are planes.
        to_rgb: makes (height, width, 3) uint8, of a raster that fits what this says.
        row_unit: the height must be a multiple of this.
        column_unit: the width must be a multiple of this.
        data_rows: rows of ``step`` bytes that hold ``row_unit`` rows of pixels.
        smallest: least height and width.
    """

    pixel_bytes: int
    to_rgb: Callable[[Raster], Rgb]
    row_unit: int = 1
    column_unit: int = 1
    data_rows: int = 1
    smallest: int = 1

    def rows_of_data(self, height: int) -> int:
        """Rows of ``step`` bytes that an image of this height takes."""
        return height // self.row_unit * self.data_rows


def _interleaved(raster: Raster, channels: int, bits: int, conversion: int | None) -> Rgb:
    samples = raster.samples((raster.height, raster.width, channels), bits=bits)
    return _converted(samples, conversion)


def _mosaic(raster: Raster, bits: int, conversion: int) -> Rgb:
    return _converted(raster.samples((raster.height, raster.width), bits=bits), conversion)


def _half_chroma_to_rgb(raster: Raster, conversion: int) -> Rgb:
    both_planes = raster.samples((raster.height * 3 // 2, raster.width))
    return _converted(both_planes, conversion)


def _nv24_to_rgb(raster: Raster) -> Rgb:
    height, width = raster.height, raster.width
    luma = np.maximum(raster.samples((height, width)), 16)
    chroma = raster.samples((height, width, 2), first_row=height, rows_apart=2)
    ycbcr = np.empty((height, width, 3), np.uint8)
    cv2.mixChannels([luma, chroma], [ycbcr], [0, 0, 1, 1, 2, 2])  # ten times as fast as indexing
    offset = -_YCBCR_TO_RGB @ _BLACK_YCBCR
    # OpenCV's own conversions know this format not at all, or YCrCb of full range only
    rgb: Rgb = cv2.transform(ycbcr, np.column_stack([_YCBCR_TO_RGB, offset]))
    return rgb


def _converted(samples: npt.NDArray[Any], conversion: int | None) -> Rgb:
    samples = to_8_bits(samples)
    return samples if conversion is None else cv2.cvtColor(samples, conversion)


def to_8_bits(samples: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Samples of 16 bits scaled from 0..65535 to 0..255, rounded; those of 8 bits as they are.

    Args:
        samples: uint8, or uint16 of any byte order.
    """
    if samples.dtype == np.uint8:
        return samples
    if not (samples.dtype.isnative and samples.flags.aligned):
        samples = samples.astype(np.uint16)
    scaled: npt.NDArray[np.uint8] = cv2.convertScaleAbs(samples, alpha=255 / 65535)
    return scaled


_BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
_INTERLEAVED = {
    "rgb": (3, None),
    "bgr": (3, cv2.COLOR_BGR2RGB),
    "rgba": (4, cv2.COLOR_RGBA2RGB),
    "bgra": (4, cv2.COLOR_BGRA2RGB),
    "mono": (1, cv2.COLOR_GRAY2RGB),
}


def _of_depth(bits: int) -> dict[str, ImageEncoding]:
    size = bits // 8
    encodings = {
        f"{name}{bits}": ImageEncoding(
            channels * size,
            partial(_interleaved, channels=channels, bits=bits, conversion=conversion),
        )
        for name, (channels, conversion) in _INTERLEAVED.items()
    }
    for pattern, conversion in _BAYER.items():
        # OpenCV leaves smaller ones black: they hold no pixel with neighbours on all sides
        encodings[f"bayer_{pattern}{bits}"] = ImageEncoding(
            size, partial(_mosaic, bits=bits, conversion=conversion), smallest=3
        )
    return encodings


def _yuv422(conversion: int) -> ImageEncoding:
    to_rgb = partial(_interleaved, channels=2, bits=8, conversion=conversion)
    return ImageEncoding(2, to_rgb, column_unit=2)


def _yuv420(conversion: int) -> ImageEncoding:
    to_rgb = partial(_half_chroma_to_rgb, conversion=conversion)
    return ImageEncoding(1, to_rgb, row_unit=2, column_unit=2, data_rows=3)


_UYVY = _yuv422(cv2.COLOR_YUV2RGB_UYVY)
_YUYV = _yuv422(cv2.COLOR_YUV2RGB_YUY2)

IMAGE_ENCODINGS: dict[str, ImageEncoding] = {
    **_of_depth(8),
    **_of_depth(16),
    "8UC1": ImageEncoding(
        1, partial(_interleaved, channels=1, bits=8, conversion=cv2.COLOR_GRAY2RGB)
    ),
    "uyvy": _UYVY,
    "yuv422": _UYVY,  # the older names of the two
    "yuyv": _YUYV,
    "yuv422_yuy2": _YUYV,
    "nv12": _yuv420(cv2.COLOR_YUV2RGB_NV12),
    "nv21": _yuv420(cv2.COLOR_YUV2RGB_NV21),
    "nv24": ImageEncoding(1, _nv24_to_rgb, data_rows=3),
}
"""What is decoded here, by name. ``8UC1`` is grey: one channel of bytes has no other meaning to a
camera. Those with more channels or bits don't tell their meaning, see :func:`refusal`."""

_OPENCV_TYPE = re.compile(r"(8|16|32|64)[USF](C\d*)?")


def refusal(encoding: str) -> str | None:
    """Why an encoding can't be a colour or grey image, None if it can.

    ``16UC1`` and ``32FC1`` are depth (REP 118). The other names of OpenCV types leave the order of
    the channels, or their range, to a guess; cv_bridge and image_proc refuse them as well.
    """
    if encoding in ("16UC1", "32FC1"):
        return (
            "is that of depth images; give the topic of the colour camera (16-bit grey is mono16)"
        )
    if encoding not in IMAGE_ENCODINGS and _OPENCV_TYPE.fullmatch(encoding):
        return "doesn't say what its channels mean; let the camera name them, as in bgr8 or rgb8"
    return None
