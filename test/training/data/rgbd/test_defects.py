# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What may be wrong with a recording: each is listed, none ends the work."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("open3d")

from training.data.defects import DefectKind
from training.data.frame_checks import check_frame
from training.data.registry import open_dataset


@pytest.fixture
def prepare(tmp_path):
    """Rows that can be used, and kind, text and whether something was dropped of each defect."""

    def run(folder):
        reader = open_dataset("rgbd", folder)
        ((scene, split),) = reader.scenes().items()
        prepared = reader.prepare_scene(scene, split, tmp_path / "out")
        rows, defects = [], list(prepared.defects)
        for row in prepared.rows:
            checked, found = check_frame(row, reader.label_ids, reader.no_label)
            defects += found
            rows += [checked] if checked is not None else []
        assert all(defect.scene == scene for defect in defects)
        return rows, defects, prepared.scan

    return run


@pytest.fixture
def lab(wall, tmp_path):
    wall.plain(tmp_path / "lab")
    return tmp_path / "lab"


def only(defects, kind, text, *, dropped=False):
    (defect,) = defects
    assert defect.kind is kind
    assert text in defect.text
    assert defect.dropped is dropped


def test_a_frame_without_depth_is_kept(lab, prepare):
    (lab / "depth/9.png").unlink()
    rows, defects, _ = prepare(lab)
    only(defects, DefectKind.MISSING_FILE, "9.png has no depth image")
    assert [row.depth is None for row in rows] == [False, True, False]


def test_a_depth_image_without_colour_is_not_used(lab, prepare):
    (lab / "color/9.png").unlink()
    rows, defects, _ = prepare(lab)
    only(defects, DefectKind.STRAY_FILE, "9.png belongs to no colour image")
    assert len(rows) == 2


def test_a_recording_without_depth_or_poses_says_so_once(lab, prepare):
    for path in (lab / "depth").iterdir():
        path.unlink()
    for path in (lab / "pose").iterdir():
        path.unlink()
    (lab / "pose").rmdir()
    rows, defects, scan = prepare(lab)
    assert [defect.kind for defect in defects] == [DefectKind.MISSING_FILE] * 2
    assert "has no depth images" in defects[0].text
    assert "is no folder; the recording is used without poses" in defects[1].text
    assert len(rows) == 3
    assert scan is None


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (None, DefectKind.MISSING_FILE, "9.txt can't be read"),
        ("1 0 0\n0 one 0", DefectKind.DAMAGED_FILE, "holds what is no number"),
        ("1 2 3 4 5", DefectKind.DAMAGED_FILE, "holds 5 numbers; 9, 12 or 16"),
        ("1 0 0 0 1 0 0 0 1", DefectKind.DAMAGED_FILE, "a pose has 12 or 16"),
        (" ".join(["-inf"] * 16), DefectKind.LOST_POSE, "the pose of 9.png"),
        (" ".join(["0"] * 16), DefectKind.LOST_POSE, "is lost"),
        (" ".join(["-1.#IND0000e+000"] * 16), DefectKind.LOST_POSE, "is lost"),
        ("2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1", DefectKind.LOST_POSE, "no rotation"),
    ],
)
def test_a_frame_whose_pose_is_missing_malformed_or_lost_is_kept(lab, prepare, text, kind, said):
    path = lab / "pose/9.txt"
    path.unlink()
    if text is not None:
        path.write_text(text)
    rows, defects, scan = prepare(lab)
    only(defects, kind, said)
    assert [row.pose is None for row in rows] == [False, True, False]
    assert scan is not None


def test_frames_without_a_label_are_said_once_and_kept(lab, wall, prepare):
    wall.labels(lab, "8")
    rows, defects, _ = prepare(lab)
    only(defects, DefectKind.MISSING_FILE, "has no label for 2 of 3 frames, the first is 9.png")
    assert [row.label is None for row in rows] == [False, True, True]


