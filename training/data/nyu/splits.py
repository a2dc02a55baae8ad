# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which of NYU-Depth V2's labelled frames train and which measure."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.defects import Defect, DefectKind
from training.data.labelled_frames import DatasetError
from training.data.nyu.mat_v5 import read_mat_v5

SPLITS_FILE = "splits.mat"
OFFICIAL_FRAMES = 1449


def official_split() -> list[str | None]:
    """Split of each of the 1,449 frames in order: 795 train, 654 val."""
    splits: list[str | None] = ["train"] * OFFICIAL_FRAMES
    text = Path(__file__).with_name("test_frames.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        for run in [] if line.startswith("#") else line.split():
            first, _, last = run.partition("-")
            for number in range(int(first), int(last or first) + 1):
                splits[number - 1] = "val"
    return splits


def frame_splits(root: Path, frames: int) -> tuple[list[str | None], list[Defect]]:
    """Split of each frame of a file.

    Args:
        root: folder; ``splits.mat`` is taken where it is there, else the official split.
        frames: their number in the file.

    Returns:
        train, val or None (in neither list) for each frame, and what is wrong with the lists. A
        frame in both is val, so that no result is measured on what was trained on.

    Raises:
        DatasetError: if there is no split for so many frames, or it can't be read.
    """
    path = root / SPLITS_FILE
    if not path.is_file():
        if frames != OFFICIAL_FRAMES:
            raise DatasetError(
                f"the data set in {root} has {frames} frames, where the official split is of "
                f"{OFFICIAL_FRAMES}; put the {SPLITS_FILE} that belongs to it beside it"
            )
        return official_split(), []
    train, val = (_numbers(path, a) for a in read_mat_v5(path, ("trainNdxs", "testNdxs")))
    defects = []
    for what, found in (
        ("frames that the data set does not have", _outside(train + val, frames)),
        ("frames twice", _repeated(train) + _repeated(val)),
        ("frames for training and test; they are used for test", sorted(set(train) & set(val))),
    ):
        if found:
            numbers = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
            text = f"{path} names {len(found)} {what} ({numbers})"
            defects.append(Defect(DefectKind.STRAY_FILE, str(path), text, dropped=False))
    splits: list[str | None] = [None] * frames
    for split, numbers_of in (("train", train), ("val", val)):
        for number in numbers_of:
            if 1 <= number <= frames:
                splits[number - 1] = split
    return splits, defects


def _numbers(path: Path, array: npt.NDArray[Any]) -> list[int]:
    if not np.issubdtype(array.dtype, np.number) or (array != np.floor(array)).any():
        raise DatasetError(f"{path} has something else than frame numbers; get it anew")
    return [int(number) for number in array.ravel()]


def _outside(numbers: list[int], frames: int) -> list[int]:
    return sorted({number for number in numbers if not 1 <= number <= frames})


def _repeated(numbers: list[int]) -> list[int]:
    return sorted(number for number, count in Counter(numbers).items() if count > 1)
