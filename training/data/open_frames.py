# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A data set by its folder, whichever layout it has."""

from __future__ import annotations

from pathlib import Path

from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import LabelledFrames
from training.data.manifest import MANIFEST, ManifestFrames
from training.data.scannet_frames import ScanNetFrames


def open_frames(
    root: str | Path, split: str, label_space: LabelSpace, source: str = "nyu40"
) -> LabelledFrames:
    """Frames of one split: prepared ones where there is a manifest, else ScanNet's layout.

    Args:
        root: folder of the data set.
        split: train or val.
        label_space: of the model.
        source: label space of the label files in ScanNet's layout.

    Raises:
        DatasetError: if they can't be read.
        LabelSpaceError: if the label space knows nothing about ``source``.
    """
    if (Path(root) / MANIFEST).is_file():
        return ManifestFrames(Path(root), split, label_space)
    return ScanNetFrames(root, split, label_space, source)
