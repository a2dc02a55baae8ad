# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""2D-3D-Semantics' and S3DIS' files as published, byte for byte, and what we read in them.

Conventions: README of github.com/alexsax/2D-3D-Semantics and the readme of Stanford3dDataset_v1.2.
"""

import json
import struct
import zlib

import cv2
import numpy as np

from seg3d2d_ros.labels import LabelSpace
from training.data.manifest import read_manifest, read_scans
from training.data.open_scan import open_scan
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset

STEM = "camera_0004591bfdc749a88db196a5d8b345cb_office_6_frame_0_domain"


def png(rows, bits, color_type):
    """A PNG file of raw rows, made here so that no library's habits come in between."""
    size = len(rows)

    def chunk(name, content):
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", size, size, bits, color_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def write(root):
    data = root / "area_1" / "data"
    for kind in ("rgb", "depth", "semantic", "pose"):
        (data / kind).mkdir(parents=True)
    (data / "rgb" / f"{STEM}_rgb.png").write_bytes(png([bytes([255, 0, 0] * 2)] * 2, 8, 2))
    # 1 m, 127.998 m (the farthest), missing, 1/512 m; big-endian as in every PNG
    depth = [struct.pack(">HH", 512, 65534), struct.pack(">HH", 65535, 1)]
    (data / "depth" / f"{STEM}_depth.png").write_bytes(png(depth, 16, 0))
    # red * 65536 + green * 256 + blue; #0D0D0D is missing
    semantic = [bytes([0, 0, 1, 0, 1, 0]), bytes([13, 13, 13, 0, 0, 0])]
    (data / "semantic" / f"{STEM}_semantic.png").write_bytes(png(semantic, 8, 2))
    (data / "pose" / f"{STEM}_pose.json").write_text(
        """{"camera_k_matrix": [[2.0, 0.0, 1.0], [0.0, 2.0, 1.0], [0.0, 0.0, 1.0]],
        "field_of_view_rads": 0.9272952180016122,
        "camera_original_rotation": [1.5707963267948966, 0.0, 0.0],
        "rotation_from_original_to_point": [0.0, 0.0, 0.0], "final_camera_rotation":
        [1.5707963267948966, 0.0, 0.0], "camera_location": [1.0, 2.0, 3.0], "frame_num": 0,
        "camera_rt_matrix": [[1.0, 0.0, 0.0, -1.0], [0.0, 0.0, -1.0, 3.0], [0.0, 1.0, 0.0, -2.0]],
        "point_uuid": "0004591bfdc749a88db196a5d8b345cb", "room": "office_6_1",
        "camera_uuid": "0004591bfdc749a88db196a5d8b345cb"}"""
    )
    names = ["<UNK>_0_<UNK>_0_0", "board_1_office_6_1"] + ["wall_1_office_6_1"] * 254
    (root / "assets").mkdir()
    (root / "assets" / "semantic_labels.json").write_text(
        json.dumps([*names, "chair_3_office_6_1"])
    )
    annotations = root / "Area_1" / "office_6" / "Annotations"
    annotations.mkdir(parents=True)
    (annotations / "ceiling_1.txt").write_bytes(
        b"-15.993000 42.862000 0.302000 123.000000 95.000000 56.00\x10000\n"
        b"-15.986000 42.856000 0.353000 126.000000 98.000000 58.000000\n"
    )
    (annotations / "board_1.txt").write_bytes(b"-22.531 -0.145 0.5 1 2 3\n")
    (root / "Area_1" / "Area_1_alignmentAngle.txt").write_bytes(
        b"## Global alignment angle per disjoint space in Area_1 ##\n"
        b"## Disjoint Space Name Global Alignment Angle ##\noffice_6 180\n"
    )


def test_published_bytes_mean_what_their_readme_says(tmp_path, repository):
    root, out = tmp_path / "root", tmp_path / "out"
    write(root)
    space = LabelSpace.load(repository / "config" / "labels" / "s3dis13.yaml")
    prepared = prepare_dataset(open_dataset("s3dis", root), out, space)
    (row,) = read_manifest(out)
    assert (row.scene, row.split) == ("Area_1_office_6", "train")
    assert row.name == "camera_0004591bfdc749a88db196a5d8b345cb_office_6_frame_0"

    label = cv2.imread(str(out / row.label), cv2.IMREAD_UNCHANGED)
    assert label.tolist() == [[space.names.index("board"), space.names.index("chair")], [255, 255]]
    assert cv2.imread(str(out / row.image))[0, 0].tolist() == [0, 0, 255]

    stored = cv2.imread(str(out / row.depth), cv2.IMREAD_UNCHANGED)
    metres = np.where(np.isin(stored, row.depth_invalid), 0, stored / row.depth_scale)
    np.testing.assert_allclose(metres, [[1, 127.99609375], [0, 1 / 512]])

    # The upper left pixel's ray, 1 m along the axis, from a camera at (1, 2, 3) that looks along
    # +y: half a pixel left of and above the image's middle, at a focal length of 2 pixels.
    _, _, fx, fy, cx, cy = row.intrinsics
    pose = np.array(row.pose).reshape(4, 4)
    place = pose @ [(0 - cx) / fx, (0 - cy) / fy, 1, 1]
    np.testing.assert_allclose(place, [1 - 0.25, 3, 3 + 0.25, 1])

    (scan_row,) = read_scans(out)
    scan = open_scan(out, scan_row)
    assert scan.labels.tolist() == [11, 0, 0] and scan.instances.tolist() == [1, 2, 2]
    np.testing.assert_allclose(
        scan.points,
        [[-22.531, -0.145, 0.5], [-15.993, 42.862, 0.302], [-15.986, 42.856, 0.353]],
        rtol=1e-6,
    )
    assert scan.colors.tolist() == [[1, 2, 3], [123, 95, 56], [126, 98, 58]]

    here = [d for d in prepared.defects if d.scene]
    assert len(here) == 1 and "line 1 of" in here[0].text and "ceiling_1.txt" in here[0].text


def test_the_label_space_has_pointnets_order_and_colours(repository):
    space = LabelSpace.load(repository / "config" / "labels" / "s3dis13.yaml")
    assert " ".join(space.names) == (
        "ceiling floor wall beam column window door table chair sofa bookcase board clutter"
    )
    assert space.palette()[[0, 7, 12, 255]].tolist() == [
        [0, 255, 0],
        [170, 120, 200],
        [50, 50, 50],
        [0, 0, 0],
    ]
    assert space.lookup("s3dis13")[[0, 12, 13, 255]].tolist() == [0, 12, 255, 255]
