# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A prepared data set of one rendered room, with everything that a frame can lack."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from seg3d2d_ros.labels import LabelSpace
from training.data.defects import Defect, DefectKind
from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow, ScanRow, write_manifest, write_scans
from training.data.scan import Scan, write_ply

pytest.importorskip("open3d")
pytest.importorskip("plotly")

SIZE, DEPTH_SIZE = (120, 90), (80, 60)


@dataclass(frozen=True)
class PreparedRoom:
    """The folder, and what is true of it."""

    folder: Path
    rows: list[ManifestRow]
    scan: Scan
    depths: list[np.ndarray]
    labels: list[np.ndarray]
    space: LabelSpace


def _write_frame(folder, number, furnished, pose):
    from training.rendering.render import render_flat, render_ground_truth

    camera = Intrinsics.from_fov(*SIZE, np.deg2rad(70))
    depth_camera = Intrinsics.from_fov(*DEPTH_SIZE, np.deg2rad(65))
    color = np.rint(255 * render_flat(furnished.scene, camera, pose)).astype(np.uint8)
    truth = render_ground_truth(furnished.scene, camera, pose)
    depth = render_ground_truth(furnished.scene, depth_camera, pose).depth
    millimetres = np.rint(depth * 1000).astype(np.uint16)
    millimetres[:5, :7] = 65535
    cv2.imwrite(str(folder / f"{number}.jpg"), color[..., ::-1])
    cv2.imwrite(str(folder / f"{number}_label.png"), truth.label)
    cv2.imwrite(str(folder / f"{number}_depth.png"), millimetres)
    row = ManifestRow(
        f"{number}.jpg",
        f"{number}_label.png",
        "room",
        "train",
        "0" * 64,
        depth=f"{number}_depth.png",
        depth_invalid=[0, 65535],
        pose=pose.ravel().tolist(),
        intrinsics=camera.row(),
        depth_intrinsics=depth_camera.row(),
    )
    measured = (millimetres / np.float32(1000)).astype(np.float32)
    measured[:5, :7] = 0
    return row, measured, truth.label


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, repository):
    """Scene "room": 7 frames; each but the first and the last lacks something."""
    from training.inspection.shown_surface import shown_surface
    from training.rendering.camera import look_at
    from training.rendering.layout import furnish
    from training.rendering.scan import scan_room

    folder = tmp_path_factory.mktemp("prepared")
    furnished = furnish("bedroom", None, np.random.default_rng(4))
    mesh = scan_room(furnished, np.random.default_rng(0))
    fine = Scan(mesh.vertices, mesh.colors, mesh.labels, None, mesh.faces)
    coarse = shown_surface(fine, np.arange(65536).astype(np.uint16))  # for the sake of time
    scan = Scan(coarse.points, coarse.colors, coarse.classes, None, coarse.faces)
    room = furnished.room
    eye = np.array([room.width / 2, room.depth / 2, 1.5])
    ahead = [np.array([np.cos(a), np.sin(a), -0.3]) for a in np.arange(7) * 0.9]
    poses = [look_at(eye - 0.4 * direction, eye + direction, 0.0) for direction in ahead]
    written = [_write_frame(folder, k, furnished, pose) for k, pose in enumerate(poses)]
    rows = [row for row, _, _ in written]
    rows[1] = replace(rows[1], label=None, sha256=None)
    rows[2] = replace(rows[2], depth=None)
    rows[3] = replace(rows[3], pose=None)
    rows[4] = replace(rows[4], pose=None, intrinsics=None, depth_intrinsics=None, depth=None)
    rows[5] = replace(rows[5], image="gone.jpg")
    alone = replace(rows[4], scene="no_scan")
    bare = [replace(row, scene="cloud") for row in (rows[0], rows[2])]
    write_manifest(folder, [*rows, alone, *bare])
    write_ply(folder / "room.ply", scan)
    write_ply(folder / "cloud.ply", Scan(scan.points[::40], scan.colors[::40]))
    write_scans(
        folder,
        [
            ScanRow("room", "train", "ply", "room.ply"),
            ScanRow("cloud", "train", "ply", "cloud.ply"),
            ScanRow("damaged", "train", "ply", "0.jpg"),
        ],
    )
    labels = repository / "config" / "labels" / "scannet20.yaml"
    (folder / "label_space.yaml").write_bytes(labels.read_bytes())
    description = {"dataset": "rooms", "protocol": "own", "label_source": "nyu40", "size": None}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(description))
    defect = Defect(DefectKind.LOST_POSE, "3.jpg", "3.jpg has <no> usable pose", "room", False)
    (folder / "scenes").mkdir()
    found = {"rows": [asdict(row) for row in rows], "scan": None, "defects": [defect.to_mapping()]}
    (folder / "scenes" / "room.json").write_text(json.dumps(found))
    return PreparedRoom(
        folder,
        rows,
        scan,
        [depth for _, depth, _ in written],
        [label for _, _, label in written],
        LabelSpace.load(labels),
    )


class Page(HTMLParser):
    """Addresses, and the text of each frame's section; that of the rest is under None."""

    def __init__(self, folder):
        super().__init__()
        self.addresses, self.tags, self.text = [], set(), {None: ""}
        self.pictures = {None: []}
        self.section, self.inside = None, []
        self.html = (folder / "index.html").read_text(encoding="utf-8")
        self.feed(self.html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.add(tag)
        self.addresses += [values[name] for name in ("src", "href") if values.get(name)]
        if tag == "section":
            self.section = int(values["id"].removeprefix("frame-"))
            self.text[self.section], self.pictures[self.section] = "", []
        if tag == "img" and "src" in values:
            self.pictures[self.section].append(values["src"])
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass
        if tag == "section":
            self.section = None

    def handle_data(self, data):
        if not {"script", "style"} & set(self.inside):
            self.text[self.section] += " " + data


@pytest.fixture(scope="session")
def page_of():
    """Reads the page of a folder."""
    return Page


@pytest.fixture(scope="session")
def inspection(prepared, tmp_path_factory):
    """A page of all frames of the scene "room", where `project` has stored nothing."""
    from training.inspection.inspect_scene import inspect_scene

    out = tmp_path_factory.mktemp("page")
    return inspect_scene(prepared.folder, "room", out / "deep" / "room", frames=7)


@pytest.fixture(scope="session")
def page(inspection):
    return Page(inspection.page.parent)
