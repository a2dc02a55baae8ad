# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Paths as manifests hold them: relative to their folder, links of files and scenes as they are."""

from __future__ import annotations

import os
from pathlib import Path


def absolute_path(path: Path) -> Path:
    """The same place from wherever a process runs; links are kept, ``..`` is not.

    What comes before the last ``..`` is resolved, because ``..`` leads to where a link leads.
    """
    parts = path.absolute().parts
    ups = [index for index, part in enumerate(parts) if part == ".."]
    if not ups:
        return path.absolute()
    return Path(*parts[: ups[-1] + 1]).resolve().joinpath(*parts[ups[-1] + 1 :])


def manifest_path(path: Path | str, folder: Path) -> str:
    """A path relative to a folder, with slashes.

    Links are kept, so that a frame whose file is a link (git-annex, DVC) has the link's name, and
    what lies beside a linked scene is found.

    Args:
        path: of a file or folder, whether it is there or not.
        folder: of the manifest.
    """
    target, here = absolute_path(Path(path)), absolute_path(folder)
    relative = os.path.relpath(target, here)
    if os.path.realpath(here.resolve() / relative) != os.path.realpath(target):
        # The way up from a linked folder is that of the place where the link leads.
        relative = os.path.relpath(target, here.resolve())
    return Path(relative).as_posix()
