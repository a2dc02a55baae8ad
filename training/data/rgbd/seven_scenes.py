# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The layout of Microsoft's 7-Scenes, which tsdf-fusion and 3DMatch use too.

`frame-000000.color.png` (or .jpg), `.depth.png` and `.pose.txt` side by side, in the recording's
folder or in `rgbd-frames/` below; `camera-intrinsics.txt` (3x3) in the recording's folder or the
one above.

Source: 7-Scenes' page (Shotton et al. 2013, "RGB-D Dataset 7-Scenes"): depth in millimetres, 65535
invalid, not registered to colour, poses of the depth camera; andyzeng/tsdf-fusion.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.defects import DefectError
from training.data.intrinsics import Intrinsics
from training.data.prepare import IMAGE_SUFFIXES
from training.data.rgbd.calibration import (
    KINECT_SIZE,
    Calibration,
    no_intrinsics,
    read_camera,
    size_of_first,
)
from training.data.rgbd.image_folders import in_order, no_color, no_depth
from training.data.rgbd.number_files import read_pose
from training.data.rgbd.recording import Found, RecordedFrame, RecordingLayout

INTRINSICS = "camera-intrinsics.txt"
SEVEN_SCENES = Calibration(
    "7-Scenes: focal lengths as its page (depth) and ACE's setup script (colour) give them, "
    "baseline as there without its rotation",
    color=Intrinsics(*KINECT_SIZE, 525.0, 525.0, 320.0, 240.0),
    depth=Intrinsics(*KINECT_SIZE, 585.0, 585.0, 320.0, 240.0),
    depth_to_color=np.array(
        [
            [1.0, 0, 0, -0.025558943],
            [0, 1.0, 0, 0.000101096],
            [0, 0, 1.0, 0.002031832],
            [0, 0, 0, 1],
        ]
    ),
    poses_of_depth=True,
)
"""The depth camera is that of 7-Scenes' page. Focal length of the colour camera and the place of
one against the other are those of nianticlabs/ace, datasets/setup_7scenes.py, which takes the
latter from another Kinect's calibration at LIRIS. That one's rotation (0.7 degrees) is left out: it
belongs to the principal points of that calibration, which are not the ones here, and with it the
edges of depth and colour miss each other by 7 pixels, without it by less than 2 (see
docs/datasets/rgbd.md)."""


class SevenScenesLayout(RecordingLayout):
    """`frame-N.color.png`, `frame-N.depth.png` and `frame-N.pose.txt`."""

    name = "7-Scenes"

    def matches(self, folder: Path) -> bool:
        """Whether there is a colour image."""
        return any(True for _ in _frames_folder(folder).glob("frame-*.color.*"))

    def find(self, folder: Path) -> Found:
        """Frames by their numbers."""
        found = Found()
        frames = _frames_folder(folder)
        depths = set(frames.glob("frame-*.depth.png"))
        for color in sorted(frames.glob("frame-*.color.*"), key=in_order):
            if color.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            name = color.name.split(".color.")[0]
            depth: Path | None = frames / f"{name}.depth.png"
            if depth not in depths:
                found.note(no_depth(color))
                depth = None
            depths.discard(frames / f"{name}.depth.png")
            pose = None
            try:
                pose = read_pose(frames / f"{name}.pose.txt", name)
            except DefectError as error:
                found.note(error)
            found.frames.append(RecordedFrame(name, color, depth, pose))
        for depth in sorted(depths, key=in_order):
            found.note(no_color(depth), dropped=True)
        return found

    def calibration(self, folder: Path, frames: list[RecordedFrame]) -> Calibration:
        """Of 7-Scenes' sensor, or one camera for colour and depth with other intrinsics.

        Raises:
            DefectError: if the intrinsics are malformed, or there are none and the images are not
                of 7-Scenes' size.
        """
        size = size_of_first(frame.color for frame in frames)
        if size is None:
            return Calibration("no colour image can be read")
        for file in _intrinsics(folder):
            if file.is_file():
                camera = read_camera(file, size)
                # Recordings of 7-Scenes come with their depth camera's matrix.
                if camera == SEVEN_SCENES.depth:
                    return SEVEN_SCENES
                return Calibration(str(file), camera)
        if size != KINECT_SIZE:
            raise no_intrinsics(folder, f"no {INTRINSICS}")
        return SEVEN_SCENES

    def inputs(self, folder: Path) -> list[Path]:
        """The folder of the frames and the camera's files."""
        return [_frames_folder(folder), *_intrinsics(folder)]


def _intrinsics(folder: Path) -> tuple[Path, Path]:
    return folder / INTRINSICS, folder.parent / INTRINSICS


def _frames_folder(folder: Path) -> Path:
    below = folder / "rgbd-frames"
    return below if below.is_dir() else folder
