# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One room from its number to its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.rendering.camera import Intrinsics, Sensor, auto_exposure
from training.rendering.domain import Part
from training.rendering.furniture import Catalogue
from training.rendering.layout import furnish
from training.rendering.render import Renderer, render_ground_truth
from training.rendering.scannet_layout import FRAMES, SceneWriter, scene_name
from training.rendering.trajectory import choose_views, walk


@dataclass(frozen=True)
class RoomJob:
    """Everything that determines one scene's files."""

    out: Path
    index: int
    part: Part
    seed: int
    frames: int
    size: tuple[int, int]
    furniture: Path
    kind: str
    trajectory: bool

    @property
    def folder(self) -> Path:
        """The scene's folder, there once the room is finished."""
        return self.out / FRAMES / scene_name(self.index)


def render_room(job: RoomJob) -> Iterator[int]:
    """Render one room into its scene folder, yielding 1 after each frame."""
    parameters = job.part.generator(job.seed, job.index)
    catalogue = Catalogue.load(job.furniture).for_part(job.part)
    furnished = furnish(job.kind, catalogue, parameters)
    rng = np.random.Generator(parameters.bit_generator)
    fov = float(np.deg2rad(62.0 if job.trajectory else rng.uniform(52, 76)))
    intrinsics = Intrinsics.from_fov(*job.size, fov)
    poses = (walk if job.trajectory else choose_views)(furnished, job.frames, fov, rng)
    room = furnished.room
    centre = np.array([room.width / 2, room.depth / 2, room.height * 0.6])
    renderer = Renderer(furnished.scene, rng, centre)
    sensor = Sensor(noise=0.008, vignette=0.15) if job.trajectory else Sensor.sample(rng)
    exposure: float | None = None
    with SceneWriter(job.out, scene_name(job.index), intrinsics) as writer:
        for pose in poses:
            truth = render_ground_truth(furnished.scene, intrinsics, pose)
            radiance = renderer.radiance(intrinsics, pose)
            if job.trajectory:
                exposure = _follow(exposure, auto_exposure(radiance))
            color = sensor.expose(radiance, rng, exposure)
            writer.add(color, truth, pose, sensor.quality)
            yield 1


def _follow(previous: float | None, wanted: float) -> float:
    """A camera's exposure control: it moves a tenth of the way each frame."""
    return wanted if previous is None else float(previous**0.9 * wanted**0.1)
