# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where engines that are compiled on this machine lie."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

from seg3d2d_ros.bundle import ModelBundle


def engine_folder(bundle: ModelBundle, *, runtime: str, device: str, precision: str) -> Path:
    """Folder for a bundle's engines, made if absent: ``$XDG_CACHE_HOME/seg3d2d/engines/...``.

    An engine is good for one bundle, one version of what compiled it, one kind of device and one
    precision, so the folder's name holds all four; it may be removed at any time.

    Args:
        bundle: the model.
        runtime: name and version of what compiles.
        device: name of the device.
        precision: arithmetic.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    name = "_".join([bundle.hash[:16], runtime, device, precision])
    folder = cache / "seg3d2d" / "engines" / re.sub(r"[^\w.-]+", "-", name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cuda_device_name(index: int) -> str:
    """Name of a CUDA device as its driver gives it, ``unknown`` where there is no driver."""
    name = ctypes.create_string_buffer(256)
    device = ctypes.c_int()
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "unknown"
    if (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), index)
        or driver.cuDeviceGetName(name, len(name), device)
    ):
        return "unknown"
    return name.value.decode(errors="replace")
