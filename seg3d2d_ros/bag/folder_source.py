# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Frames from image files: a folder, or a single one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.bag.camera_calibration import find_calibration
from seg3d2d_ros.bag.frame_source import (
    DEFAULT_FRAME_ID,
    IMAGE_SUFFIXES,
    Frame,
    FrameFault,
    FrameSource,
    FrameSourceError,
)
from seg3d2d_ros.compressed_header import CompressedHeaderError, read_compressed_header

DEFAULT_RATE = 15.0
"""Frames per second of images, which carry no stamps."""

_COLOR_FOLDERS = ("color", "rgb")
"""Where ScanNet, Redwood and TUM recordings keep their colour images."""

_NO_COLOR_IMAGE = re.compile(
    r"(^|[._-])(depth|label|labels|instance|semantic|mask|overlay|confidence)$", re.IGNORECASE
)
"""Stems of what lies beside colour images, our own outputs among it."""

_MAX_PIXELS = 1 << 28


class UnreadableImageError(ValueError):
    """An image file can't be read; the message is one sentence without the file's name."""


class FolderSource(FrameSource):
    """Colour images of a folder in the natural order of their names, or one image.

    In folders of RGB-D recordings only the colour images are taken: those in ``color/`` or
    ``rgb/``, or those named ``*.color.png``; depth, label and overlay images are left out.
    """

    def __init__(self, path: Path, rate: float | None = None) -> None:
        self._files = find_color_images(path) if path.is_dir() else [path]
        self._rate = rate or DEFAULT_RATE
        super().__init__(path)
        stems = Counter(file.stem for file in self._files)
        self._names = [f.name if stems[f.stem] > 1 else f.stem for f in self._files]
        if path.is_dir():
            size = _first_size(self._files)
            self.calibration = find_calibration(self._files[0].parent, *size) if size else None

    def __len__(self) -> int:
        return len(self._files)

    def _read(self) -> Iterator[Frame | FrameFault]:
        for index, (file, name) in enumerate(zip(self._files, self._names, strict=True)):
            try:
                image = read_color_image(file)
            except UnreadableImageError as error:
                yield FrameFault(file.name, str(error))
            else:
                yield Frame(round(index * 1e9 / self._rate), image, name, DEFAULT_FRAME_ID)


def read_color_image(file: Path) -> npt.NDArray[np.uint8]:
    """Read an image file, turned as its EXIF orientation says.

    Returns:
        RGB, (H, W, 3) uint8; 16-bit colour is scaled down.

    Raises:
        UnreadableImageError: if the file can't be read, is cut off, no image, too large, or a
            16-bit image without colour, which is depth or labels.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"it can't be read ({error.strerror})") from error
    if not data:
        raise UnreadableImageError("the file is empty")
    if file.suffix.lower() in (".png", ".jpg", ".jpeg"):
        try:
            header = read_compressed_header(memoryview(data))
        except CompressedHeaderError as error:
            raise UnreadableImageError(str(error)) from error
        if header.width * header.height > _MAX_PIXELS:
            raise UnreadableImageError(
                f"{header.width}x{header.height} pixels are more than the {_MAX_PIXELS} allowed"
            )
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        image = None
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise UnreadableImageError("OpenCV can't decode it; it is damaged or no image")
    if image.dtype == np.uint16:
        if (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all():
            raise UnreadableImageError("it is a 16-bit image without colour, as depth images are")
        image = cv2.convertScaleAbs(image, alpha=1 / 257)
    rgb: npt.NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def find_color_images(folder: Path) -> list[Path]:
    """The colour images of a folder, in natural order (2 before 10).

    Raises:
        FrameSourceError: if there are none, or only in several folders below.
    """
    images = _color_images_in(folder)
    if images:
        return images
    below = {child: _color_images_in(child) for child in sorted(folder.iterdir()) if child.is_dir()}
    below = {child: found for child, found in below.items() if found}
    if len(below) == 1:
        return next(iter(below.values()))
    if below:
        shown = ", ".join(str(child) for child in list(below)[:5])
        raise FrameSourceError(
            f"{folder} holds no images itself but {len(below)} folders that do; give one of them: "
            f"{shown}{', ...' if len(below) > 5 else ''}"
        )
    raise FrameSourceError(
        f"{folder} is no bag and holds no colour images ({' '.join(IMAGE_SUFFIXES)}); give a "
        "folder that does"
    )


def _color_images_in(folder: Path) -> list[Path]:
    for name in _COLOR_FOLDERS:
        images = _images_in(folder / name)
        if images:
            return images
    images = _images_in(folder)
    marked = [file for file in images if Path(file.stem).suffix == ".color"]
    return marked or [file for file in images if not _NO_COLOR_IMAGE.search(file.stem)]


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [f for f in folder.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file()]
    return sorted((f for f in files if not f.name.startswith(".")), key=_natural_key)


def _natural_key(file: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", file.name)
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts]


def _first_size(files: list[Path]) -> tuple[int, int] | None:
    """Width and height of the first readable image."""
    for file in files:
        try:
            height, width = read_color_image(file).shape[:2]
        except UnreadableImageError:
            continue
        return width, height
    return None
