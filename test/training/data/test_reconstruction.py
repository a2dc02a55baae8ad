# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reconstructed scenes against the walls that they were computed from, and real sensors' depth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

o3d = pytest.importorskip("open3d")

from training.data.frame_checks import check_frame  # noqa: E402
from training.data.intrinsics import Intrinsics  # noqa: E402
from training.data.manifest import ManifestRow  # noqa: E402
from training.data.open_scan import open_scan  # noqa: E402
from training.data.reconstruction import depth_view, reconstruct  # noqa: E402
from training.data.registry import open_dataset  # noqa: E402
from training.data.tsdf_fusion import FusionError  # noqa: E402

COLOR = Intrinsics(160, 120, 120.0, 120.0, 79.5, 59.5)
DEPTH = Intrinsics(128, 96, 110.0, 110.0, 63.5, 47.5)
SHIFT = np.eye(4)
SHIFT[:3, 3] = [-0.1, 0.0, 0.0]  # the depth camera stands to the left
WALL_M = 1.5
EDGE_M = 0.13
"""Of the world's x: the wall is red below it and blue above."""


def color_image(camera, pose, box=None):
    """What a colour camera with its axes along the world's sees of the wall, BGR."""
    x = pose[0, 3] + camera.rays()[:, 0] * WALL_M
    image = np.where((x < EDGE_M)[:, None], (0, 0, 255), (255, 0, 0))
    if box is not None:
        near = pose[0, 3] + camera.rays()[:, 0] * box[2]
        image[(near > box[0]) & (near < box[1])] = (0, 255, 0)
    return image.reshape(camera.height, camera.width, 3).astype(np.uint8)


def wall_rows(tmp_path, places, depth_camera=DEPTH, depth_to_color=SHIFT):
    """Frames before the wall z = 1.5 m, with separate cameras."""
    rows = []
    for k, x in enumerate(places):
        pose = np.eye(4)
        pose[0, 3] = x
        cv2.imwrite(str(tmp_path / f"{k}.png"), color_image(COLOR, pose))
        depth = np.full((depth_camera.height, depth_camera.width), 1000 * WALL_M, np.uint16)
        depth[:3] = 65535
        depth[3:5] = 0
        cv2.imwrite(str(tmp_path / f"{k}.depth.png"), depth)
        rows.append(
            ManifestRow(
                f"{k}.png",
                None,
                "wall",
                "train",
                None,
                depth=f"{k}.depth.png",
                depth_invalid=[0, 65535],
                pose=pose.ravel().tolist(),
                intrinsics=COLOR.row(),
                depth_intrinsics=depth_camera.row(),
                depth_to_color=depth_to_color.ravel().tolist(),
            )
        )
    return rows


def test_a_wall_is_where_it_was_and_has_its_colours(tmp_path):
    scan = reconstruct(wall_rows(tmp_path, [0.0, 0.05, 0.1]), tmp_path)
    assert scan.labels is None
    assert scan.faces is not None
    assert np.abs(scan.points[:, 2] - WALL_M).max() < 0.01
    # The depth camera sees the wall from its own place, to the left.
    left = 0.0 - 0.1 - 63.5 / 110 * WALL_M
    assert abs(scan.points[:, 0].min() - left) < 0.05
    # The border between the colours is where the colour camera saw it; without the shift between
    # the cameras it would be 10 cm away.
    red = scan.points[scan.colors[:, 0] > 200, 0]
    blue = scan.points[scan.colors[:, 2] > 200, 0]
    assert EDGE_M - 0.03 < red.max() < EDGE_M < blue.min() < EDGE_M + 0.03
    # Rows without a measurement: the top five of the depth image.
    top = (5 - 47.5) / 110 * WALL_M
    assert top - 0.01 < scan.points[:, 1].min() < top + 0.05


def test_one_frame_is_enough_and_the_same_files_give_the_same_points(tmp_path):
    rows = wall_rows(tmp_path, [0.0])
    first, second = reconstruct(rows, tmp_path), reconstruct(rows, tmp_path)
    assert len(first.points) > 1000
    np.testing.assert_array_equal(first.points, second.points)
    np.testing.assert_array_equal(first.colors, second.colors)
    np.testing.assert_array_equal(first.faces, second.faces)


def test_what_a_nearer_thing_hides_from_the_colour_camera_has_no_colour(tmp_path):
    """A bar, green, before the wall: each camera sees another part of the wall behind it."""
    bar = (-0.12, 0.08, 0.75)
    (row,) = wall_rows(tmp_path, [0.0])
    cv2.imwrite(str(tmp_path / row.image), color_image(COLOR, np.eye(4), bar))
    rays = DEPTH.rays()
    near = -0.1 + rays[:, 0] * bar[2]
    depth = np.where((near > bar[0]) & (near < bar[1]), bar[2], WALL_M).reshape(96, 128)
    cv2.imwrite(str(tmp_path / row.depth), (1000 * depth).astype(np.uint16))
    view = depth_view(row, tmp_path)
    x = (-0.1 + rays[:, 0] * depth.ravel()).reshape(96, 128)
    # Of the wall, what lies behind the bar for the colour camera, which stands at 0.
    hidden = (depth > 1) & (x > bar[0] * WALL_M / bar[2]) & (x < bar[1] * WALL_M / bar[2])
    assert hidden.sum() > 500
    assert not view.seen[hidden].any()
    assert view.seen[(depth < 1) & (x > bar[0] + 0.02) & (x < bar[1] - 0.02)].mean() > 0.99
    # No wall turns green, and no bar turns red or blue, but for pixels that mix.
    green = (view.color[..., 1] > 0.6) & view.seen
    assert (depth[green] < 1).all()
    assert view.seen[(depth > 1) & ~hidden].mean() > 0.9


