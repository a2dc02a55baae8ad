# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a data set beside their ground truth and what a model makes of them, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.overlay import draw_legend

Image = npt.NDArray[np.uint8]

MAX_BYTES = 400_000
"""Of a sheet: it travels with every copy of a bundle."""
_TILE = 256
"""Greatest height and width of a picture."""
_GAP = 6
_HEADING = 24
_HEADINGS = ("image", "ground truth", "parsed")
_QUALITIES = (92, 85, 75, 60, 45, 30, 15)


class ParsedPicture(NamedTuple):
    """One row of a sheet.

    Attributes:
        image: RGB, (H, W, 3) uint8.
        truth: (H, W) class ids, unlabeled where there are none.
        parsed: (H, W) class ids from the model.
    """

    image: Image
    truth: npt.NDArray[Any]
    parsed: npt.NDArray[Any]


def draw_contact_sheet(pictures: Sequence[ParsedPicture], label_space: LabelSpace) -> Image:
    """Draw one row per picture: image, ground truth and parsed labels; the legend on the right.

    Args:
        pictures: at least one; each is scaled to fit 256x256.
        label_space: of the labels; its colours are those of the sheet, unlabeled is black.

    Returns:
        RGB, (H, W, 3) uint8 on white. The legend names the classes that occur, in truth or parsed.

    Raises:
        ValueError: if there is no picture, or a picture's three parts differ in size.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    rows = [_heading(), *(_row(picture, label_space.palette()) for picture in pictures)]
    body = np.vstack(rows)
    present = {int(k) for picture in pictures for k in np.unique(np.stack(picture[1:]))}
    return np.hstack([body, draw_legend(label_space, present, len(body))])


def spread(pictures: Sequence[ParsedPicture], count: int) -> list[ParsedPicture]:
    """At most `count` of the pictures, evenly spread."""
    chosen = np.linspace(0, len(pictures) - 1, min(count, len(pictures))).astype(int)
    return [pictures[index] for index in chosen.tolist()]


def encode_contact_sheet(pictures: Sequence[ParsedPicture], label_space: LabelSpace) -> bytes:
    """A contact sheet as JPEG of at most 400 kB, as good as that allows.

    Raises:
        ValueError: as of :func:`draw_contact_sheet`, or if it cannot be made that small.
    """
    sheet = np.ascontiguousarray(draw_contact_sheet(pictures, label_space)[..., ::-1])
    for quality in _QUALITIES:
        _, encoded = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if encoded.size <= MAX_BYTES:
            return bytes(encoded)
    raise ValueError(
        f"a contact sheet of {len(pictures)} pictures takes {encoded.size} bytes, more than "
        f"{MAX_BYTES}; give fewer"
    )


def _heading() -> Image:
    row = _white(_HEADING, len(_HEADINGS) * (_TILE + _GAP))
    for column, text in enumerate(_HEADINGS):
        corner = (column * (_TILE + _GAP), _HEADING - 8)
        cv2.putText(row, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (32, 32, 32), 1, cv2.LINE_AA)
    return row


def _row(picture: ParsedPicture, palette: Image) -> Image:
    height, width = picture.image.shape[:2]
    if not (height, width) == picture.truth.shape == picture.parsed.shape:
        raise ValueError(
            f"image, truth and labels of one picture are of the sizes {(height, width)}, "
            f"{picture.truth.shape} and {picture.parsed.shape}"
        )
    scale = _TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    row = _white(size[1] + _GAP, len(_HEADINGS) * (_TILE + _GAP))
    tiles = [cv2.resize(picture.image, size, interpolation=cv2.INTER_AREA)]
    for labels in (picture.truth, picture.parsed):
        tiles.append(palette[cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)])
    for column, tile in enumerate(tiles):
        left = column * (_TILE + _GAP)
        row[: size[1], left : left + size[0]] = tile
    return row


def _white(height: int, width: int) -> Image:
    return np.full((height, width, 3), 255, np.uint8)
