# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A small 2D-3D-S written by hand: one empty box of a room in each area, with a board on a wall.

The room is 4 x 3 x 2.5 m; its depth images are exact, from the rays through the pixels' centres.
"""

from __future__ import annotations

import json

import cv2
import numpy as np

SIZE = np.array([4.0, 3.0, 2.5])
NAMES = ["<UNK>_0_<UNK>_0_0"]
FACES = {}  # (axis, side) -> class
for _face, _kind in (
    ((2, 0), "floor"),
    ((2, 1), "ceiling"),
    ((0, 0), "wall"),
    ((0, 1), "wall"),
    ((1, 0), "wall"),
    ((1, 1), "wall"),
):
    FACES[_face] = _kind
IDS = {"ceiling": 0, "floor": 1, "wall": 2, "board": 11}
INDEX = {"ceiling": 258, "floor": 3, "wall": 70000, "board": 1}
"""Rows of the list, chosen to need one, two and three bytes."""
CORNER = {1: (10, 20, 0), 2: (0, 0, 0), 3: (-30, 5, 0), 4: (2, 2, 1), 5: (-7, 9, 0), 6: (0, 40, 0)}
"""Where the room's corner lies in each area."""


def names():
    """The list of labels."""
    found = ["<UNK>_0_<UNK>_0_0"] * 70001
    for kind, row in INDEX.items():
        found[row] = f"{kind}_1_office_1_1"
    return found


def color_of(row):
    return (row >> 16, row >> 8 & 255, row & 255)


def world_to_camera(place, yaw, pitch):
    """3x4: x right, y down, z forward; yaw about z from +x, pitch upwards."""
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    rotation = np.stack([right, np.cross(forward, right), forward])
    return np.concatenate([rotation, (-rotation @ place)[:, None]], 1)


def see(rt, k, size):
    """Depth along the axis, metres, and row of the list, for each pixel's centre."""
    v, u = np.mgrid[0:size, 0:size] + 0.5
    rays = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], np.ones_like(u)], -1)
    rays = rays @ rt[:, :3]
    place = -rt[:, :3].T @ rt[:, 3]
    with np.errstate(divide="ignore"):
        times = np.where(rays > 0, (SIZE - place) / rays, -place / rays)
    axis = times.argmin(-1)
    depth = times.min(-1)
    side = (np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0).astype(int)
    row = np.zeros(depth.shape, int)
    for (a, s), kind in FACES.items():
        row[(axis == a) & (side == s)] = INDEX[kind]
    hit = place + rays * depth[..., None]
    board = (axis == 0) & (side == 1) & (hit[..., 1] > 1) & (hit[..., 1] < 2)
    row[board & (hit[..., 2] > 1) & (hit[..., 2] < 2)] = INDEX["board"]
    return depth, row


def cloud(step=0.08):
    """Points by class and number."""
    rng = np.random.default_rng(0)
    parts = {}
    numbers = dict.fromkeys(IDS, 0)
    for (axis, side), kind in FACES.items():
        others = [k for k in range(3) if k != axis]
        grid = np.stack(
            np.meshgrid(*(np.arange(step / 2, SIZE[k], step) for k in others), indexing="ij"), -1
        ).reshape(-1, 2)
        points = np.empty((len(grid), 3))
        points[:, axis] = side * SIZE[axis]
        points[:, others] = grid
        on_board = np.zeros(len(points), bool)
        if (axis, side) == (0, 1):
            on_board = ((points[:, 1:] > 1) & (points[:, 1:] < 2)).all(1)
            parts["board_1"] = points[on_board]
        numbers[kind] += 1
        parts[f"{kind}_{numbers[kind]}"] = points[~on_board]
    return {
        name: np.concatenate([p, rng.integers(0, 256, (len(p), 3))], 1) for name, p in parts.items()
    }


def write_images(data, area, frames, size=48, seed=0):
    """Files of one room's frames; poses of area_5b are in its own frame."""
    rng = np.random.default_rng([seed, area])
    corner = np.array(CORNER[area], float)
    for kind in ("rgb", "depth", "semantic", "pose"):
        (data / kind).mkdir(parents=True, exist_ok=True)
    k = np.array([[0.6 * size, 0, size / 2], [0, 0.6 * size, size / 2], [0, 0, 1]])
    stems = []
    for frame in range(frames):
        place = rng.uniform(0.3, 0.7, 3) * SIZE
        rt = world_to_camera(place, rng.uniform(-3, 3), rng.uniform(-0.5, 0.5))
        depth, row = see(rt, k, size)
        rotation, place = rt[:, :3], place + corner
        if data.parent.name == "area_5b":  # x = y' - 4.097, y = 6.226 - x'
            place = np.array([6.22617759 - place[1], place[0] + 4.09703582, place[2]])
            rotation = np.stack([-rotation[:, 1], rotation[:, 0], rotation[:, 2]], 1)
        stem = f"camera_{seed:031x}{area}_office_1_frame_{frame}_domain"
        stems.append(stem)
        image = rng.integers(0, 256, (size, size, 3)).astype(np.uint8)
        cv2.imwrite(str(data / "rgb" / f"{stem}_rgb.png"), image)
        steps = np.rint(depth * 512).astype(np.uint16)
        steps[0, 0] = 65535
        cv2.imwrite(str(data / "depth" / f"{stem}_depth.png"), steps)
        semantic = np.stack([row & 255, row >> 8 & 255, row >> 16], -1).astype(np.uint8)
        semantic[0, 0] = 0x0D
        cv2.imwrite(str(data / "semantic" / f"{stem}_semantic.png"), semantic)
        fields = {
            "camera_k_matrix": k.tolist(),
            "camera_rt_matrix": np.concatenate(
                [rotation, (-rotation @ place)[:, None]], 1
            ).tolist(),
            "camera_location": place.tolist(),
            "frame_num": frame,
            "room": f"office_1_{area}",
        }
        (data / "pose" / f"{stem}_pose.json").write_text(json.dumps(fields))
    return stems


def write_cloud(area_folder, area, room="office_1"):
    """The room's clouds."""
    folder = area_folder / room / "Annotations"
    folder.mkdir(parents=True)
    for name, points in cloud().items():
        moved = points + np.array([*CORNER[area], 0, 0, 0])
        np.savetxt(folder / f"{name}.txt", moved, fmt="%.6f")
    return folder
