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

from training.data.defects import DefectError, DefectKind, unread
from training.data.frame_checks import read_bytes

COLUMNS = 6
MOST_DAMAGED_LINES = 20
_INVALID = re.compile(rb"[^0-9eE+\-. \t]+")
_NUMBER = rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LINE = re.compile(rb"\s*" + rb"\s+".join([_NUMBER] * COLUMNS) + rb"\s*")
# The invalid bytes (one, or a character of several) were one of these, or came in between.
_CANDIDATES = (b"", b" ", b".", b"-", *(b"%d" % k for k in range(10)))

Points = npt.NDArray[np.float64]
_NOTHING: Points = np.empty((0, COLUMNS))


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
        raise unread(path, error) from error
    except ValueError:
        points = _NOTHING
    if points.shape[1] == COLUMNS and len(points) and _in_range(points).all():
        return points, []
    return _read_lines(path)


def _in_range(points: Points) -> npt.NDArray[np.bool_]:
    colors = points[:, 3:]
    good = np.isfinite(points).all(1) & ((colors >= 0) & (colors <= 255)).all(1)
    return np.asarray(good)


def _read_lines(path: Path) -> tuple[Points, list[DefectError]]:
    """Read line by line, about 200 000 a second."""
    good: list[bytes] = []
    numbers: list[int] = []
    damaged: dict[int, str] = {}
    for number, line in enumerate(read_bytes(path).split(b"\n"), start=1):
        read = line if _LINE.fullmatch(line) else _mended(line)
        if read is not None:
            good.append(read)
            numbers.append(number)
        if read is not line and line.strip():
            damaged[number] = "left out" if read is None else "mended, having one meaning only"
        if len(damaged) > MOST_DAMAGED_LINES:
            raise _damaged_throughout(path, number)
    points = np.loadtxt(good, comments=None, encoding="latin-1", ndmin=2) if good else _NOTHING
    kept = _in_range(points)
    damaged |= {numbers[row]: "left out" for row in np.flatnonzero(~kept)}
    if len(damaged) > MOST_DAMAGED_LINES:
        raise _damaged_throughout(path, max(damaged))
    if not kept.any():
        raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} has no points")
    return points[kept], [
        DefectError(
            DefectKind.DAMAGED_FILE,
            path,
            f"line {number} of {path} is not x y z and r g b from 0 to 255; it is {done}",
        )
        for number, done in sorted(damaged.items())
    ]


def _damaged_throughout(path: Path, number: int) -> DefectError:
    return DefectError(
        DefectKind.DAMAGED_FILE,
        path,
        f"{path} has more than {MOST_DAMAGED_LINES} lines that are not x y z and r g b from 0 to "
        f"255, one of them line {number}; get it anew",
    )


def _mended(line: bytes) -> bytes | None:
    """The only line that it can have been with one character for its invalid bytes."""
    invalid = [match.span() for match in _INVALID.finditer(line.rstrip(b"\r"))]
    if len(invalid) != 1:
        return None
    start, end = invalid[0]
    candidates = [line[:start] + character + line[end:] for character in _CANDIDATES]
    points = {
        candidate: [float(word) for word in candidate.split()]
        for candidate in candidates
        if _LINE.fullmatch(candidate)
    }
    found = [candidate for candidate in points if _in_range(np.array([points[candidate]])).all()]
    if not found:
        return None
    values = np.array([points[candidate] for candidate in found])
    # The same to a millimetre and in every colour.
    near = np.ptp(values[:, :3], axis=0).max() <= 1e-3
    colors = np.rint(values[:, 3:])
    return found[0] if near and (colors == colors[0]).all() else None
