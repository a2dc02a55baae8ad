# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Frames out of recordings."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.defects import DefectKind
from training.data.frame_checks import check_frame
from training.data.scannet.sens_frames import unpack_frames

SCENE = "scene0000_00"


@pytest.fixture
def scan(tmp_path, files):
    """Folder of a scene with the label table where the data set has it."""
    (tmp_path / "scannetv2-labels.combined.tsv").write_text(files.table)
    folder = tmp_path / "scans" / SCENE
    folder.mkdir(parents=True)
    return folder


def record(scan, content):
    path = scan / f"{SCENE}.sens"
    path.write_bytes(content)
    return path


def label_archive(scan, images):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, image in images.items():
            data = image if isinstance(image, bytes) else cv2.imencode(".png", image)[1].tobytes()
            archive.writestr(f"label-filt/{number}.png", data)
    path = scan / f"{SCENE}_2d-label-filt.zip"
    path.write_bytes(content.getvalue())
    return path


def scannet_ids(ids):
    """A 16-bit label image whose columns hold these ids."""
    return np.repeat(np.array(ids, np.uint16)[None], 48, 0).repeat(64 // len(ids), 1)


def only(defects):
    (defect,) = defects
    assert "\n" not in defect.text and defect.scene == SCENE
    return defect


def test_every_100th_frame_is_unpacked_as_it_was_recorded(scan, tmp_path, files):
    recorded = files.recorded(201)
    path = record(scan, files.sens_bytes(recorded))
    labels = {k: scannet_ids([0, 1, 5, 1357]) for k in range(0, 300, 100)}
    label_archive(scan, labels)
    frames = unpack_frames(path, "train", tmp_path / "out")
    assert frames.defects == []
    assert [row.frame for row in frames.rows] == ["000000", "000100", "000200"]
    for row, number in zip(frames.rows, (0, 100, 200), strict=True):
        assert Path(row.image).read_bytes() == recorded[number][1]
        depth = cv2.imread(row.depth, cv2.IMREAD_UNCHANGED)
        assert depth.dtype == np.uint16
        np.testing.assert_array_equal(depth, files.images_of(number % 20)[2])
        label = cv2.imread(row.label, cv2.IMREAD_UNCHANGED)
        assert label.dtype == np.uint8
        np.testing.assert_array_equal(label, scannet_ids([0, 1, 5, 40]))
        np.testing.assert_allclose(row.pose, files.pose_of(number).ravel())
        assert row.intrinsics == pytest.approx([64, 48, 57.6, 57.6, 31.5, 23.5])
        assert row.depth_intrinsics == pytest.approx([32, 24, 28.8, 28.8, 15.5, 11.5])
        assert (row.depth_scale, row.depth_to_color) == (1000, None)
        assert (row.scene, row.split) == (SCENE, "train")


def test_without_label_images_frames_have_none_and_it_is_said_once(scan, tmp_path, files):
    path = record(scan, files.sens_bytes(files.recorded(3)))
    frames = unpack_frames(path, "val", tmp_path / "out", every=1)
    assert [row.label for row in frames.rows] == [None] * 3
    defect = only(frames.defects)
    assert defect.kind is DefectKind.MISSING_FILE and not defect.dropped
    assert "_2d-label-filt.zip is missing" in defect.text
    assert unpack_frames(path, "test", tmp_path / "out").defects == []


@pytest.mark.parametrize(
    ("image", "kind", "text"),
    [
        (scannet_ids([1, 777]), DefectKind.UNKNOWN_LABEL, "lacks (777)"),
        (b"no image", DefectKind.UNREADABLE_IMAGE, "cannot be read as an image"),
        (np.zeros((48, 64, 3), np.uint8), DefectKind.UNREADABLE_IMAGE, "no one-channel image"),
        (None, DefectKind.MISSING_FILE, "lacks label-filt/1.png"),
    ],
)
def test_a_frame_with_a_damaged_label_is_left_out(scan, tmp_path, files, image, kind, text):
    path = record(scan, files.sens_bytes(files.recorded(3)))
    images = {k: scannet_ids([1, 5]) for k in (0, 2)} | ({1: image} if image is not None else {})
    label_archive(scan, images)
    frames = unpack_frames(path, "train", tmp_path / "out", every=1)
    assert [row.frame for row in frames.rows] == ["000000", "000002"]
    defect = only(frames.defects)
    assert defect.kind is kind and defect.dropped
    assert text in defect.text


def test_a_damaged_archive_leaves_frames_without_labels(scan, tmp_path, files):
    path = record(scan, files.sens_bytes(files.recorded(2)))
    archive = label_archive(scan, {0: scannet_ids([1])})
    archive.write_bytes(archive.read_bytes()[:-30])
    frames = unpack_frames(path, "train", tmp_path / "out", every=1)
    assert [row.label for row in frames.rows] == [None] * 2
    assert only(frames.defects).kind is DefectKind.DAMAGED_FILE


def test_bytes_changed_within_the_archive_are_a_defect_of_their_frame(scan, tmp_path, files):
    path = record(scan, files.sens_bytes(files.recorded(2)))
    noise = np.random.default_rng(0).choice(np.array([1, 5], np.uint16), (48, 64))
    archive = label_archive(scan, {0: noise, 1: noise})
    content = bytearray(archive.read_bytes())
    content[120] ^= 0xFF
    archive.write_bytes(content)
    frames = unpack_frames(path, "train", tmp_path / "out", every=1)
    assert [row.frame for row in frames.rows] == ["000001"]
    assert only(frames.defects).kind is DefectKind.DAMAGED_FILE


def test_a_truncated_recording_gives_the_frames_before(scan, tmp_path, files):
    content = files.sens_bytes(files.recorded(3))
    path = record(scan, content[: len(content) - 300])
    frames = unpack_frames(path, "test", tmp_path / "out", every=1)
    assert [row.frame for row in frames.rows] == ["000000", "000001"]
    defect = only(frames.defects)
    assert defect.kind is DefectKind.DAMAGED_FILE and "frame 2 of 3" in defect.text
    assert defect.dropped


def test_what_is_no_recording_gives_no_frames(scan, tmp_path):
    frames = unpack_frames(record(scan, b"ply\n" * 100), "train", tmp_path / "out")
    assert frames.rows == [] and "no .sens file" in only(frames.defects).text


def test_depth_that_cannot_be_read_leaves_the_frame_without(scan, tmp_path, files):
    pose, color, depth = files.recorded(1)[0]
    path = record(scan, files.sens_bytes([(pose, color, b"?"), (pose, color, depth)]))
    frames = unpack_frames(path, "test", tmp_path / "out", every=1)
    assert [row.depth is None for row in frames.rows] == [True, False]
    defect = only(frames.defects)
    assert defect.kind is DefectKind.UNREADABLE_IMAGE and not defect.dropped


def test_raw_and_png_colour_become_png(scan, tmp_path, files):
    pose, _, depth = files.recorded(1)[0]
    bgr = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    contents = {0: bgr[..., ::-1].tobytes(), 1: files.encoded(".png", bgr)}
    for kind, color in contents.items():
        compression = struct.pack("<2i", kind, 1)
        path = record(scan, files.sens_bytes([(pose, color, depth)], compression=compression))
        (row,) = unpack_frames(path, "test", tmp_path / f"out{kind}").rows
        assert row.image.endswith("000000.png")
        np.testing.assert_array_equal(cv2.imread(row.image), bgr)
    path = record(
        scan,
        files.sens_bytes([(pose, bytes(100), depth)], compression=struct.pack("<2i", 0, 1)),
    )
    frames = unpack_frames(path, "test", tmp_path / "out")
    assert frames.rows == [] and "is not 64x48 pixels" in only(frames.defects).text


def test_other_depth_units_are_kept(scan, tmp_path, files):
    path = record(scan, files.sens_bytes(files.recorded(1), shift=struct.pack("<f", 4000)))
    (row,) = unpack_frames(path, "test", tmp_path / "out").rows
    assert row.depth_scale == 4000


def rigid(angle, translation):
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = translation
    return matrix


def test_cameras_at_two_places_are_kept_apart(scan, tmp_path, files):
    color, depth = rigid(0.3, (0.1, 0, 0)), rigid(-0.1, (0, 0.02, 0.3))
    content = files.sens_bytes(
        files.recorded(2),
        color_extrinsics=color.astype("<f4").tobytes(),
        depth_extrinsics=depth.astype("<f4").tobytes(),
    )
    row = unpack_frames(record(scan, content), "test", tmp_path / "out", every=1).rows[1]
    # a point that the depth camera sees, in the world: once through the base frame of the
    # recording, once through the colour camera of the manifest
    point = np.array([0.2, -0.4, 1.7, 1])
    direct = files.pose_of(1) @ depth @ point
    pose, to_color = (np.reshape(matrix, (4, 4)) for matrix in (row.pose, row.depth_to_color))
    np.testing.assert_allclose(pose @ to_color @ point, direct, atol=1e-6)
    np.testing.assert_allclose(pose, files.pose_of(1) @ color, atol=1e-6)


def test_extrinsics_that_are_no_rotation_are_a_defect(scan, tmp_path, files):
    content = files.sens_bytes(files.recorded(1), depth_extrinsics=bytes(64))
    frames = unpack_frames(record(scan, content), "test", tmp_path / "out")
    assert frames.rows[0].depth_to_color is None
    assert "extrinsics that are no rotation" in only(frames.defects).text


def test_a_camera_matrix_for_another_size_is_a_defect(scan, tmp_path, files):
    large = files.intrinsic_matrix((1296, 968)).astype("<f4").tobytes()
    path = record(scan, files.sens_bytes(files.recorded(1), color_matrix=large))
    frames = unpack_frames(path, "test", tmp_path / "out")
    assert frames.rows[0].intrinsics is None and frames.rows[0].depth_intrinsics is not None
    assert only(frames.defects).kind is DefectKind.INTRINSICS_MISMATCH
    path = record(scan, files.sens_bytes(files.recorded(1), depth_matrix=bytes(64)))
    frames = unpack_frames(path, "test", tmp_path / "out")
    assert frames.rows[0].depth is None and frames.rows[0].intrinsics is not None
    assert only(frames.defects).kind is DefectKind.DAMAGED_FILE


def test_an_interrupted_run_is_written_anew(scan, tmp_path, files):
    path = record(scan, files.sens_bytes(files.recorded(1)))
    stale = tmp_path / "out" / "color" / "000000.jpg"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"half")
    unpack_frames(path, "test", tmp_path / "out")
    assert stale.read_bytes() == files.recorded(1)[0][1]
    assert zlib.decompress(files.recorded(1)[0][2]) == files.images_of(0)[2].tobytes()


