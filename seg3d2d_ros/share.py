# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where the package's data files lie: shipped models, configuration, recordings, launch files."""

from __future__ import annotations

import contextlib
import site
import sysconfig
from pathlib import Path

PACKAGE_NAME = "seg3d2d"


class ShareNotFoundError(FileNotFoundError):
    """A data file of the package is not where any way of installing it puts it."""


def share_folders() -> list[Path]:
    """Folders that may hold the data files, nearest first.

    The checkout this module runs from (also under ``colcon build --symlink-install``), the share
    folder the ament index knows (colcon, ROS), and where ``pip install`` puts data: the prefix of
    this Python, Debian's ``/usr/local``, and with ``--user`` the user's own.
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
    # a prefix that holds this module at lib/python3.x/{site,dist}-packages/seg3d2d_ros
    prefixes = [Path(__file__).resolve().parents[min(4, len(Path(__file__).parents) - 1)]]
    prefixes += [Path(sysconfig.get_path("data")), Path(site.getuserbase())]
    folders += [prefix / "share" / PACKAGE_NAME for prefix in prefixes]
    return list(dict.fromkeys(folders))


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
