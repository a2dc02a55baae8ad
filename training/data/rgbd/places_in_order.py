# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which frame's the k-th pose of a trajectory is.

A trajectory names frames by their place in the recording, from 0. Where images are missing, that is
not their place among the images that are there. Names that begin or end with a number tell it, such
as `000001.png`, `000001-000000033369.png` or `frame_0001.png`: a frame's place is its number less
the first one, which is the lowest of all colour and depth images, so that sequences may begin at 0,
at 1 or at any other number.

As many poses as colour images are theirs, one after the other. Otherwise the poses are refused
where more than one reading is possible: a recording that does not begin at 0 and has more poses
than numbers has lost frames at one of its ends, and nothing says at which.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from training.data.defects import DefectError, DefectKind


def places_in_order(
    colors: Sequence[Path], depths: Sequence[Path], poses: Collection[int], file: Path
) -> list[int]:
    """The place of each colour image in the recording, from 0.

    Args:
        colors: colour images in their order.
        depths: depth images.
        poses: places that the trajectory has poses of.
        file: of the trajectory, for messages.

    Raises:
        DefectError: if the trajectory can't be matched with the images.
    """
    in_order = list(range(len(colors)))
    length = max(poses, default=-1) + 1
    if length in (0, len(colors)):
        return in_order
    numbers = _numbers(colors)
    if numbers is None:
        if length > len(colors):
            raise _no_fit(file, length, f"there are {len(colors)}, whose names have no numbers")
        return in_order
    every = set(numbers)
    of_depth = set(_numbers(depths) or [])
    if every & of_depth:
        every |= of_depth
    first, last = min(every), max(every)
    count = last - first + 1
    missing = count > len(colors)
    if (
        (missing and length < len(colors))  # of the images that are there, or the first of all?
        or (missing and first > 1 and length != count)  # numbers may be times, or every tenth
        or (first > 0 and length > count)  # which end is missing?
    ):
        images = f"there are {len(colors)}, numbered {first} to {last}"
        raise _no_fit(file, length, images)
    return [number - first for number in numbers]


def _numbers(paths: Sequence[Path]) -> list[int] | None:
    """A number by which each image differs from the others; None where names have none."""
    for pattern in (r"^\d+", r"\d+$"):
        matches = [re.search(pattern, path.stem) for path in paths]
        numbers = [int(match[0]) for match in matches if match]
        if paths and len(set(numbers)) == len(paths):
            return numbers
    return None


def _no_fit(file: Path, length: int, images: str) -> DefectError:
    return DefectError(
        DefectKind.LOST_POSE,
        file,
        f"{file} has poses of {length} frames, which can't be matched with the colour images "
        f"({images}); the recording is used without poses",
    )
