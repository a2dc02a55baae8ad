# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras and the figure that shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.data.intrinsics import Intrinsics

pytest.importorskip("open3d")
pytest.importorskip("plotly")

from training.inspection.cameras import (
    FRUSTUM_M,
    MAX_CAMERAS,
    ahead_direction,
    shown_cameras,
    up_direction,
)
from training.inspection.figure import scene_figure
from training.inspection.prepared_scene import open_scene
from training.inspection.shown_surface import shown_surface


@pytest.fixture(scope="module")
def scene(prepared):
    return open_scene(prepared.folder, "room")


@pytest.fixture(scope="module")
def figure(prepared, scene):
    cameras = shown_cameras(scene, [0, 6])
    surface = shown_surface(prepared.scan, scene.table)
    return scene_figure(surface, cameras, up_direction(scene), None, scene.label_space)


def test_frustums_end_at_the_corners_of_the_image(prepared, scene):
    camera = shown_cameras(scene, [0])[0]
    row = prepared.rows[0]
    seen = (camera.lines - np.array(row.pose).reshape(4, 4)[:3, 3]) @ np.array(row.pose).reshape(
        4, 4
    )[:3, :3]
    matrix = Intrinsics.from_row(row.intrinsics).matrix
    far = seen[np.abs(seen[:, 2] - FRUSTUM_M) < 1e-5]
    pixels = (far @ matrix.T)[:, :2] / far[:, 2:]
    corners = {tuple(p) for p in np.round(pixels, 2).tolist()}
    assert corners >= {(-0.5, -0.5), (119.5, -0.5), (119.5, 89.5), (-0.5, 89.5)}
    roof = corners - {(-0.5, -0.5), (119.5, -0.5), (119.5, 89.5), (-0.5, 89.5)}
    assert len(roof) == 1 and next(iter(roof))[1] < -0.5  # above the image
    np.testing.assert_allclose(camera.place, np.array(row.pose).reshape(4, 4)[:3, 3])


def test_frames_without_a_pose_have_no_camera_and_without_intrinsics_an_axis(scene):
    assert [camera.number for camera in shown_cameras(scene, [0])] == [1, 2, 3, 6, 7]
    rows = [replace(scene.rows[0], intrinsics=None)]
    (camera,) = shown_cameras(replace(scene, rows=rows), [0])
    pose = np.array(rows[0].pose).reshape(4, 4)
    ends = camera.lines[np.isfinite(camera.lines).all(1)]
    np.testing.assert_allclose(ends[1] - ends[0], FRUSTUM_M * pose[:3, 2], atol=1e-6)


def test_many_cameras_are_thinned_but_those_of_shown_frames_stay(scene):
    many = replace(scene, rows=[scene.rows[0]] * 1000)
    cameras = shown_cameras(many, [3, 4])
    assert MAX_CAMERAS <= len(cameras) <= MAX_CAMERAS + 2
    assert [camera.number for camera in cameras if camera.shown] == [4, 5]


def test_up_is_what_is_up_in_the_images(scene):
    assert up_direction(scene).tolist() == [0, 0, 1]
    level = np.eye(4)  # world axes as those of a level camera: y points down
    rows = [replace(scene.rows[0], pose=level.ravel().tolist())]
    assert up_direction(replace(scene, rows=rows)).tolist() == [0, -1, 0]
    tilted = np.eye(4)
    c, s = np.cos(np.deg2rad(40)), np.sin(np.deg2rad(40))
    tilted[1:3, 1:3] = [[c, -s], [s, c]]
    rows = [replace(scene.rows[0], pose=tilted.ravel().tolist())]
    np.testing.assert_allclose(up_direction(replace(scene, rows=rows)), [0, -c, -s])
    assert up_direction(replace(scene, rows=[])).tolist() == [0, 0, 1]


