# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""`camera.yaml`: what a recording's owner says of its cameras.

    color: {width: 640, height: 480, fx: 525.0, fy: 525.0, cx: 319.5, cy: 239.5}
    depth: {width: 640, height: 480, fx: 585.0, fy: 585.0, cx: 319.5, cy: 239.5}
    depth_scale: 1000.0
    depth_invalid: [0, 65535]
    depth_to_color: [[1, 0, 0, -0.025], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    poses_of: color

Every key may be left out, and is then as the layout has it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from training.data.defects import DefectError, DefectKind
from training.data.frame_checks import is_pose
from training.data.intrinsics import Intrinsics
from training.data.rgbd.calibration import Calibration
from training.data.rgbd.number_files import Matrix, read_text

CAMERA_FILE = "camera.yaml"
_CAMERA = ("width", "height", "fx", "fy", "cx", "cy")
_KEYS = ("color", "depth", "depth_scale", "depth_invalid", "depth_to_color", "poses_of")


def find_camera_file(folder: Path) -> Path | None:
    """The file in the recording's folder, or in the one above for all recordings there."""
    return next((file for file in camera_files(folder) if file.is_file()), None)


def camera_files(folder: Path) -> tuple[Path, Path]:
    """Where a recording's file may be; the first that is there counts."""
    return folder / CAMERA_FILE, folder.parent / CAMERA_FILE


def read_camera_file(path: Path) -> dict[str, Any]:
    """What the file says, as fields of :class:`Calibration`.

    Raises:
        DefectError: if it can't be read, has an unknown key or a value that can't be.
    """
    try:
        mapping = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} is no readable YAML file"
        ) from error
    if not isinstance(mapping, dict):
        raise _wrong(path, f"has no keys; it may have {', '.join(_KEYS)}")
    unknown = [str(key) for key in mapping if key not in _KEYS]
    if unknown:
        raise _wrong(path, f"has the unknown key '{unknown[0]}'; it may have {', '.join(_KEYS)}")
    fields: dict[str, Any] = {}
    for name in ("color", "depth"):
        if name in mapping:
            fields[name] = _camera(mapping[name], name, path)
    if "depth_scale" in mapping:
        scale = mapping["depth_scale"]
        if not _is_number(scale) or scale <= 0:
            raise _wrong(path, "has a depth_scale that is no number above 0")
        fields["depth_scale"] = float(scale)
    if "depth_invalid" in mapping:
        values = mapping["depth_invalid"]
        if not isinstance(values, list) or not all(type(value) is int for value in values):
            raise _wrong(path, "has a depth_invalid that is no list of whole numbers")
        fields["depth_invalid"] = tuple(values)
    if "depth_to_color" in mapping:
        fields["depth_to_color"] = _matrix(mapping["depth_to_color"], path)
    if "poses_of" in mapping:
        if mapping["poses_of"] not in ("color", "depth"):
            raise _wrong(path, "has a poses_of that is neither color nor depth")
        fields["poses_of_depth"] = mapping["poses_of"] == "depth"
    return fields


def camera_file_text(calibration: Calibration) -> str:
    """A calibration as such a file."""
    mapping: dict[str, Any] = {}
    for name, camera in (("color", calibration.color), ("depth", calibration.depth)):
        if camera is not None:
            mapping[name] = dict(zip(_CAMERA, camera.row(), strict=True))
    mapping["depth_scale"] = calibration.depth_scale
    mapping["depth_invalid"] = list(calibration.depth_invalid)
    if calibration.depth_to_color is not None:
        mapping["depth_to_color"] = calibration.depth_to_color.tolist()
    mapping["poses_of"] = "depth" if calibration.poses_of_depth else "color"
    text: str = yaml.safe_dump(mapping, sort_keys=False, default_flow_style=None, width=100)
    return f"# {calibration.source}\n{text}"


def with_camera_file(calibration: Calibration, path: Path) -> Calibration:
    """A layout's calibration with what the file says instead.

    Raises:
        DefectError: as :func:`read_camera_file` does.
    """
    fields = read_camera_file(path)
    return replace(calibration, **fields, source=str(path))


def _camera(value: Any, name: str, path: Path) -> Intrinsics:
    if not isinstance(value, dict) or set(value) != set(_CAMERA):
        raise _wrong(path, f"must give {', '.join(_CAMERA)} for {name}")
    numbers = [value[key] for key in _CAMERA]
    sizes = all(type(number) is int and number > 0 for number in numbers[:2])
    if not sizes or not all(map(_is_number, numbers)) or min(numbers[2:4]) <= 0:
        raise _wrong(path, f"has a value for {name} that no camera has")
    return Intrinsics.from_row(numbers)


def _matrix(value: Any, path: Path) -> Matrix:
    try:
        matrix = np.array(value, np.float64).ravel()
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if not is_pose(matrix.tolist()):
        raise _wrong(path, "has a depth_to_color that is no 4x4 matrix of a turn and a shift")
    return matrix.reshape(4, 4)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value))


def _wrong(path: Path, text: str) -> DefectError:
    return DefectError(DefectKind.DAMAGED_FILE, path, f"{path} {text}")
