# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What ScanNet has beside a scene's mesh: its segments, their objects, a summary; and the labels.

`<scene>_vh_clean_2.0.010000.segs.json` divides the mesh's points into segments,
`<scene>.aggregation.json` collects segments to objects with the names that annotators wrote,
`scannetv2-labels.combined.tsv` translates these names, `<scene>.txt` has the cameras.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from seg3d2d_ros.atomic_file import write_file
from training.data.scannet.label_table import LABEL_TABLE
from training.rendering.nyu40 import NYU40_NAMES
from training.rendering.room_frames import RoomCameras
from training.rendering.scan import ScannedMesh

SCENE_TYPES = {
    "living_room": "Living room / Lounge",
    "bedroom": "Bedroom / Hotel",
    "kitchen": "Kitchen",
    "dining_room": "Dining Room",
    "office": "Office",
    "bathroom": "Bathroom",
    "corridor": "Hallway",
    "classroom": "Classroom",
}
"""ScanNet's scene types by kind of room."""
_APPLICATION = "seg3d2d.rooms"


def write_label_table(root: Path) -> None:
    """Write the label table: rooms call things by the names of NYU-40.

    Raises:
        OSError: if it can't be written.
    """
    lines = ["id\traw_category\tcategory\tnyu40id\tnyuClass\tnyu40class"]
    lines += [
        f"{k}\t{name}\t{name}\t{k}\t{name}\t{name}" for k, name in enumerate(NYU40_NAMES) if k
    ]
    write_file(root / LABEL_TABLE, "".join(f"{line}\n" for line in lines).encode())


def write_annotation(folder: Path, name: str, mesh: ScannedMesh) -> None:
    """Write a mesh's segments and objects.

    A segment is a connected part of the mesh with one label and instance, numbered by its first
    point. An object is what has one label and instance; its objectId is the instance's number less
    one. Points without an instance belong to no object.

    Args:
        folder: of the scene in ``scans``.
        name: of the scene.
        mesh: as it is in the folder's PLY files.

    Raises:
        OSError: if they can't be written.
    """
    segments = mesh_segments(mesh)
    scene = f"seg3d2d.{name}"
    segments_file = f"{name}_vh_clean_2.0.010000.segs.json"
    first = np.unique(segments)
    objects = np.stack([mesh.instances[first], mesh.labels[first]], -1)
    groups: list[dict[str, Any]] = []
    for instance, label in np.unique(objects, axis=0).tolist():
        if not instance or not label:
            continue
        members = first[(objects == (instance, label)).all(-1)].tolist()
        groups.append(
            {
                "id": len(groups),
                "objectId": instance - 1,
                "segments": members,
                "label": NYU40_NAMES[label],
            }
        )
    _write_json(
        folder / segments_file,
        {"params": {"segMinVerts": "1"}, "sceneId": scene, "segIndices": segments.tolist()},
    )
    _write_json(
        folder / f"{name}.aggregation.json",
        {
            "sceneId": scene,
            "appId": _APPLICATION,
            "segGroups": groups,
            "segmentsFile": f"{scene}.{segments_file}",
        },
    )


def mesh_segments(mesh: ScannedMesh) -> NDArray[np.int64]:
    """Segment of each point, named by the segment's first point, int64 [n]."""
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]]])
    start, end = edges.T
    alike = (mesh.labels[start] == mesh.labels[end]) & (
        mesh.instances[start] == mesh.instances[end]
    )
    start, end = start[alike], end[alike]
    count = len(mesh.vertices)
    graph = coo_array((np.ones(len(start), bool), (start, end)), (count, count))
    _, component = connected_components(graph, directed=False)
    first = np.unique(component, return_index=True)[1]
    named: NDArray[np.int64] = first[component]
    return named


def write_summary(folder: Path, name: str, kind: str, cameras: RoomCameras, frames: int) -> None:
    """Write ``<scene>.txt``: sizes and focal lengths of both cameras, counts, type of scene.

    Args:
        folder: of the scene in ``scans``.
        name: of the scene.
        kind: of room.
        cameras: of its pictures.
        frames: their number.

    Raises:
        OSError: if it can't be written.
    """
    identity = " ".join(f"{value:.6f}" for value in np.eye(4).ravel())
    values: dict[str, object] = {"axisAlignment": identity, "colorToDepthExtrinsics": identity}
    for camera, intrinsics in (("color", cameras.color), ("depth", cameras.depth)):
        values |= {
            f"{camera}Height": intrinsics.height,
            f"{camera}Width": intrinsics.width,
            f"fx_{camera}": f"{intrinsics.fx:.6f}",
            f"fy_{camera}": f"{intrinsics.fy:.6f}",
            f"mx_{camera}": f"{intrinsics.cx:.6f}",
            f"my_{camera}": f"{intrinsics.cy:.6f}",
        }
    values |= {
        "numColorFrames": frames,
        "numDepthFrames": frames,
        "numIMUmeasurements": 0,
        "sceneType": SCENE_TYPES[kind],
    }
    lines = "".join(f"{key} = {values[key]}\n" for key in sorted(values))
    write_file(folder / f"{name}.txt", lines.encode())


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_file(path, json.dumps(content, separators=(",", ":")).encode())
