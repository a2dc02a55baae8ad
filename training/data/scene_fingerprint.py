# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a scene's files are those that it was prepared from."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from training.data.dataset_reader import DatasetReader

READERS_VERSION = 1
"""Counted up when a reader gives something else for the same files, so that they are read anew."""


def scene_fingerprint(reader: DatasetReader, scene: str, split: str) -> str:
    """A checksum of what a scene's result depends on; files are not opened.

    It covers the version of the readers, the split, :meth:`DatasetReader.premises`, and name, size
    and time of change of every file that :meth:`DatasetReader.inputs` names or that lies in a
    folder named there; hidden files and sub-folders of these folders do not count. A file that is
    missing counts as missing.

    Args:
        reader: of the data set.
        scene: name.
        split: of the scene.

    Returns:
        SHA-256 as 64 hexadecimal digits, whatever the order in which the files are listed.
    """
    # A root that is a link may be named by either of its names.
    roots = [f"{folder}{os.sep}" for folder in (reader.root, reader.root.resolve())]
    lines: set[str] = set()
    for path in reader.inputs(scene):
        lines.update(file_states(path, _name(str(path), roots)))
    text = "\n".join(
        [f"version {READERS_VERSION}", split, *reader.premises(scene), "", *sorted(lines)]
    )
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _name(path: str, roots: list[str]) -> str:
    for root in roots:
        if path.startswith(root):
            return path[len(root) :]
    return os.path.relpath(path, roots[-1])


def file_states(path: Path, name: str) -> Iterator[str]:
    """A line for a file, or for a folder and each of its files: name, size and time of change.

    Args:
        path: of the file or folder, whether it is there or not.
        name: that the lines have for it.
    """
    try:
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            yield _state(name, found)
            return
        with os.scandir(path) as entries:
            files = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError:
        yield f"{name}\tmissing"
        return
    yield f"{name}{os.sep}"
    for entry in files:
        try:
            if not entry.is_dir():
                yield _state(f"{name}{os.sep}{entry.name}", entry.stat())
        except OSError:  # a link that leads nowhere
            yield f"{name}{os.sep}{entry.name}\tmissing"


def _state(name: str, found: os.stat_result) -> str:
    return f"{name}\t{found.st_size}\t{found.st_mtime_ns}"