@pytest.mark.parametrize("name", ["9.jpg", "09.png", "11.png"])
def test_a_label_without_a_frame_is_not_used(lab, wall, prepare, name):
    wall.labels(lab, "8", "9", "10")
    (lab / "label" / name).write_bytes((lab / "label/9.png").read_bytes())
    rows, defects, _ = prepare(lab)
    only(defects, DefectKind.STRAY_FILE, f"{name} belongs to no colour image")
    assert all(row.label is not None for row in rows)


def test_depth_of_another_size_is_not_used(lab, prepare):
    cv2.imwrite(str(lab / "depth/9.png"), np.full((50, 60), 2000, np.uint16))
    rows, defects, _ = prepare(lab)
    only(defects, DefectKind.SIZE_MISMATCH, "60x50 pixels, its camera's images are 160x120")
    assert [row.depth is None for row in rows] == [False, True, False]


def test_unreadable_images_are_left_out(lab, prepare):
    (lab / "color/8.png").write_bytes(b"no picture")
    (lab / "depth/9.png").write_bytes(b"")
    rows, defects, scan = prepare(lab)
    assert [defect.kind for defect in defects] == [DefectKind.UNREADABLE_IMAGE] * 2
    assert [defect.dropped for defect in defects] == [True, False]
    assert [row.frame for row in rows] == ["9", "10"]
    assert scan is not None


def test_nothing_readable_is_no_end(lab, prepare):
    for path in (*(lab / "color").iterdir(), *(lab / "depth").iterdir()):
        path.write_bytes(b"?")
    rows, defects, scan = prepare(lab)
    assert rows == []
    assert scan is None
    assert len(defects) == 3


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (None, DefectKind.MISSING_FILE, "does not say what its cameras are"),
        ("500 0 x", DefectKind.DAMAGED_FILE, "holds what is no number"),
        ("0 0 80 0 130 60 0 0 1", DefectKind.DAMAGED_FILE, "holds no camera matrix"),
        (
            "1170 0 648 0 1170 484 0 0 1",
            DefectKind.INTRINSICS_MISMATCH,
            "far from the middle of the images, which are 160x120 pixels",
        ),
    ],
)
def test_without_usable_intrinsics_frames_are_kept_without(lab, prepare, text, kind, said):
    path = lab / "intrinsics.txt"
    path.unlink()
    if text is not None:
        path.write_text(text)
    rows, defects, scan = prepare(lab)
    only(defects, kind, said)
    assert [row.intrinsics for row in rows] == [None] * 3
    assert all(row.pose is not None for row in rows)
    assert scan is None
    # The owner says it instead.
    color = {"width": 160, "height": 120, "fx": 130, "fy": 131.0, "cx": 80, "cy": 59}
    (lab / "camera.yaml").write_text(yaml.safe_dump({"color": color}))
    rows, defects, scan = prepare(lab)
    assert defects == []
    assert rows[0].intrinsics == [160, 120, 130, 131, 80, 59]
    assert scan is not None


def test_a_malformed_camera_file_is_no_licence_to_guess(lab, prepare):
    (lab / "camera.yaml").write_text("depth_scale: -1")
    rows, defects, scan = prepare(lab)
    only(defects, DefectKind.DAMAGED_FILE, "camera.yaml has a depth_scale that is no number above")
    assert rows[0].intrinsics is None
    assert scan is None


def test_a_scene_beyond_the_memory_has_no_scan_and_says_why(lab, prepare, monkeypatch):
    monkeypatch.setattr("training.data.reconstruction.MAX_BLOCKS", 50)
    rows, defects, scan = prepare(lab)
    only(defects, DefectKind.DAMAGED_FILE, "fills more than 50 cubes of 16 cm", dropped=True)
    assert len(rows) == 3
    assert scan is None


