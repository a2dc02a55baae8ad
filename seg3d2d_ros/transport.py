# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Settings without which large images don't get from one process to another in time.

Fast DDS sends through a shared-memory segment of 0.5 MB by default, which belongs to the publisher
and is smaller than one VGA image: best-effort images are then dropped. ``config/fastdds.xml`` makes
it 16 MB. And glibc returns every freed buffer above 128 kB to the kernel, so that each image pays
for its page faults again; higher thresholds keep the memory. Both are set for this process only.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

from seg3d2d_ros.share import share_path

_FASTDDS_3 = "FASTDDS_DEFAULT_PROFILES_FILE"
_FASTDDS_2 = "FASTRTPS_DEFAULT_PROFILES_FILE"
"""What Fast DDS 2 (Humble, Jazzy) reads; where Fast DDS 3 runs it brings a warning."""

_USERS_CHOICES = (_FASTDDS_3, _FASTDDS_2, "FASTDDS_BUILTIN_TRANSPORTS")
_USERS_FILES = ("DEFAULT_FASTDDS_PROFILES.xml", "DEFAULT_FASTRTPS_PROFILES.xml")
"""What Fast DDS loads by itself from the working directory."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
_MMAP_THRESHOLDS = (128 << 20, 32 << 20)
"""Bytes; glibc caps the value at 32 MiB in some versions, and then refuses more."""
_TRIM_THRESHOLD = 256 << 20


def prepare_transport() -> None:
    """Set this process up for large images; call it before ``rclpy.init``.

    Whatever the user has chosen by environment or profile stays as it is.
    """
    os.environ.update(transport_environment(os.environ, Path.cwd()))
    keep_freed_memory(os.environ)


def transport_environment(environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Variables that give Fast DDS our profile.

    Args:
        environ: the present environment.
        directory: the working directory, where Fast DDS looks for a profile by itself.

    Returns:
        Variables to add; none under another middleware, or where the user has made a choice.
    """
    middleware = environ.get("RMW_IMPLEMENTATION") or "rmw_fastrtps_cpp"
    if not middleware.startswith("rmw_fastrtps"):
        return {}
    # Humble keeps off the network by transports of its own; ours would join them
    if environ.get("ROS_LOCALHOST_ONLY") == "1":
        return {}
    if any(environ.get(name) for name in _USERS_CHOICES):
        return {}
    if any((directory / name).exists() for name in _USERS_FILES):
        return {}
    return {profile_variable(environ): str(share_path("config/fastdds.xml"))}


def profile_variable(environ: Mapping[str, str]) -> str:
    """Name of the variable with the profile's path that the installed Fast DDS reads."""
    prefixes = [*environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    # version 2 is a package of the name fastrtps, version 3 of the name fastdds
    is_version_2 = any((Path(p) / "share" / "fastrtps").is_dir() for p in prefixes if p)
    return _FASTDDS_2 if is_version_2 else _FASTDDS_3


def keep_freed_memory(environ: Mapping[str, str]) -> bool:
    """Let malloc keep the memory of freed images, where it is glibc's.

    Returns:
        Whether both thresholds were set; false under another C library, or where the user set
        glibc's own variables.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    if any(name in environ for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mapped = any(mallopt(_M_MMAP_THRESHOLD, size) for size in _MMAP_THRESHOLDS)
    return bool(mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD)) and mapped