def test_registered_depth_takes_the_colours_as_they_are(tmp_path):
    (row,) = wall_rows(tmp_path, [0.0], COLOR, np.eye(4))
    row = replace(row, depth_intrinsics=None, depth_to_color=None)
    view = depth_view(row, tmp_path)
    image = cv2.imread(str(tmp_path / row.image))[..., ::-1]
    np.testing.assert_array_equal(view.color, image.astype(np.float32) / 255)
    assert view.seen[5:].all()
    assert not view.seen[:5].any()
    # The way through the projection gives the same.
    other = depth_view(replace(row, depth_to_color=np.eye(4).ravel().tolist()), tmp_path)
    np.testing.assert_array_equal(other.seen, view.seen)
    np.testing.assert_allclose(other.color[5:], view.color[5:], atol=2e-3)


def test_frames_that_lack_something_add_nothing(tmp_path):
    rows = wall_rows(tmp_path, [0.0, 0.05, 0.1, 0.15])
    (tmp_path / rows[0].image).write_bytes(b"no image")
    rows[1] = replace(rows[1], pose=[float("-inf")] * 16)
    rows[2] = replace(rows[2], depth=None)
    alone = reconstruct(rows[3:], tmp_path)
    np.testing.assert_array_equal(reconstruct(rows, tmp_path).points, alone.points)
    with pytest.raises(FusionError, match="no frame has depth, a pose and intrinsics"):
        reconstruct(rows[:3], tmp_path)
    (tmp_path / rows[3].depth).write_bytes(
        cv2.imencode(".png", np.zeros((4, 4), np.uint16))[1].tobytes()
    )
    with pytest.raises(FusionError, match="and can be read"):
        reconstruct(rows, tmp_path)


@pytest.mark.parametrize("refused", ["8 bits", "three channels", "another size"])
def test_depth_that_prepare_refuses_is_in_no_mesh(refused, tmp_path):
    rows = wall_rows(tmp_path, [0.0, 0.05], COLOR, np.eye(4))
    rows = [replace(row, depth_intrinsics=None, depth_to_color=None) for row in rows]
    depth = np.full((120, 160), 180, np.uint16)  # a wall at 18 cm
    image = {
        "8 bits": depth.astype(np.uint8),
        "three channels": np.stack([depth] * 3, -1),
        "another size": depth[:, :-8],
    }[refused]
    assert cv2.imwrite(str(tmp_path / rows[0].depth), image)
    inside = replace(
        rows[0], image=str(tmp_path / rows[0].image), depth=str(tmp_path / rows[0].depth)
    )
    checked, _ = check_frame(inside, frozenset(), 0)
    assert checked.depth is None
    alone = reconstruct(rows[1:], tmp_path)
    np.testing.assert_array_equal(reconstruct(rows, tmp_path).points, alone.points)


def cast_depth(scan, row):
    """The reconstruction's depth as the row's depth camera would see it; inf = none."""
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(o3d.core.Tensor(scan.points), o3d.core.Tensor(scan.faces.astype(np.uint32)))
    camera = Intrinsics.from_row(row.depth_intrinsics or row.intrinsics)
    pose = np.array(row.pose).reshape(4, 4)
    if row.depth_to_color is not None:
        pose = pose @ np.array(row.depth_to_color).reshape(4, 4)
    directions = camera.rays() @ pose[:3, :3].T.astype(np.float32)
    origins = np.broadcast_to(pose[:3, 3].astype(np.float32), directions.shape)
    rays = o3d.core.Tensor(np.concatenate([origins, directions], -1))
    hits = scene.cast_rays(rays)["t_hit"].numpy()
    return hits.reshape(camera.height, camera.width)


@pytest.mark.parametrize("name", ["kitchen_rgbd", "living_room_rgbd"])
def test_reconstructions_of_real_recordings_agree_with_the_sensors_depth(
    name, recordings, tmp_path
):
    folder = recordings / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in {recordings}")
    if name == "kitchen_rgbd":  # every fourth of its first frames
        few = tmp_path / name / "rgbd-frames"
        few.mkdir(parents=True)
        for number in range(150, 170, 4):
            for path in (folder / "rgbd-frames").glob(f"frame-{number:06d}.*"):
                (few / path.name).symlink_to(path)
        (few.parent / "camera-intrinsics.txt").symlink_to(folder / "camera-intrinsics.txt")
        folder = few.parent
    prepared = open_dataset("rgbd", folder).prepare_scene(name, "train", tmp_path / "out")
    assert prepared.defects == []
    assert len(prepared.rows) == 5
    scan = open_scan(tmp_path, prepared.scan)
    for row in (prepared.rows[0], prepared.rows[-1]):
        raw = cv2.imread(row.depth, cv2.IMREAD_UNCHANGED)
        valid = ~np.isin(raw, row.depth_invalid)
        hits = cast_depth(scan, row)[valid]
        met = np.isfinite(hits)
        assert met.mean() > 0.8
        assert np.median(np.abs(hits - raw[valid] / row.depth_scale)[met]) < 0.02