def test_trajectories_that_do_not_fit_the_frames_are_reported(wall, prepare, tmp_path):
    folder = tmp_path / "lab"
    wall.redwood(folder)
    log = folder / "trajectory.log"
    lines = log.read_text().splitlines()
    log.write_text("\n".join(lines[:10]))
    rows, defects, _ = prepare(folder)
    only(defects, DefectKind.LOST_POSE, "has no pose of frame 2")
    assert [row.pose is None for row in rows] == [False, False, True]
    log.write_text("\n".join([*lines, "3 3 4", *lines[11:]]))
    rows, defects, _ = prepare(folder)
    only(defects, DefectKind.LOST_POSE, "has poses of 4 frames, which can't be matched")
    assert all(row.pose is None for row in rows)
    log.write_text("\n".join(lines[:-1]))
    rows, defects, _ = prepare(folder)
    only(defects, DefectKind.DAMAGED_FILE, "pose 2 of")
    assert all(row.pose is None for row in rows)


@pytest.mark.parametrize("content", ["{", "[]", '{"parameters": [{"extrinsic": [1]}]}'])
def test_malformed_json_leaves_frames_without(wall, prepare, tmp_path, content):
    folder = tmp_path / "lab"
    wall.redwood_json(folder)
    (folder / "trajectory.json").write_text(content)
    rows, defects, _ = prepare(folder)
    assert {defect.kind for defect in defects} == {DefectKind.DAMAGED_FILE}
    assert len(rows) == 3
    assert all(row.pose is None and row.intrinsics is None for row in rows)


def test_intrinsics_for_another_size_are_not_used(wall, prepare, tmp_path):
    folder = tmp_path / "lab"
    wall.redwood(folder)
    path = folder / "camera_intrinsic.json"
    path.write_text(path.read_text().replace("160", "320").replace("120", "240"))
    rows, defects, _ = prepare(folder)
    only(defects, DefectKind.INTRINSICS_MISMATCH, "for images of 320x240 pixels")
    assert rows[0].intrinsics is None
    path.unlink()
    _, defects, _ = prepare(folder)
    only(defects, DefectKind.MISSING_FILE, "does not say what its cameras are")


def test_depth_without_colour_loses_no_frame_in_any_layout(wall, prepare, tmp_path):
    wall.seven_scenes(tmp_path / "seven")
    (tmp_path / "seven/frame-000009.color.png").unlink()
    rows, defects, _ = prepare(tmp_path / "seven")
    only(defects, DefectKind.STRAY_FILE, "frame-000009.depth.png belongs to no colour image")
    wall.tum(tmp_path / "tum")
    lines = (tmp_path / "tum/rgb.txt").read_text().splitlines()
    (tmp_path / "tum/rgb.txt").write_text("\n".join(lines[:-1]))
    rows, defects, _ = prepare(tmp_path / "tum")
    only(defects, DefectKind.STRAY_FILE, "belongs to no colour image; it is not used")
    assert len(rows) == 2


def test_tum_lists_with_gaps_are_reported(wall, prepare, tmp_path):
    folder = tmp_path / "lab"
    wall.tum(folder)
    lines = (folder / "depth.txt").read_text().splitlines()
    # One depth image 30 ms later than it was.
    time, name = lines[1].split()
    (folder / "depth.txt").write_text("\n".join([f"{float(time) + 0.03:.6f} {name}", *lines[2:]]))
    truth = (folder / "groundtruth.txt").read_text().splitlines()
    (folder / "groundtruth.txt").write_text("\n".join(truth[3:]))  # none of the first frame
    rows, defects, _ = prepare(folder)
    assert [defect.kind for defect in defects] == [
        DefectKind.LOST_POSE,
        DefectKind.MISSING_FILE,
        DefectKind.STRAY_FILE,
    ]
    assert "no pose within 20 ms of 1305031102.000000 s" in defects[0].text
    assert [row.pose is None for row in rows] == [True, False, False]
    assert [row.depth is None for row in rows] == [False, False, True]
    (folder / "groundtruth.txt").write_text("1.0 2 3\n")
    (folder / "depth.txt").unlink()
    rows, defects, _ = prepare(folder)
    assert [defect.kind for defect in defects] == [
        DefectKind.MISSING_FILE,
        DefectKind.DAMAGED_FILE,
    ]
    assert len(rows) == 3
    (folder / "rgb.txt").write_text("one two\n")
    rows, defects, _ = prepare(folder)
    only(defects, DefectKind.DAMAGED_FILE, "holds what is no number", dropped=True)
    assert rows == []
