# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Readers and protocols by name."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.labelled_frames import DatasetError
from training.data.protocol import Protocol

if TYPE_CHECKING:
    from training.data.dataset_reader import DatasetReader

READERS = {
    "scannet": "training.data.scannet:ScanNetReader",
    "s3dis": "training.data.s3dis:S3disReader",
    "nyu": "training.data.nyu:NyuReader",
    "panorooms": "training.data.panorooms:PanoRoomsReader",
    "rgbd": "training.data.rgbd:RgbdReader",
}


def protocols(dataset: str) -> dict[str, Protocol]:
    """A data set's protocols by name, the default first.

    Raises:
        DatasetError: if there is no such data set.
    """
    if dataset not in READERS:
        raise DatasetError(f"there is no data set '{dataset}', only {', '.join(READERS)}")
    module = importlib.import_module(READERS[dataset].split(":")[0] + ".protocols")
    return {protocol.name: protocol for protocol in module.PROTOCOLS}


def reader_class(dataset: str) -> type[DatasetReader]:
    """Who reads a data set.

    Raises:
        DatasetError: if there is no such data set.
    """
    if dataset not in READERS:
        raise DatasetError(f"there is no data set '{dataset}', only {', '.join(READERS)}")
    module, reader = READERS[dataset].split(":")
    kind: type[DatasetReader] = getattr(importlib.import_module(module), reader)
    return kind


def open_dataset(dataset: str, root: Path, protocol: str | None = None) -> DatasetReader:
    """The reader of a data set on disk.

    Args:
        dataset: a key of ``READERS``.
        root: its folder, in its original layout.
        protocol: by name; the data set's default where None.

    Raises:
        DatasetError: if there is no such data set, protocol or folder.
    """
    known = protocols(dataset)
    name = protocol or next(iter(known))
    if name not in known:
        raise DatasetError(f"{dataset} has no protocol '{name}', only {', '.join(known)}")
    if not root.is_dir():
        raise DatasetError(f"{root} is no folder")
    return reader_class(dataset)(root, known[name])
