# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest

from training.data.defects import DefectError, DefectKind
from training.data.frame_checks import check_frame, read_bytes
from training.data.manifest import ManifestRow

IDS = frozenset(range(41))


@pytest.fixture
def row(tmp_path):
    """A frame without a defect: 24x18 pixels, depth of half the size."""
    label = np.full((18, 24), 5, np.uint8)
    label[0] = 0
    cv2.imwrite(str(tmp_path / "a.jpg"), np.full((18, 24, 3), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "a.png"), label)
    cv2.imwrite(str(tmp_path / "d.png"), np.full((9, 12), 1500, np.uint16))
    return ManifestRow(
        str(tmp_path / "a.jpg"),
        str(tmp_path / "a.png"),
        "room",
        "train",
        None,
        depth=str(tmp_path / "d.png"),
        pose=np.eye(4).ravel().tolist(),
        intrinsics=[24, 18, 20.0, 20.0, 11.5, 8.5],
        depth_intrinsics=[12, 9, 10.0, 10.0, 5.5, 4.0],
    )


def kinds(defects):
    return [defect.kind for defect in defects]


def test_a_sound_frame_is_kept_with_its_checksum(row, tmp_path):
    checked, defects = check_frame(row, IDS, 0)
    assert defects == []
    digest = hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert checked == replace(row, sha256=digest)


def test_a_frame_without_label_and_depth_is_no_defect(row):
    bare = replace(row, label=None, depth=None, pose=None, intrinsics=None)
    assert check_frame(bare, IDS, 0) == (bare, [])


@pytest.mark.parametrize(
    ("file", "content", "kind"),
    [
        ("a.jpg", None, DefectKind.MISSING_FILE),
        ("a.jpg", b"no picture", DefectKind.UNREADABLE_IMAGE),
        ("a.jpg", b"", DefectKind.UNREADABLE_IMAGE),
        ("a.png", None, DefectKind.MISSING_FILE),
        ("a.png", np.full((18, 24), 41, np.uint8), DefectKind.UNKNOWN_LABEL),
        ("a.png", np.zeros((18, 24), np.uint8), DefectKind.NO_LABEL),
        ("a.png", np.full((17, 24), 5, np.uint8), DefectKind.SIZE_MISMATCH),
        ("a.png", np.full((18, 24, 3), 5, np.uint8), DefectKind.UNREADABLE_IMAGE),
    ],
)
def test_without_image_or_label_a_frame_is_left_out(row, tmp_path, file, content, kind):
    path = tmp_path / file
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        cv2.imwrite(str(path), content)
    checked, defects = check_frame(row, IDS, 0)
    assert checked is None and kinds(defects) == [kind]
    assert defects[0].dropped and defects[0].scene == "room"
    assert str(path) in defects[0].text and "\n" not in defects[0].text


@pytest.mark.parametrize(
    "content",
    [
        None,
        np.full((9, 12), 3, np.uint8),
        np.full((18, 24), 900, np.uint16),
        np.full((9, 12, 3), 900, np.uint16),
    ],
)
def test_without_depth_a_frame_is_kept(row, tmp_path, content):
    (tmp_path / "d.png").unlink()
    if content is not None:
        cv2.imwrite(str(tmp_path / "d.png"), content)
    checked, defects = check_frame(row, IDS, 0)
    assert checked.depth is None and checked.pose is not None
    assert len(defects) == 1 and not defects[0].dropped


def mirrored():
    return np.diag([-1.0, 1, 1, 1])


@pytest.mark.parametrize(
    "pose",
    [np.full((4, 4), -np.inf), np.zeros((4, 4)), np.full((4, 4), np.nan), mirrored(), np.eye(3)],
)
def test_a_lost_pose_is_forgotten(row, pose):
    checked, defects = check_frame(replace(row, pose=pose.ravel().tolist()), IDS, 0)
    assert checked.pose is None and kinds(defects) == [DefectKind.LOST_POSE]
    assert not defects[0].dropped


def test_intrinsics_of_another_size_are_forgotten(row):
    wrong = replace(row, intrinsics=[640, 480, 500.0, 500.0, 319.5, 239.5])
    checked, defects = check_frame(wrong, IDS, 0)
    assert checked.intrinsics is None and kinds(defects) == [DefectKind.INTRINSICS_MISMATCH]
    assert "640x480" in defects[0].text and "24x18" in defects[0].text


def test_what_the_system_does_not_give_is_missing_or_unreadable(tmp_path):
    (tmp_path / "file").write_text("")
    kinds = []
    for path in (tmp_path / "none", tmp_path / "file" / "below", tmp_path):
        with pytest.raises(DefectError, match="can't be read") as caught:
            read_bytes(path)
        kinds.append(caught.value.kind)
    assert kinds == [*[DefectKind.MISSING_FILE] * 2, DefectKind.UNREADABLE_FILE]