def test_the_view_is_that_of_cameras_that_look_the_same_way(scene):
    up = np.array([0, 0, 1.0])
    assert ahead_direction(scene, up) is None  # all around
    same = replace(scene, rows=scene.rows[:2])
    ahead = ahead_direction(same, up)
    axes = [np.array(row.pose).reshape(4, 4)[:2, 2] for row in same.rows]
    wanted = sum(axes) / np.linalg.norm(sum(axes))
    np.testing.assert_allclose(ahead, [*wanted, 0], atol=1e-6)
    figure = scene_figure(None, shown_cameras(same, [0]), up, ahead, scene.label_space)
    eye = figure.layout.scene.camera.eye
    assert np.dot([eye.x, eye.y], wanted) == pytest.approx(-1.45) and eye.z > 1
    assert ahead_direction(replace(scene, rows=[]), up) is None


def test_the_figure_holds_the_mesh_in_both_kinds_of_colours(prepared, scene, figure):
    mesh = figure.data[0]
    assert mesh.type == "mesh3d" and len(mesh.i) <= 60_000
    points = np.stack([mesh.x, mesh.y, mesh.z], 1)
    np.testing.assert_allclose(points.min(0), prepared.scan.points.min(0), atol=0.1)
    np.testing.assert_allclose(points.max(0), prepared.scan.points.max(0), atol=0.1)
    colors, labels = (
        button.args[0]["vertexcolor"][0] for button in figure.layout.updatemenus[0].buttons
    )
    assert list(mesh.vertexcolor) == list(colors) and len(labels) == len(points)
    floor = "#{:02x}{:02x}{:02x}".format(*scene.label_space.classes[1].color)
    low = points[:, 2] < 0.02
    assert np.mean(np.array(labels)[low] == floor) > 0.5
    assert {mesh.text[k] for k in np.flatnonzero(np.array(labels) == floor)} == {"floor"}


def test_cameras_carry_the_number_of_their_frame(figure):
    markers = [trace for trace in figure.data if trace.customdata is not None]
    assert [list(trace.customdata) for trace in markers] == [[1, 7], [2, 3, 6]]
    assert list(markers[0].text) == ["1", "7"]


def test_the_cut_starts_below_the_ceiling_and_above_the_cameras(prepared, scene, figure):
    low, high = figure.layout.scene.zaxis.range
    cameras = shown_cameras(scene, [0])
    top = prepared.scan.points[:, 2].max()
    assert max(np.nanmax(camera.lines[:, 2]) for camera in cameras) < high < top
    steps = figure.layout.sliders[0].steps
    assert steps[-1].label == "whole" and steps[-1].args[0]["scene.zaxis.range"][1] > top
    active = steps[figure.layout.sliders[0].active]
    assert list(active.args[0]["scene.zaxis.range"]) == pytest.approx([low, high])
    whole = figure.layout.scene
    for step in steps:  # a metre is as long along every axis, at every cut
        ratio = step.args[0]["scene.aspectratio"]
        bottom, cut = step.args[0]["scene.zaxis.range"]
        scale = ratio["z"] / (cut - bottom)
        for name, axis in (("x", whole.xaxis), ("y", whole.yaxis)):
            assert ratio[name] / (axis.range[1] - axis.range[0]) == pytest.approx(scale, rel=1e-4)
        assert scale == pytest.approx(whole.aspectratio.z / (high - low), rel=1e-4)


def test_a_world_whose_y_points_down_is_cut_along_y(prepared, scene):
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]])  # z up to y down
    scan = replace(prepared.scan, points=(prepared.scan.points @ turn.T).astype(np.float32))
    rows = []
    for row in scene.rows:
        if row.pose is not None:
            pose = np.array(row.pose).reshape(4, 4)
            pose[:3] = turn @ pose[:3]
            rows.append(replace(row, pose=pose.ravel().tolist()))
    turned = replace(scene, rows=rows)
    up = up_direction(turned)
    assert up.tolist() == [0, -1, 0]
    surface = shown_surface(scan, scene.table)
    figure = scene_figure(surface, shown_cameras(turned, [0]), up, None, scene.label_space)
    low, high = figure.layout.scene.yaxis.range
    assert scan.points[:, 1].min() < low < high
    assert high == pytest.approx(scan.points[:, 1].max() + 0.02, abs=0.1)
    assert figure.layout.scene.camera.up.to_plotly_json() == {"x": 0, "y": -1, "z": 0}
