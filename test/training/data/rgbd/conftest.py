# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of one wall, the plane z = 2 m, in every layout."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from training.data.intrinsics import Intrinsics

WALL_M = 2.0
VGA = Intrinsics(640, 480, 525.0, 525.0, 319.5, 239.5)
SMALL = Intrinsics(160, 120, 130.0, 131.0, 80.0, 59.0)
BGR = (60, 120, 180)


def wall_pose(k):
    """Camera to world; every frame stands and looks somewhere else."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("yx", [8 * k - 8, 3 * k], degrees=True).as_matrix()
    pose[:3, 3] = [0.1 * k, 0.05, -0.2 * k]
    return pose


@dataclass
class Wall:
    """Writes recordings of three frames; `poses` are those written, camera to world."""

    count: int = 3
    poses: list = field(default_factory=list)

    def __post_init__(self):
        self.poses = [wall_pose(k) for k in range(self.count)]

    def images(self, k, camera, scale=1000.0):
        """PNG files of one frame's colour and depth."""
        directions = camera.rays() @ self.poses[k][:3, :3].T.astype(np.float32)
        depth = (WALL_M - self.poses[k][2, 3]) / directions[:, 2]
        depth = depth.reshape(camera.height, camera.width) * scale
        color = np.full((camera.height, camera.width, 3), BGR, np.uint8)
        return [
            cv2.imencode(".png", image)[1].tobytes()
            for image in (color, np.rint(depth).astype(np.uint16))
        ]

    def seven_scenes(self, folder, camera=SMALL):
        folder.mkdir(parents=True)
        np.savetxt(folder / "camera-intrinsics.txt", camera.matrix)
        for k, pose in enumerate(self.poses):
            color, depth = self.images(k, camera)
            stem = f"frame-{k + 8:06d}"
            (folder / f"{stem}.color.png").write_bytes(color)
            (folder / f"{stem}.depth.png").write_bytes(depth)
            text = "\t\r\n".join("\t ".join(f"{x:.7e}" for x in row) for row in pose)
            (folder / f"{stem}.pose.txt").write_text(text + "\t\r\n")

    def _folders(self, folder, camera, depth_camera=None):
        for name in ("color", "depth"):
            (folder / name).mkdir(parents=True)
        for k in range(self.count):
            (folder / f"color/{k + 8}.png").write_bytes(self.images(k, camera)[0])
            (folder / f"depth/{k + 8}.png").write_bytes(self.images(k, depth_camera or camera)[1])

    def redwood(self, folder, camera=SMALL):
        self._folders(folder, camera)
        lines = []
        for k, pose in enumerate(self.poses):
            lines += [f"{k}\t{k}\t{k + 1}", *("  ".join(map(repr, row)) for row in pose.tolist())]
        (folder / "trajectory.log").write_text("\n".join(lines) + "\n")
        (folder / "camera_intrinsic.json").write_text(json.dumps(self.pinhole(camera)))

    def redwood_json(self, folder, camera=SMALL):
        self._folders(folder, camera)
        parameters = [
            {
                "class_name": "PinholeCameraParameters",
                "extrinsic": np.linalg.inv(pose).T.ravel().tolist(),
                "intrinsic": self.pinhole(camera),
            }
            for pose in self.poses
        ]
        text = json.dumps({"class_name": "PinholeCameraTrajectory", "parameters": parameters})
        (folder / "trajectory.json").write_text(text)

    @staticmethod
    def pinhole(camera):
        return {
            "width": camera.width,
            "height": camera.height,
            "intrinsic_matrix": camera.matrix.T.ravel().tolist(),
        }

    def tum(self, folder, camera=VGA):
        lists = {"rgb": [], "depth": [], "groundtruth": []}
        for name in ("rgb", "depth"):
            (folder / name).mkdir(parents=True)
        for k in range(self.count):
            color, depth = self.images(k, camera, 5000.0)
            time = 1305031102.0 + k / 3
            # The depth image is 12 ms later and its list is shuffled.
            for name, stamp, content in (("rgb", time, color), ("depth", time + 0.012, depth)):
                (folder / f"{name}/{stamp:.6f}.png").write_bytes(content)
                lists[name].insert(0, f"{stamp:.6f} {name}/{stamp:.6f}.png")
            pose = self.poses[k]
            numbers = [*pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat()]
            for stamp in (time - 0.004, time + 0.006):  # the camera stands still between
                lists["groundtruth"].append(f"{stamp:.4f} " + " ".join(f"{x:.9f}" for x in numbers))
        for name, lines in lists.items():
            (folder / f"{name}.txt").write_text("# a remark\n" + "\n".join(lines) + "\n")

    def plain(self, folder, camera=SMALL, depth_camera=None):
        self._folders(folder, camera, depth_camera)
        (folder / "pose").mkdir()
        if depth_camera is None:
            np.savetxt(folder / "intrinsics.txt", camera.matrix)
        else:
            for name, of in (("color", camera), ("depth", depth_camera)):
                matrix = np.eye(4)
                matrix[:3, :3] = of.matrix
                np.savetxt(folder / f"intrinsics_{name}.txt", matrix)
        for k, pose in enumerate(self.poses):
            np.savetxt(folder / f"pose/{k + 8}.txt", pose)

    @staticmethod
    def labels(folder, *names, camera=SMALL):
        """Label images for recordings in plain folders."""
        (folder / "label").mkdir(exist_ok=True)
        label = np.full((camera.height, camera.width), 1, np.uint8)
        label[:9] = 0
        for name in names:
            cv2.imwrite(str(folder / f"label/{name}.png"), label)


@pytest.fixture
def wall():
    return Wall()
