# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One room from its number to its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.rendering.camera import Intrinsics, Sensor, auto_exposure
from training.rendering.domain import Part
from training.rendering.furniture import Catalogue
from training.rendering.layout import FurnishedRoom, furnish
from training.rendering.pieces import made_in_code
from training.rendering.render import Renderer, render_ground_truth
from training.rendering.scan import scan_room, write_scan
from training.rendering.scannet_layout import (
    FRAMES,
    SCANS,
    SceneWriter,
    finished_folder,
    scene_name,
)
from training.rendering.scene import THREADS
from training.rendering.views import choose_views
from training.rendering.walks import NoWayError, image_motion, walk

SHUTTER = 0.3
"""Share of the time between two frames of a recording in which the sensor takes in light."""


@dataclass(frozen=True)
class RoomJob:
    """Everything that determines one scene's files.

    Attributes:
        out: folder of the data set.
        index: number of the room.
        part: domain and split, whose models and parameters it uses.
        seed: of the data set.
        frames: number of them.
        size: width and height of pictures, labels and instances.
        furniture: folder of the models.
        kind: of room.
        carrier: of the camera in a recording; None for single views.
        scan: whether to reconstruct the room's mesh too.
        depth_size: width and height of depth images.
    """

    out: Path
    index: int
    part: Part
    seed: int
    frames: int
    size: tuple[int, int]
    furniture: Path
    kind: str
    carrier: str | None
    scan: bool
    depth_size: tuple[int, int]

    @property
    def name(self) -> str:
        """ScanNet's name of the scene."""
        return scene_name(self.index)

    @property
    def folder(self) -> Path:
        """The scene's frames, there once they are finished."""
        return self.out / FRAMES / self.name

    @property
    def scan_folder(self) -> Path:
        """The scene's reconstructed mesh, there once it is finished."""
        return self.out / SCANS / self.name

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.folder.exists() and (self.scan_folder.exists() or not self.scan)


def render_room(job: RoomJob) -> Iterator[int]:
    """Make what is missing of one room's files, yielding 1 after each frame."""
    # OpenCV rounds differently on several threads, and the same seed must give the same bytes.
    cv2.setNumThreads(THREADS)
    parameters = job.part.generator(job.seed, job.index)
    catalogue = Catalogue.load(job.furniture).for_part(job.part, made_in_code())
    furnished = furnish(job.kind, catalogue, parameters)
    if job.scan and not job.scan_folder.exists():
        with finished_folder(job.scan_folder) as folder:
            rng = np.random.default_rng([job.seed, job.index, 0x5CA])
            write_scan(folder, job.name, scan_room(furnished, rng))
    if not job.folder.exists():
        yield from _render_frames(job, furnished, np.random.Generator(parameters.bit_generator))


def _render_frames(
    job: RoomJob, furnished: FurnishedRoom, rng: np.random.Generator
) -> Iterator[int]:
    recording = job.carrier is not None
    fov = float(np.deg2rad(62.0 if recording else rng.uniform(52, 76)))
    intrinsics = Intrinsics.from_fov(*job.size, fov)
    depth_intrinsics = Intrinsics.from_fov(*job.depth_size, fov)
    if job.carrier is not None:
        try:
            # One pose more, so that the last frame knows where the camera goes.
            poses = walk(furnished, job.carrier, job.frames + 1, fov, rng)
        except NoWayError as error:
            raise NoWayError(f"{job.name}: {error}") from error
    else:
        poses = choose_views(furnished, job.frames, fov, rng)
    room = furnished.room
    centre = np.array([room.width / 2, room.depth / 2, room.height * 0.6])
    renderer = Renderer(furnished.scene, rng, centre)
    sensor = Sensor(noise=0.008, vignette=0.15) if recording else Sensor.sample(rng)
    exposure: float | None = None
    motion: tuple[float, float] | None = None
    with SceneWriter(job.folder, intrinsics, depth_intrinsics) as writer:
        for k, pose in enumerate(poses[: job.frames]):
            truth = render_ground_truth(furnished.scene, intrinsics, pose)
            depth = truth.depth
            if job.depth_size != job.size:
                depth = render_ground_truth(furnished.scene, depth_intrinsics, pose).depth
            radiance = renderer.radiance(intrinsics, pose)
            if recording:
                exposure = _follow(exposure, auto_exposure(radiance))
                u, v = image_motion(pose, poses[k + 1], intrinsics.focal)
                motion = (SHUTTER * u, SHUTTER * v)
            color = sensor.expose(radiance, rng, exposure, motion)
            writer.add(color, truth, depth, pose, sensor.quality)
            yield 1


def _follow(previous: float | None, wanted: float) -> float:
    """A camera's exposure control: it moves a tenth of the way each frame."""
    return wanted if previous is None else float(previous**0.9 * wanted**0.1)
