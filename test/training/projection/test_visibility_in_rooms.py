# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Visible points of synthetic rooms against what is true of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.projection.depth_test import COARSE_TOLERANCE, DepthTolerance
from training.projection.geometry import FrameGeometry
from training.projection.splat import splat
from training.projection.visibility import SurfaceVisibility, visible_by_depth
from training.projection.visible_points import NO_POINT

FOV = 1.08
COLOR = (240, 180)
OCCLUDED_M = 0.05
"""A point is occluded where a true surface lies more than two of its scan's voxels before it."""


def camera(size):
    return Intrinsics.from_fov(*size, FOV)


def geometry_of(pose, depth_size):
    return FrameGeometry(pose, camera(COLOR), camera(depth_size), np.eye(4))


def covering(visible, size=COLOR):
    """Points of the covered pixels."""
    pixels = splat(visible, size[1], size[0])
    return pixels[pixels != NO_POINT]


def occluded_and_covered(rooms, depth_size, tolerance):
    """Share of covered pixels with an occluded point, of each room; and covered pixels of all."""
    shares, covered = [], 0
    for room in rooms:
        behind = []
        for pose in room.poses:
            depth, _ = room.truth(depth_size, pose)
            geometry = geometry_of(pose, depth_size)
            seen = covering(
                visible_by_depth(room.scan.points, geometry, depth, tolerance=tolerance)
            )
            behind.append(room.behind_first_surface(room.scan.points[seen], pose))
        every = np.concatenate(behind)
        shares.append(float((every > OCCLUDED_M).mean()))
        covered += len(every)
    return shares, covered


@pytest.mark.parametrize("depth_size", [COLOR, (120, 90)])
def test_hardly_a_pixel_gets_an_occluded_point(scanned_rooms, depth_size):
    shares, covered = occluded_and_covered(scanned_rooms, depth_size, DepthTolerance())
    assert max(shares) <= 0.001
    # a fixed tolerance takes many times as many, a coarse one still more
    fixed, with_fixed = occluded_and_covered(
        scanned_rooms, depth_size, DepthTolerance(0.05, local_plane=False)
    )
    coarse, _ = occluded_and_covered(scanned_rooms, depth_size, COARSE_TOLERANCE)
    assert np.mean(fixed) > 20 * np.mean(shares)
    assert np.mean(coarse) > 0.03
    assert covered > 0.85 * with_fixed


def test_sensor_noise_and_holes_at_edges_let_no_occluded_points_through(scanned_rooms):
    rng = np.random.default_rng(0)
    behind, pixels = [], 0
    for room in scanned_rooms:
        for pose in room.poses:
            depth, _ = room.truth(COLOR, pose)
            # of a structured-light sensor (Nguyen et al. 2012); half of the edge pixels fail
            sigma = 0.0012 + 0.0019 * (depth - 0.4) ** 2
            noisy = depth + sigma * rng.standard_normal(depth.shape)
            window = np.ones((3, 3), np.uint8)
            edge = cv2.dilate(depth, window) - cv2.erode(depth, window) > 0.1
            noisy[(edge & (rng.random(depth.shape) < 0.5)) | (depth == 0)] = 0
            geometry = geometry_of(pose, COLOR)
            seen = covering(visible_by_depth(room.scan.points, geometry, np.float32(noisy)))
            behind.append(room.behind_first_surface(room.scan.points[seen], pose))
            pixels += depth.size
    every = np.concatenate(behind)
    assert (every > OCCLUDED_M).mean() <= 0.005
    assert len(every) > 0.04 * pixels


def sampled_surface(scene, spacing, rng):
    """Points on the true surfaces, so and so far apart on average, and their labels."""
    corners = scene.vertices.astype(np.float64)
    sides = corners[:, 1:] - corners[:, :1]
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
    of = rng.choice(len(area), int(area.sum() / spacing**2), p=area / area.sum())
    a, b = rng.random((2, len(of), 1))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    points = corners[of, 0] + a * sides[of, 0] + b * sides[of, 1]
    return points.astype(np.float32), scene.label[of]


def same_around(label, reach):
    """Pixels whose label no pixel within so many columns and rows differs from."""
    window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return (cv2.erode(label, window) == label) & (cv2.dilate(label, window) == label)


def label_agreement(room, points, labels, tolerance):
    """Covered pixels, those away from label edges, and those of them with the point's label."""
    counts = np.zeros(3)
    for pose in room.poses:
        depth, label = room.truth(COLOR, pose)
        visible = visible_by_depth(points, geometry_of(pose, COLOR), depth, tolerance=tolerance)
        pixels = splat(visible, COLOR[1], COLOR[0])
        covered = pixels != NO_POINT
        inner = covered & same_around(label, 2)
        agree = labels[pixels[inner]] == label[inner]
        counts += covered.sum(), inner.sum(), agree.sum()
    return counts


def test_points_of_true_surfaces_carry_the_label_of_their_pixel(scanned_rooms):
    counts = np.zeros(3)
    for room in scanned_rooms:
        points, labels = sampled_surface(room.scene, 0.04, np.random.default_rng(1))
        # Walls go on behind pictures and cupboards, which a tolerance of centimetres lets through.
        counts += label_agreement(room, points, labels, DepthTolerance(0.003))
    assert counts[2] / counts[1] >= 0.999
    assert counts[1] / counts[0] >= 0.8


def test_points_of_scans_carry_the_label_of_their_pixel(scanned_rooms):
    counts = sum(
        label_agreement(room, room.scan.points, room.scan.labels, DepthTolerance())
        for room in scanned_rooms
    )
    assert counts[2] / counts[1] >= 0.999
    assert counts[1] / counts[0] >= 0.8


def test_the_mesh_hides_what_it_has_before_points(scanned_rooms):
    seen_by_mesh, hidden, wrong, covered = 0, 0, 0, 0
    for room in scanned_rooms[:3]:
        surface = SurfaceVisibility(room.scan)
        for pose in room.poses:
            geometry = geometry_of(pose, COLOR)
            visible = surface.visible(geometry)
            points = covering(visible)
            index_map = splat(visible, COLOR[1], COLOR[0])
            hidden += surface.share_occluded(index_map, geometry) * len(points)
            behind = room.behind_first_surface(room.scan.points[points], pose)
            wrong += (behind > OCCLUDED_M).sum()
            seen_by_mesh += len(points)
            depth, _ = room.truth(COLOR, pose)
            covered += len(covering(visible_by_depth(room.scan.points, geometry, depth)))
    assert hidden / seen_by_mesh <= 0.005
    assert 0.8 * covered < seen_by_mesh < 1.3 * covered
    assert wrong / seen_by_mesh < 0.1  # what the scan lacks hides nothing
