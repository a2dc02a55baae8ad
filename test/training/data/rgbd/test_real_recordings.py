# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of real recordings: depth and colour show the same edges at the same places."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.data.rgbd.layouts import layout_of


def depth_edges(depth, depth_camera, color_camera, depth_to_color):
    """Steps of depth seen from the colour camera, float32 of its images' size."""
    factor = 2  # so that no gaps are left
    fine = cv2.resize(depth, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    camera = depth_camera.scaled(fine.shape[1], fine.shape[0])
    valid = fine.ravel() > 0
    points = (camera.rays() * fine.reshape(-1, 1))[valid] @ depth_to_color[:3, :3].T
    points += depth_to_color[:3, 3]
    u = np.rint(color_camera.fx * points[:, 0] / points[:, 2] + color_camera.cx).astype(int)
    v = np.rint(color_camera.fy * points[:, 1] / points[:, 2] + color_camera.cy).astype(int)
    inside = (u >= 0) & (v >= 0) & (u < color_camera.width) & (v < color_camera.height)
    inverse = np.zeros((color_camera.height, color_camera.width), np.float32)
    np.maximum.at(inverse, (v[inside], u[inside]), 1 / points[inside, 2])  # the nearest counts
    whole = cv2.erode((inverse > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
    steps = cv2.morphologyEx(inverse, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return cv2.GaussianBlur(np.clip(steps / 0.06, 0, 1) * whole, (0, 0), 1.0)


def color_edges(path):
    grey = cv2.GaussianBlur(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (0, 0), 1.0)
    u, v = (cv2.Sobel(grey.astype(np.float32), cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    return np.clip(np.hypot(u, v) / 100, 0, 1)


def agreement(frames, calibration, depth_to_color):
    """How colour's edges must be moved to fit depth's best, and their correlation unmoved."""
    shifts, unmoved = [], []
    for frame in frames:
        raw = cv2.imread(str(frame.depth), cv2.IMREAD_UNCHANGED)
        depth = np.where(np.isin(raw, calibration.depth_invalid), 0, raw / calibration.depth_scale)
        depth_camera = calibration.depth or calibration.color
        edges = depth_edges(
            depth.astype(np.float32), depth_camera, calibration.color, depth_to_color
        )
        margin = 16
        window = np.ascontiguousarray(edges[margin:-margin, margin:-margin])
        fits = cv2.matchTemplate(color_edges(frame.color), window, cv2.TM_CCOEFF_NORMED)
        v, u = np.unravel_index(fits.argmax(), fits.shape)
        shifts.append((u - margin, v - margin))
        unmoved.append(fits[margin, margin])
    return np.median(shifts, axis=0), float(np.mean(unmoved))


def read(folder):
    if not folder.is_dir():
        pytest.skip(f"no recording {folder}")
    layout = layout_of(folder)
    found = layout.find(folder)
    assert found.defects == []
    return layout, found.frames, layout.calibration(folder, found.frames)


def test_edges_of_the_kitchen_coincide_within_two_pixels(recordings):
    layout, frames, calibration = read(recordings / "kitchen_rgbd")
    assert layout.name == "7-Scenes"
    assert len(frames) == 50
    # From frame 29 on this recording's colour is one frame, 6 pixels, older than its depth.
    frames = frames[4:28:10]
    shift, correlation = agreement(frames, calibration, calibration.depth_to_color)
    assert np.abs(shift).max() <= 2
    # The check can tell: if the cameras stood at one place, they would miss each other.
    same_place, less = agreement(frames, calibration, np.eye(4))
    assert np.abs(same_place).max() >= 5
    assert correlation > 1.2 * less


def test_edges_of_the_living_room_coincide_with_the_default_camera(recordings):
    layout, frames, calibration = read(recordings / "living_room_rgbd")
    assert layout.name == "Redwood"
    assert calibration.color == Intrinsics(640, 480, 525, 525, 319.5, 239.5)
    assert "PrimeSense" in calibration.source
    shift, _ = agreement(frames[::4], calibration, np.eye(4))
    assert np.abs(shift).max() <= 2


def test_trajectory_and_odometry_of_the_living_room_are_one_way_in_two_worlds(recordings, tmp_path):
    _, frames, _ = read(recordings / "living_room_rgbd")
    for name in ("color", "depth", "odometry.log"):
        (tmp_path / name).symlink_to(recordings / "living_room_rgbd" / name)
    _, others, _ = read(tmp_path)
    assert len(frames) == len(others) == 5
    for frame, other in zip(frames[1:], others[1:], strict=True):
        moved = np.linalg.inv(frames[0].pose) @ frame.pose
        drifted = np.linalg.inv(others[0].pose) @ other.pose
        np.testing.assert_allclose(drifted, moved, atol=0.02)
        assert np.linalg.norm(moved[:3, 3]) > 0.02


def test_a_pair_of_tum_has_its_scale_and_its_edges_at_one_place(recordings, tmp_path):
    pair = recordings / "other_formats"
    if not pair.is_dir():
        pytest.skip(f"no recording {pair}")
    (tmp_path / "rgb.txt").write_text(f"# time file\n1.000 {pair / 'TUM_color.png'}\n")
    (tmp_path / "depth.txt").write_text(f"1.015 {pair / 'TUM_depth.png'}\n")
    (tmp_path / "groundtruth.txt").write_text("0.995 1 2 3 0 0 0 1\n1.005 1 2 4 0 0 0 1\n")
    layout, frames, calibration = read(tmp_path)
    assert layout.name == "TUM"
    np.testing.assert_allclose(frames[0].pose[:3, 3], [1, 2, 3.5], atol=1e-6)
    raw = cv2.imread(str(frames[0].depth), cv2.IMREAD_UNCHANGED)
    assert 2 < np.median(raw[raw > 0]) / calibration.depth_scale < 3  # a desk in a hall
    shift, _ = agreement(frames, calibration, np.eye(4))
    assert np.abs(shift).max() <= 2
