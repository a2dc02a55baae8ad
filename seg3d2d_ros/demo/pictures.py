# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's contact sheet and video."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.demo import DemoError
from seg3d2d_ros.demo.observations import Observations
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.overlay import draw_legend

Image = npt.NDArray[np.uint8]

_PAIRS = 8
_PAIR_COLUMNS = 2
_TILE_WIDTH = 320
_GAP = 8
_VIDEO_WIDTH = 480
"""OpenCV lets VP8 take several bits for each pixel; more pixels would make the report large."""
_SHEET_QUALITY = 88


def write_contact_sheet(
    path: Path, observations: Observations, label_space: LabelSpace, present: Sequence[int]
) -> None:
    """Write camera images beside their overlays, spread over the recording, with a legend (JPEG).

    Args:
        path: of the file.
        observations: holds at least one frame with image and overlay.
        label_space: for the legend.
        present: ids of the classes to name in it.
    """
    stamps = observations.stamps()
    chosen = sorted({round(k) for k in np.linspace(0, len(stamps) - 1, _PAIRS)})
    pairs = [
        _beside([_tile(observations.image(stamps[k])), _tile(observations.overlay(stamps[k]))], 0)
        for k in chosen
    ]
    rows = [
        _beside(pairs[start : start + _PAIR_COLUMNS], _GAP)
        for start in range(0, len(pairs), _PAIR_COLUMNS)
    ]
    sheet = _stacked(rows, _GAP)
    sheet = _beside([sheet, draw_legend(label_space, present, sheet.shape[0])], _GAP)
    bgr = cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _SHEET_QUALITY])
    write_file(path, data.tobytes())


def write_video(
    path: Path, overlays: Iterator[Image], legend: LabelSpace, present: Sequence[int], rate: float
) -> int:
    """Write overlays beside the legend as a video that browsers play (WebM, VP8).

    Args:
        path: of the file, .webm.
        overlays: RGB, (H, W, 3) uint8; scaled to the size of the first.
        legend: classes to name beside them.
        present: ids of those.
        rate: frames per second.

    Returns:
        Number of frames.

    Raises:
        DemoError: if this OpenCV can't encode VP8, or there is no overlay.
    """
    first = next(overlays, None)
    if first is None:
        raise DemoError(f"{path} was not written: no overlay arrived")
    scale = min(1.0, _VIDEO_WIDTH / first.shape[1])
    # even sides, because VP8 halves the colour planes
    height, width = (2 * max(1, round(side * scale / 2)) for side in first.shape[:2])
    panel = draw_legend(legend, present, height)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    count = 0
    with _standard_error_silenced():  # it warns about a tag that WebM does not have
        writer = cv2.VideoWriter(
            str(temporary),
            cv2.CAP_FFMPEG,
            cv2.VideoWriter.fourcc(*"VP80"),
            rate,
            (width + panel.shape[1], height),
        )
    try:
        if not writer.isOpened():
            raise DemoError(
                f"{path} was not written: OpenCV {cv2.__version__} can't encode VP8 here; the "
                "contact sheet shows the same"
            )
        for overlay in chain([first], overlays):
            fitted = cv2.resize(overlay, (width, height), interpolation=cv2.INTER_AREA)
            writer.write(cv2.cvtColor(np.hstack([fitted, panel]), cv2.COLOR_RGB2BGR))
            count += 1
        writer.release()
        temporary.replace(path)
    finally:
        writer.release()
        temporary.unlink(missing_ok=True)
    return count


def _tile(image: Image) -> Image:
    height = max(1, round(image.shape[0] * _TILE_WIDTH / image.shape[1]))
    tile: Image = cv2.resize(image, (_TILE_WIDTH, height), interpolation=cv2.INTER_AREA)
    return tile


def _beside(images: Sequence[Image], gap: int) -> Image:
    height = max(image.shape[0] for image in images)
    width = sum(image.shape[1] for image in images) + gap * (len(images) - 1)
    canvas: Image = np.full((height, width, 3), 255, np.uint8)
    left = 0
    for image in images:
        canvas[: image.shape[0], left : left + image.shape[1]] = image
        left += image.shape[1] + gap
    return canvas


def _stacked(images: Sequence[Image], gap: int) -> Image:
    turned = _beside([image.transpose(1, 0, 2) for image in images], gap)
    return np.ascontiguousarray(turned.transpose(1, 0, 2))


@contextlib.contextmanager
def _standard_error_silenced() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
