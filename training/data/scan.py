# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A scene's points with their labels, as a mesh where there are faces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file
from training.counted import counted
from training.data.defects import DefectError, DefectKind, unread


@dataclass(frozen=True, eq=False)
class Scan:
    """Points of one scene, in the order that point features and visible points refer to.

    Attributes:
        points: float32 (N, 3), metres, in the world frame of the frames' poses.
        colors: uint8 (N, 3), RGB.
        labels: uint16 (N,), ids of the data set's label source; None where there are none.
        instances: uint32 (N,), 0 = none; None where there are none.
        faces: int32 (M, 3), indices of points; None for a cloud.
    """

    points: npt.NDArray[np.float32]
    colors: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint16] | None = None
    instances: npt.NDArray[np.uint32] | None = None
    faces: npt.NDArray[np.int32] | None = None


def read_ply(path: Path) -> Scan:
    """Read a PLY file, text or binary: x, y, z and where present red, green, blue, label, instance.

    Raises:
        DefectError: if it is missing or damaged, has no points or coordinates that are no finite
            numbers.
    """
    import trimesh

    try:
        content = path.read_bytes()
    except OSError as error:
        raise unread(path, error) from error
    try:
        # Everything that the parser can meet in a damaged file, whatever it raises then.
        loaded = trimesh.load(
            trimesh.util.wrap_as_stream(content),
            file_type="ply",
            process=False,
            maintain_order=True,
        )
        vertex = loaded.metadata["_ply_raw"]["vertex"]
        data = vertex["data"]
        points = np.stack([_column(data, name) for name in "xyz"], -1).astype(np.float32)
        faces = getattr(loaded, "faces", None)
        faces = None if faces is None or not len(faces) else np.asarray(faces, np.int32)
        listed = re.search(
            rb"^element face ([1-9]\d*)", content[: content.index(b"end_header")], re.M
        )
        if listed and faces is None:  # what trimesh makes of a file cut after its points
            raise ValueError(f"its header names {listed[1].decode()} faces, but there are none")
        if faces is not None and (faces.min() < 0 or faces.max() >= len(points)):
            raise ValueError("faces refer to points that are not there")
    except Exception as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} is no readable PLY file ({error})"
        ) from error
    if not len(points):
        raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} has no points")
    finite = np.isfinite(points).all(1)
    if not finite.all():
        raise DefectError(
            DefectKind.DAMAGED_FILE,
            path,
            f"{path}: the coordinates of {counted(int((~finite).sum()), 'point')} are no finite "
            f"numbers, the first is point {int(np.argmin(finite))}; remove them",
        )
    names = _names(data)
    colors = np.zeros((len(points), 3), np.uint8)
    if {"red", "green", "blue"} <= names:
        colors = np.stack([_column(data, name) for name in ("red", "green", "blue")], -1)
    labels = _column(data, "label").astype(np.uint16) if "label" in names else None
    instances = _column(data, "instance").astype(np.uint32) if "instance" in names else None
    return Scan(points, colors.astype(np.uint8), labels, instances, faces)


def _names(data: Any) -> set[str]:
    return set(data.dtype.names) if isinstance(data, np.ndarray) else set(data)


def _column(data: Any, name: str) -> npt.NDArray[Any]:
    return np.asarray(data[name]).reshape(-1)


def write_ply(path: Path, scan: Scan) -> None:
    """Write a binary, little-endian PLY file: x, y, z, red, green, blue, label, instance, faces.

    Raises:
        OSError: if it can't be written; a file that was there before is then left as it was.
    """
    columns: list[tuple[str, str, str, npt.NDArray[Any]]] = [
        (name, "<f4", "float", scan.points[:, k]) for k, name in enumerate("xyz")
    ]
    columns += [
        (name, "u1", "uchar", scan.colors[:, k]) for k, name in enumerate(("red", "green", "blue"))
    ]
    if scan.labels is not None:
        columns.append(("label", "<u2", "ushort", scan.labels))
    if scan.instances is not None:
        columns.append(("instance", "<u4", "uint", scan.instances))
    vertices = np.empty(len(scan.points), [(name, kind) for name, kind, _, _ in columns])
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
    for name, _, ply_type, values in columns:
        vertices[name] = values
        header += f"property {ply_type} {name}\n"
    body = vertices.tobytes()
    if scan.faces is not None:
        faces = np.empty(len(scan.faces), [("n", "u1"), ("i", "<i4", 3)])
        faces["n"], faces["i"] = 3, scan.faces
        header += f"element face {len(faces)}\nproperty list uchar int vertex_indices\n"
        body += faces.tobytes()
    write_file(path, header.encode() + b"end_header\n" + body)