@pytest.mark.parametrize(
    ("cut", "every", "dropped"),
    [
        (10, 1, False),  # of the inertial measurements
        (10, 2, False),
        (300, 2, False),  # of the last frame, which is not wanted
        (300, 1, True),
    ],
)
def test_a_recording_that_ends_too_early_loses_frames_only_where_wanted_ones_are_cut(
    scan, tmp_path, files, cut, every, dropped
):
    content = files.sens_bytes(files.recorded(4))
    path = record(scan, content[:-cut])
    frames = unpack_frames(path, "test", tmp_path / "out", every=every)
    defect = only(frames.defects)
    assert defect.kind is DefectKind.DAMAGED_FILE and defect.dropped is dropped
    assert len(frames.rows) == (2 if every == 2 else 3 if dropped else 4)


@pytest.mark.parametrize("seed", range(4))
def test_bytes_changed_anywhere_are_defects_at_most(scan, tmp_path, files, seed):
    whole = files.sens_bytes(files.recorded(2))
    starts = [0, 18, 82, 146, 210, 274, 310]  # version, name, matrices, numbers, first frame
    rng = np.random.default_rng(seed)
    outcomes = set()
    for _ in range(60):
        content = bytearray(whole)
        start = int(rng.choice(starts))
        for at in rng.integers(start, min(start + 64, len(whole)), rng.integers(1, 5)):
            content[at] = rng.integers(0, 256)
        if rng.random() < 0.2:
            content = content[: rng.integers(0, len(content))]
        frames = unpack_frames(record(scan, bytes(content)), "test", tmp_path / "out", every=1)
        defects = list(frames.defects)
        for row in frames.rows:
            checked, found = check_frame(row, frozenset(range(1, 41)), 0)
            defects += found
            if checked is not None:
                json.dumps(checked.__dict__, allow_nan=False)
        assert all("\n" not in defect.text for defect in defects)
        outcomes.add((len(frames.rows), bool(defects)))
    assert len(outcomes) > 2
