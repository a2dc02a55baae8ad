# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A tiny data set in ScanNet's layout, written from its description, not by our writers."""

from __future__ import annotations

import json
import struct
import zlib

import cv2
import numpy as np
import pytest

from seg3d2d_ros.labels import LabelSpace
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset

SCENES = ("scene0000_00", "scene0001_00")
COLOR, DEPTH = (64, 48), (32, 24)
SEGMENTS = [10, 10, 10, 20, 20, 30]
GROUPS = [
    {"id": 0, "objectId": 0, "segments": [10], "label": "office chair"},
    {"id": 1, "objectId": 4, "segments": [20], "label": "wall"},
]
TABLE = (
    "id\traw_category\tcategory\tcount\tnyu40id\teigen13id\tnyuClass\tnyu40class\n"
    "1\twall\twall\t8277\t1\t12\twall\twall\n"
    "5\toffice chair\toffice chair\t595\t5\t4\tchair\tchair\n"
    "1163\tobject\tobject\t49\t40\t7\t\totherprop\n"
    "1357\tobject\tobject\t1\t40\t7\t\totherprop\n"
)


def intrinsic_matrix(size):
    width, height = size
    return np.array(
        [
            [0.9 * width, 0, width / 2 - 0.5, 0],
            [0, 0.9 * width, height / 2 - 0.5, 0],
            [0, 0, 1, 0],
            [0, 0, 0, 1],
        ]
    )


def pose_of(number):
    pose = np.eye(4)
    pose[:3, 3] = (number, 0.5, 1.25)
    return pose


def images_of(number):
    """Colour BGR, label and depth of a frame."""
    color = np.full((COLOR[1], COLOR[0], 3), (40, 90, 10 * number), np.uint8)
    label = np.full(color.shape[:2], 1, np.uint8)
    label[30:] = 5
    label[:3] = 0
    depth = np.full((DEPTH[1], DEPTH[0]), 1500 + number, np.uint16)
    depth[0] = 0
    return color, label, depth


def encoded(suffix, image):
    return cv2.imencode(suffix, image)[1].tobytes()


def write_frames(root, scene="scene0000_00", count=2, parent="scannet_frames_25k"):
    folder = root / parent / scene
    for name in ("color", "label", "depth", "pose"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        color, label, depth = images_of(number)
        stem = f"{100 * number:06d}"
        (folder / f"color/{stem}.jpg").write_bytes(encoded(".jpg", color))
        (folder / f"label/{stem}.png").write_bytes(encoded(".png", label))
        (folder / f"depth/{stem}.png").write_bytes(encoded(".png", depth))
        np.savetxt(folder / f"pose/{stem}.txt", pose_of(number), fmt="%.6f")
    np.savetxt(folder / "intrinsics_color.txt", intrinsic_matrix(COLOR), fmt="%.6f")
    np.savetxt(folder / "intrinsics_depth.txt", intrinsic_matrix(DEPTH), fmt="%.6f")
    return folder


def mesh_bytes(labels=None):
    """Six vertices, two faces; ushort labels where given."""
    header = "ply\nformat binary_little_endian 1.0\nelement vertex 6\n"
    header += "".join(f"property float {name}\n" for name in "xyz")
    header += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue", "alpha"))
    header += "property ushort label\n" if labels is not None else ""
    header += "element face 2\nproperty list uchar int vertex_indices\nend_header\n"
    body = b""
    for k in range(6):
        body += struct.pack("<3f4B", k, 0.5 * k, 1.0 if k % 2 else 2.0, k, 20, 30, 255)
        body += struct.pack("<H", labels[k]) if labels is not None else b""
    return header.encode() + body + struct.pack("<B3iB3i", 3, 0, 1, 2, 3, 3, 4, 5)


def write_scan(root, scene="scene0000_00", labels=(5, 5, 5, 1, 1, 0), parent="scans"):
    """Mesh, labelled mesh, segments, objects; the data set's label table."""
    folder = root / parent / scene
    folder.mkdir(parents=True)
    (folder / f"{scene}_vh_clean_2.ply").write_bytes(mesh_bytes())
    (folder / f"{scene}_vh_clean_2.labels.ply").write_bytes(mesh_bytes(labels))
    segments = {"params": {}, "sceneId": scene, "segIndices": SEGMENTS}
    (folder / f"{scene}_vh_clean_2.0.010000.segs.json").write_text(json.dumps(segments))
    aggregation = {"sceneId": f"scannet.{scene}", "segGroups": GROUPS}
    (folder / f"{scene}.aggregation.json").write_text(json.dumps(aggregation))
    (root / "scannetv2-labels.combined.tsv").write_text(TABLE)
    return folder


def sens_bytes(frames, **changes):
    """A recording of (pose, colour bytes, depth bytes) by the published layout."""
    parts = {
        "version": struct.pack("<I", 4),
        "name": struct.pack("<Q", 6) + b"sensor",
        "color_matrix": intrinsic_matrix(COLOR).astype("<f4").tobytes(),
        "color_extrinsics": np.eye(4).astype("<f4").tobytes(),
        "depth_matrix": intrinsic_matrix(DEPTH).astype("<f4").tobytes(),
        "depth_extrinsics": np.eye(4).astype("<f4").tobytes(),
        "compression": struct.pack("<2i", 2, 1),
        "sizes": struct.pack("<4I", *COLOR, *DEPTH),
        "shift": struct.pack("<f", 1000),
        "count": struct.pack("<Q", len(frames)),
        "frames": b"".join(
            np.asarray(pose).astype("<f4").tobytes()
            + struct.pack("<4Q", 1000 * k, 1000 * k + 7, len(color), len(depth))
            + color
            + depth
            for k, (pose, color, depth) in enumerate(frames)
        ),
        "imu": struct.pack("<Q", 2) + 2 * struct.pack("<15dQ", *range(15), 99),
    }
    assert changes.keys() <= parts.keys()
    return b"".join((parts | changes).values())


def recorded(count):
    """Frames for sens_bytes: JPEG and zlib."""
    frames = []
    for number in range(count):
        color, _, depth = images_of(number % 20)
        frames.append((pose_of(number), encoded(".jpg", color), zlib.compress(depth.tobytes())))
    return frames


class ScanNetFiles:
    """What tests write with."""

    color_size, depth_size = COLOR, DEPTH
    table, groups, segments = TABLE, GROUPS, SEGMENTS
    encoded = staticmethod(encoded)
    images_of = staticmethod(images_of)
    intrinsic_matrix = staticmethod(intrinsic_matrix)
    mesh_bytes = staticmethod(mesh_bytes)
    pose_of = staticmethod(pose_of)
    recorded = staticmethod(recorded)
    sens_bytes = staticmethod(sens_bytes)
    write_frames = staticmethod(write_frames)
    write_scan = staticmethod(write_scan)


@pytest.fixture(scope="session")
def files():
    return ScanNetFiles


@pytest.fixture
def space(repository):
    return LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")


@pytest.fixture
def root(tmp_path, files):
    """Two scenes with everything, listed by the data set's own lists."""
    root = tmp_path / "data"
    (root / "splits").mkdir(parents=True)
    for split, scene in zip(("train", "val"), SCENES, strict=True):
        (root / "splits" / f"{split}.txt").write_text(f"{scene}\n")
        files.write_frames(root, scene)
        files.write_scan(root, scene)
    return root


@pytest.fixture
def prepare(root, tmp_path, space):
    return lambda protocol=None: prepare_dataset(
        open_dataset("scannet", root, protocol), tmp_path / "out", space
    )
