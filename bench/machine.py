# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The machine a benchmark ran on, and the software on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

_PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "openvino",
    "onnxruntime",
    "onnxruntime-gpu",
    "torch",
    "tensorrt",
    "MinkowskiEngine",
    "rosbags",
    "rclpy",
    "rmw-fastrtps-cpp",
    "ros-rmw-fastrtps-cpp",
    "cv-bridge",
)
_VECTOR_ARITHMETIC = ("avx2", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimddp", "bf16")


def describe_machine() -> dict[str, Any]:
    """Processor, cores this process may use, memory, system, versions, commit, and present load."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": _system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": _versions(),
        "ros_distro": os.environ.get("ROS_DISTRO", ""),
        "rmw": os.environ.get("RMW_IMPLEMENTATION") or "rmw_fastrtps_cpp",
        "commit": _git("rev-parse", "HEAD") or "unknown",
        # results are written here, so one benchmark must not make the next one's tree a changed one
        "changed_since_commit": bool(
            _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results")
        ),
        "load_average_at_start": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    """Its name and which vector arithmetic it has that matters to networks."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    have = [flag for flag in _VECTOR_ARITHMETIC if flag in flags]
    name = fields.get("model name") or platform.machine()
    return f"{name} ({', '.join(have)})" if have else name


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
