# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing frames in the layout of ScanNet's `scannet_frames_25k` download.

`<root>/scannet_frames_25k/sceneXXXX_00/` holds color/000000.jpg, depth/000000.png (uint16
millimetres, 0 = none), label/000000.png (uint8 NYU-40 ids, 0 = none), instance/000000.png
(uint8, 0 = none), pose/000000.txt (4x4 camera-to-world), intrinsics_color.txt and
intrinsics_depth.txt (4x4). Colour and depth camera stand at one place.
`<root>/splits/{train,val}.txt` name the scenes. `<root>/scans/sceneXXXX_00/` holds the
reconstructed mesh with its annotation and, where asked for, the frames as a recording.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.image_files import write_image
from training.data.intrinsics import Intrinsics
from training.rendering.layout import FurnishedRoom
from training.rendering.layouts.layout import RoomLayout, finished_folder
from training.rendering.layouts.scannet_annotation import (
    write_annotation,
    write_label_table,
    write_summary,
)
from training.rendering.layouts.sens_writer import write_label_archive, write_sens
from training.rendering.mesh import Array
from training.rendering.render import GroundTruth
from training.rendering.room_frames import rendered_frames, room_cameras
from training.rendering.room_job import RoomJob
from training.rendering.scan import scan_room, write_scan

FRAMES_FOLDER = "scannet_frames_25k"
SCANS_FOLDER = "scans"


def write_splits(root: Path, splits: dict[str, list[str]]) -> None:
    """Write one text file of scene names per split."""
    folder = root / "splits"
    folder.mkdir(parents=True, exist_ok=True)
    for name, scenes in splits.items():
        temporary = folder / f".{name}.txt"
        temporary.write_text("".join(f"{scene}\n" for scene in scenes))
        temporary.replace(folder / f"{name}.txt")


class ScanNetLayout(RoomLayout):
    """ScanNet's frames, reconstructed meshes and recordings."""

    registered_depth = False

    def frames_done(self, job: RoomJob) -> bool:
        """Whether the scene's frames are finished."""
        return (job.out / FRAMES_FOLDER / job.name).exists()

    def done(self, job: RoomJob) -> bool:
        """Whether frames, mesh and recording are finished."""
        return (
            self.frames_done(job)
            and (not job.scan or _mesh(job).exists())
            and (not job.sens or _recording(job).exists())
        )

    def write(
        self, job: RoomJob, furnished: FurnishedRoom, rng: np.random.Generator
    ) -> Iterator[int]:
        """Write what is missing of mesh, frames and recording."""
        cameras = room_cameras(job, rng)
        scan_folder = job.out / SCANS_FOLDER / job.name
        if job.scan or job.sens:
            scan_folder.mkdir(parents=True, exist_ok=True)
            write_summary(scan_folder, job.name, job.kind, cameras, job.frames)
        if job.scan and not _mesh(job).exists():
            mesh = scan_room(furnished, job.scan_rng())
            write_annotation(scan_folder, job.name, mesh)
            write_scan(scan_folder, job.name, mesh)
        frames_folder = job.out / FRAMES_FOLDER / job.name
        if not self.frames_done(job):
            with SceneWriter(frames_folder, cameras.color, cameras.depth) as writer:
                for frame in rendered_frames(job, furnished, cameras, rng):
                    writer.add(frame.color, frame.truth, frame.depth, frame.pose, frame.quality)
                    yield 1
        if job.sens and not _recording(job).exists():
            archive = scan_folder / f"{job.name}_2d-label-filt.zip"
            write_label_archive(archive, frames_folder)
            write_sens(_recording(job), frames_folder)

    def finish(self, out: Path, splits: dict[str, list[int]], jobs: Sequence[RoomJob]) -> None:
        """Write the lists of scenes and the table of labels."""
        names = {job.index: job.name for job in jobs}
        write_splits(out, {split: [names[k] for k in rooms] for split, rooms in splits.items()})
        write_label_table(out)


def _mesh(job: RoomJob) -> Path:
    """The last file of a room's mesh that is written."""
    return job.out / SCANS_FOLDER / job.name / f"{job.name}_vh_clean_2.labels.ply"


def _recording(job: RoomJob) -> Path:
    return job.out / SCANS_FOLDER / job.name / f"{job.name}.sens"


class SceneWriter:
    """Writes one scene's frames; its folder is there when the block ends without error."""

    def __init__(self, folder: Path, color: Intrinsics, depth: Intrinsics) -> None:
        self._stack = contextlib.ExitStack()
        self._final = folder
        self._intrinsics = {"color": color, "depth": depth}
        self._count = 0

    def __enter__(self) -> SceneWriter:
        self._folder = self._stack.enter_context(finished_folder(self._final))
        for part in ("color", "depth", "label", "instance", "pose"):
            (self._folder / part).mkdir()
        for name, intrinsics in self._intrinsics.items():
            matrix = np.eye(4)
            matrix[:3, :3] = intrinsics.matrix
            np.savetxt(self._folder / f"intrinsics_{name}.txt", matrix, fmt="%.6f")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(
        self,
        color: NDArray[np.uint8],
        truth: GroundTruth,
        depth: Array,
        pose: NDArray[np.float64],
        quality: int,
    ) -> None:
        """Append a frame.

        Args:
            color: RGB uint8 [h, w, 3].
            truth: labels and instances of the same size.
            depth: float32, metres, of the depth camera's size.
            pose: camera to world, 4x4.
            quality: of the JPEG, 1..100.

        Raises:
            OSError: if it can't be written.
        """
        stem = f"{self._count:06d}"
        folder = self._folder
        millimetres = np.clip(np.rint(depth * 1000), 0, 65535).astype(np.uint16)
        write_image(
            folder / f"color/{stem}.jpg",
            cv2.cvtColor(color, cv2.COLOR_RGB2BGR),
            [cv2.IMWRITE_JPEG_QUALITY, quality],
        )
        write_image(folder / f"depth/{stem}.png", millimetres)
        write_image(folder / f"label/{stem}.png", truth.label)
        # Instance images of ScanNet are 8 bit; what lies beyond shares the last id.
        write_image(
            folder / f"instance/{stem}.png", np.minimum(truth.instance, 255).astype(np.uint8)
        )
        np.savetxt(folder / f"pose/{stem}.txt", pose, fmt="%.6f")
        self._count += 1
