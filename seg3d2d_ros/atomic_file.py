# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_file(path: Path, content: bytes) -> None:
    """Write under a temporary name in the same folder, then rename.

    Raises:
        OSError: if it can't be written; a file that was there before is then left as it was.
    """
    temporary = _temporary(path)
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, for what is too large to be held in memory.

    It is open under a temporary name in the same folder, and renamed if the block ends without an
    error.

    Raises:
        OSError: if it can't be written; a file that was there before is then left as it was.
    """
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
