# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Semantic images of 2D-3D-Semantics: colours that are indices into a list of instances.

A pixel's index is R * 65536 + G * 256 + B. The list is `semantic_labels.json`, an array of names
`class_instance_roomType_roomNumber_area`; its first is `<UNK>_0_<UNK>_0_0`. #0D0D0D (855309) marks
pixels where the mesh is missing (README of github.com/alexsax/2D-3D-Semantics).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.labelled_frames import DatasetError
from training.data.s3dis.classes import NO_LABEL, class_id

FILE = "semantic_labels.json"
MISSING = 0x0D0D0D
_UNKNOWN = 254


class SemanticLabels:
    """What the indices in semantic images stand for.

    Args:
        names: of the instances, in the order of the list.
    """

    def __init__(self, names: Sequence[str]) -> None:
        classes = {name: class_id(name) for name in {name.split("_")[0] for name in names}}
        ids = {name: _UNKNOWN if k is None else k for name, k in classes.items()}
        # One row more, for every index that the list does not have.
        self._table = np.full(len(names) + 1, _UNKNOWN, np.uint8)
        self._table[:-1] = [ids[name.split("_")[0]] for name in names]

    @classmethod
    def load(cls, path: Path) -> SemanticLabels:
        """Read the list.

        Raises:
            DatasetError: if it can't be read or is no list of names.
        """
        try:
            names = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} can't be read ({error}); copy it anew") from error
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DatasetError(f"{path} is no list of names; copy it anew")
        return cls(names)

    def decode(self, image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], int]:
        """Class ids of a semantic image.

        Args:
            image: uint8 (h, w, 3), RGB.

        Returns:
            uint8 (h, w), 0..12 or 255; and the number of pixels whose index or class is unknown,
            which have 255 too.
        """
        index = image[..., 0].astype(np.int32) << 16
        index |= image[..., 1].astype(np.int32) << 8
        index |= image[..., 2]
        last = len(self._table) - 1
        labels = self._table[np.minimum(index, last)]
        if last <= MISSING:
            labels[index == MISSING] = NO_LABEL
        unknown = labels == _UNKNOWN
        labels[unknown] = NO_LABEL
        return labels, int(np.count_nonzero(unknown))


def semantic_labels_places(root: Path) -> tuple[Path, Path]:
    """Where a data set's list may be; the first that is there counts."""
    return root / "assets" / FILE, root / FILE


def find_semantic_labels(root: Path) -> Path:
    """The list in a data set's folder or in `assets` there.

    Raises:
        DatasetError: if it is not there.
    """
    for path in semantic_labels_places(root):
        if path.is_file():
            return path
    raise DatasetError(
        f"{root} has no assets/{FILE}, which says what the colours of semantic images mean; it is "
        "in the folder assets of github.com/alexsax/2D-3D-Semantics"
    )
