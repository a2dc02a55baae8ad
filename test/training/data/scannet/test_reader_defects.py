# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Every defect that a scene's frames may have, through `prepare`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("trimesh")

from training.data.defects import DefectKind
from training.data.manifest import read_manifest

SCENES = ("scene0000_00", "scene0001_00")


def only(prepared):
    (defect,) = prepared.defects
    assert "\n" not in defect.text and len(defect.text) > 20
    return defect


def frames_of(root, scene=SCENES[0]):
    return root / "scannet_frames_25k" / scene


def scan_of(root, scene=SCENES[0]):
    return root / "scans" / scene


def lost(number):
    return lambda root, files: np.savetxt(
        frames_of(root) / "pose/000100.txt", np.full((4, 4), number)
    )


def damage(file, content):
    def spoil(root, files):
        path = root / file
        if content is None:
            path.unlink()
        elif isinstance(content, np.ndarray):
            path.write_bytes(files.encoded(path.suffix, content))
        else:
            path.write_bytes(content)

    return spoil


FRAME = f"scannet_frames_25k/{SCENES[0]}"
SCAN = f"scans/{SCENES[0]}/{SCENES[0]}"


@pytest.mark.parametrize(
    ("spoil", "kind", "text"),
    [
        (lost(-np.inf), DefectKind.LOST_POSE, "000100.jpg has no usable pose"),
        (lost(0.0), DefectKind.LOST_POSE, "000100.jpg has no usable pose"),
        (lost(np.nan), DefectKind.LOST_POSE, "000100.jpg has no usable pose"),
        (damage(f"{FRAME}/pose/000100.txt", b"1 2 3"), DefectKind.DAMAGED_FILE, "4x4 numbers"),
        (damage(f"{FRAME}/pose/000100.txt", b"\xff"), DefectKind.DAMAGED_FILE, "4x4 numbers"),
        (damage(f"{FRAME}/pose/000100.txt", None), DefectKind.MISSING_FILE, "can't be read"),
        (damage(f"{FRAME}/depth/000100.png", None), DefectKind.MISSING_FILE, "can't be read"),
        (
            damage(f"{FRAME}/depth/000100.png", b"no image"),
            DefectKind.UNREADABLE_IMAGE,
            "cannot be read as an image",
        ),
        (
            damage(f"{FRAME}/depth/000100.png", np.ones((20, 32), np.uint16)),
            DefectKind.SIZE_MISMATCH,
            "is 32x20 pixels, its camera's images are 32x24",
        ),
        (
            damage(f"{FRAME}/depth/000100.png", np.ones((24, 32), np.uint8)),
            DefectKind.UNREADABLE_IMAGE,
            "16 bits",
        ),
        (damage(f"{SCAN}.aggregation.json", b"{"), DefectKind.DAMAGED_FILE, "no annotation"),
    ],
)
def test_a_part_that_is_damaged_is_one_defect_and_the_frame_stays(
    prepare, root, files, spoil, kind, text
):
    spoil(root, files)
    prepared = prepare()
    defect = only(prepared)
    assert defect.kind is kind and text in defect.text and defect.scene == SCENES[0]
    assert not defect.dropped and prepared.frames == {"train": 2, "val": 2}


@pytest.mark.parametrize(
    ("file", "content", "kind"),
    [
        ("color/000100.jpg", b"no image", DefectKind.UNREADABLE_IMAGE),
        ("color/000100.jpg", b"", DefectKind.UNREADABLE_IMAGE),
        ("label/000100.png", None, DefectKind.MISSING_FILE),
        ("label/000100.png", b"no image", DefectKind.UNREADABLE_IMAGE),
        ("label/000100.png", np.ones((20, 64), np.uint8), DefectKind.SIZE_MISMATCH),
        ("label/000100.png", np.full((48, 64), 50, np.uint8), DefectKind.UNKNOWN_LABEL),
        ("label/000100.png", np.zeros((48, 64), np.uint8), DefectKind.NO_LABEL),
        ("label/000100.png", np.ones((48, 64, 3), np.uint8), DefectKind.UNREADABLE_IMAGE),
    ],
)
def test_a_frame_that_cannot_train_is_left_out(prepare, root, files, file, content, kind):
    damage(f"{FRAME}/{file}", content)(root, files)
    prepared = prepare()
    defect = only(prepared)
    assert defect.kind is kind and defect.dropped and prepared.frames == {"train": 1, "val": 2}


