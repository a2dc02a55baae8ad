# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Text files of points: x y z r g b, one point a line, metres and 0..255.

The published files hold a few invalid bytes (readme of Stanford3dDataset_v1.2 and issue #43 of
github.com/alexsax/2D-3D-Semantics), such as 0x10 for one character of a number. Such a line is
mended where every character that can have stood there gives the same point, else it is left out.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.frame_checks import read_bytes

COLUMNS = 6
MOST_DAMAGED_LINES = 20
_INVALID = re.compile(rb"[^0-9eE+\-. \t]+")
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# The invalid bytes (one, or a character of several) were one of these, or came in between.
_CANDIDATES = (b"", b" ", b".", b"-", *(b"%d" % k for k in range(10)))

Points = npt.NDArray[np.float64]


def read_points(path: Path) -> tuple[Points, list[DefectError]]:
    """Read a file of points.

    Returns:
        float64 (N, 6): x, y, z in metres, r, g, b in 0..255; and a defect for each damaged line,
        with its number counted from 1.

    Raises:
        DefectError: if it can't be read, has no points, or is damaged throughout.
    """
    if not path.is_file():
        raise DefectError(DefectKind.MISSING_FILE, path, f"{path} is missing")
    try:
        # The C reader is fast, about a million lines a second, but gives up at the first bad line.
        with warnings.catch_warnings():  # about files without numbers
            warnings.simplefilter("ignore", UserWarning)
            points = np.loadtxt(path, comments=None, encoding="latin-1", ndmin=2)
    except OSError as error:
        raise DefectError(
            DefectKind.MISSING_FILE, path, f"{path} can't be read ({error.strerror})"
        ) from error
    except ValueError:
        points = np.empty((0, 0))
    if points.shape[1] == COLUMNS and len(points) and _in_range(points).all():
        return points, []
    return _read_lines(path)


def _in_range(points: Points) -> npt.NDArray[np.bool_]:
    colors = points[:, 3:]
    good = np.isfinite(points).all(1) & ((colors >= 0) & (colors <= 255)).all(1)
    return np.asarray(good)


def _read_lines(path: Path) -> tuple[Points, list[DefectError]]:
    points, damaged = [], []
    for number, line in enumerate(read_bytes(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        point = _point(line.rstrip(b"\r"))
        if point is None:
            point = _mended(line.rstrip(b"\r"))
            done = (
                "is left out"
                if point is None
                else "is mended, what its invalid byte was being known"
            )
            damaged.append(
                DefectError(
                    DefectKind.DAMAGED_FILE,
                    path,
                    f"line {number} of {path} is not six numbers x y z r g b; it {done}",
                )
            )
        if point is not None:
            points.append(point)
        if len(damaged) > MOST_DAMAGED_LINES:
            raise DefectError(
                DefectKind.DAMAGED_FILE,
                path,
                f"{path} has more than {MOST_DAMAGED_LINES} lines that are not six numbers "
                f"x y z r g b, the last of them line {number}; get it anew",
            )
    if not points:
        raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} has no points")
    return np.array(points, np.float64), damaged


def _point(line: bytes) -> list[float] | None:
    words = line.split()
    if len(words) != COLUMNS or not all(_NUMBER.fullmatch(word) for word in words):
        return None
    point = [float(word) for word in words]
    return point if _in_range(np.array([point])).all() else None


def _mended(line: bytes) -> list[float] | None:
    """The only point that a line can have held with one character for its invalid bytes."""
    invalid = [match.span() for match in _INVALID.finditer(line)]
    if len(invalid) != 1:
        return None
    start, end = invalid[0]
    before, after = line[:start], line[end:]
    found = [_point(before + character + after) for character in _CANDIDATES]
    points = np.array([point for point in found if point is not None])
    if not len(points):
        return None
    # The same to a millimetre and in every colour.
    near = np.ptp(points[:, :3], axis=0).max() <= 1e-3
    colors = np.rint(points[:, 3:])
    return points[0].tolist() if near and (colors == colors[0]).all() else None
