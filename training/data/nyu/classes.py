# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""NYU-Depth V2's own 894 classes, and the 40 that are measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.labelled_frames import DatasetError
from training.data.nyu.mat_v5 import read_mat_v5

CLASS_MAPPING = "classMapping40.mat"

_LINES = [
    line.split(" ", 1)
    for line in Path(__file__).with_name("classes_894.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]

NYU894_NAMES: tuple[str, ...] = tuple(name for _, name in _LINES)
"""Names in the order of the labels; the k-th is label k + 1."""

NYU894_TO_40: npt.NDArray[np.uint8] = np.array(
    [0, *(int(number) for number, _ in _LINES)], np.uint8
)
"""The id of 1 to 40 (Gupta et al., CVPR 2013) of each label, shape (895,); 0 is no label."""


def class_mapping(root: Path, names: Sequence[str]) -> npt.NDArray[np.uint8]:
    """The ids of 1 to 40 of a file's labels.

    Args:
        root: folder; ``classMapping40.mat`` is taken where it is there, else the published one.
        names: of the file's classes.

    Returns:
        Array of shape (len(names) + 1,), 0 for label 0.

    Raises:
        DatasetError: if the mapping is not one for these classes, or can't be read.
    """
    path = root / CLASS_MAPPING
    if not path.is_file():
        same = sum(a == b for a, b in zip(names, NYU894_NAMES, strict=False))
        # Spelling may have been mended in some copies; another order agrees nearly nowhere.
        if len(names) != len(NYU894_NAMES) or same < 0.9 * len(NYU894_NAMES):
            raise DatasetError(
                f"the data set in {root} names {len(names)} classes, {same} of them like the "
                f"{len(NYU894_NAMES)} that the published mapping to 40 is for; put the "
                f"{CLASS_MAPPING} that belongs to it beside it"
            )
        return NYU894_TO_40
    mapped: npt.NDArray[Any] = np.asarray(read_mat_v5(path, ("mapClass",))[0]).ravel()
    if len(mapped) != len(names):
        raise DatasetError(
            f"{path} maps {len(mapped)} classes, where the data set names {len(names)}; it belongs "
            "to another file: take it away or put the right one there"
        )
    if not (np.isin(mapped, np.arange(41))).all():
        raise DatasetError(f"{path} maps to ids that are not of 0 to 40; get it anew")
    return np.concatenate([[0], mapped]).astype(np.uint8)
