# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where the package's data files lie: shipped models, configuration, recordings, launch files."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

PACKAGE_NAME = "seg3d2d"


class ShareNotFoundError(FileNotFoundError):
    """A data file of the package is not where any way of installing it puts it."""


def share_folders() -> list[Path]:
    """Folders that may hold the data files, nearest first.

    The checkout this module runs from (also under ``colcon build --symlink-install``), the share
    folder the ament index knows (colcon, ROS), and the prefix of this Python (``pip install``).
    """
    folders = [Path(__file__).resolve().parent.parent]
    try:
        from ament_index_python.packages import get_package_share_directory
    except ImportError:
        pass
    else:
        # ROS may be there without this package in its workspace: the prefix may have it then
        with contextlib.suppress(LookupError, OSError):
            folders.append(Path(get_package_share_directory(PACKAGE_NAME)))
    folders.append(Path(sys.prefix) / "share" / PACKAGE_NAME)
    return folders


def share_path(relative: str) -> Path:
    """Path of one data file or folder, for example ``config/parse.yaml``.

    Raises:
        ShareNotFoundError: if no share folder holds it.
    """
    folders = share_folders()
    for folder in folders:
        if (folder / relative).exists():
            return folder / relative
    raise ShareNotFoundError(
        f"'{relative}' of package {PACKAGE_NAME} was found in none of "
        f"{', '.join(str(folder) for folder in folders)}; install the package again"
    )