def test_a_label_without_an_image_is_a_stray_file(prepare, root, files):
    damage(f"{FRAME}/color/000100.jpg", None)(root, files)
    prepared = prepare()
    assert only(prepared).kind is DefectKind.STRAY_FILE and prepared.frames["train"] == 1


@pytest.mark.parametrize(("name", "part"), [("depth", "depth"), ("pose", "pose")])
def test_a_scene_without_depth_or_poses_is_one_defect(prepare, root, tmp_path, name, part):
    for path in (frames_of(root) / name).iterdir():
        path.unlink()
    assert only(prepare()).kind is DefectKind.MISSING_FILE
    rows = read_manifest(tmp_path / "out")
    assert [getattr(row, part) is None for row in rows] == [True, True, False, False]


def test_colour_of_depths_size_works(prepare, root, tmp_path, files):
    """As in scene0704 and scene0705, whose colour is 640x480."""
    folder = frames_of(root)
    for stem in ("000000", "000100"):
        for kind, suffix in (("color", ".jpg"), ("label", ".png")):
            path = folder / kind / f"{stem}{suffix}"
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            small = cv2.resize(image, files.depth_size, interpolation=cv2.INTER_NEAREST)
            path.write_bytes(files.encoded(suffix, small))
    matrix = files.intrinsic_matrix(files.depth_size)
    np.savetxt(folder / "intrinsics_color.txt", matrix)
    assert prepare().defects == []
    rows = read_manifest(tmp_path / "out")
    assert (
        rows[0].intrinsics
        == rows[0].depth_intrinsics
        == pytest.approx([32, 24, 28.8, 28.8, 15.5, 11.5])
    )
    assert rows[2].intrinsics[:2] == [64, 48]


def test_a_camera_matrix_for_another_size_is_said_once(prepare, root, tmp_path, files):
    np.savetxt(frames_of(root) / "intrinsics_color.txt", files.intrinsic_matrix((1296, 968)))
    defect = only(prepare())
    assert defect.kind is DefectKind.INTRINSICS_MISMATCH and not defect.dropped
    assert "principal point (647.5, 483.5)" in defect.text and "64x48" in defect.text
    rows = read_manifest(tmp_path / "out")
    assert [row.intrinsics is None for row in rows] == [True, True, False, False]
    assert all(row.pose and row.depth for row in rows)


def test_one_image_of_another_size_is_a_defect_of_that_frame(prepare, root, tmp_path, files):
    color, label, _ = files.images_of(0)
    files.write_frames(root, "scene0002_00", 3)
    (root / "splits/train.txt").write_text("scene0000_00\nscene0002_00\n")
    folder = frames_of(root, "scene0002_00")
    (folder / "color/000000.jpg").write_bytes(files.encoded(".jpg", color[:40]))
    (folder / "label/000000.png").write_bytes(files.encoded(".png", label[:40]))
    files.write_scan(root, "scene0002_00")
    defect = only(prepare())
    assert defect.kind is DefectKind.INTRINSICS_MISMATCH and "000000.jpg" in defect.text
    rows = [row for row in read_manifest(tmp_path / "out") if row.scene == "scene0002_00"]
    assert [row.intrinsics is None for row in rows] == [True, False, False]


@pytest.mark.parametrize("name", ["intrinsics_color.txt", "intrinsics_depth.txt"])
def test_a_missing_camera_matrix_is_said_once(prepare, root, tmp_path, name):
    (frames_of(root) / name).unlink()
    assert only(prepare()).kind is DefectKind.MISSING_FILE
    row = read_manifest(tmp_path / "out")[0]
    assert (row.intrinsics is None) == (name == "intrinsics_color.txt")
    assert (row.depth is None) == (name == "intrinsics_depth.txt")  # of no use without a camera
