# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of one room, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.intrinsics import Intrinsics
from training.rendering.camera import Sensor, auto_exposure
from training.rendering.layout import FurnishedRoom
from training.rendering.mesh import Array
from training.rendering.render import GroundTruth, Renderer, render_ground_truth
from training.rendering.room_job import RoomJob
from training.rendering.views import choose_views
from training.rendering.walks import NoWayError, image_motion, walk

SHUTTER = 0.3
"""Share of the time between two frames of a recording in which the sensor takes in light."""


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """One picture and what is true of it.

    Attributes:
        color: uint8 RGB [h, w, 3].
        truth: depth, labels and instances of the same size.
        depth: float32, metres along the optical axis, of the depth camera's size; 0 = none.
        pose: camera to world, 4x4.
        quality: of its JPEG, 1..100.
    """

    color: NDArray[np.uint8]
    truth: GroundTruth
    depth: Array
    pose: NDArray[np.float64]
    quality: int


@dataclass(frozen=True)
class RoomCameras:
    """The colour and the depth camera of one room's pictures; they stand at one place.

    Attributes:
        color: of pictures, labels and instances.
        depth: of depth images.
        fov: horizontal field of view of both, radians.
    """

    color: Intrinsics
    depth: Intrinsics
    fov: float


def room_cameras(job: RoomJob, rng: np.random.Generator) -> RoomCameras:
    """Of a room; draws the field of view, so it comes before :func:`rendered_frames`."""
    fov = float(np.deg2rad(62.0 if job.carrier is not None else rng.uniform(52, 76)))
    return RoomCameras(
        Intrinsics.from_fov(*job.size, fov), Intrinsics.from_fov(*job.depth_size, fov), fov
    )


def rendered_frames(
    job: RoomJob, furnished: FurnishedRoom, cameras: RoomCameras, rng: np.random.Generator
) -> Iterator[RenderedFrame]:
    """Render the room's pictures.

    Args:
        job: the room.
        furnished: its shell, furniture and light.
        cameras: from :func:`room_cameras` with the same ``rng``.
        rng: decides views, light and noise.

    Raises:
        NoWayError: if a recording finds no way through the room.
    """
    recording = job.carrier is not None
    if job.carrier is not None:
        try:
            # One pose more, so that the last frame knows where the camera goes.
            poses = walk(furnished, job.carrier, job.frames + 1, cameras.fov, rng)
        except NoWayError as error:
            raise NoWayError(f"{job.name}: {error}") from error
    else:
        poses = choose_views(furnished, job.frames, cameras.fov, rng)
    room = furnished.room
    centre = np.array([room.width / 2, room.depth / 2, room.height * 0.6])
    renderer = Renderer(furnished.scene, rng, centre)
    sensor = Sensor(noise=0.008, vignette=0.15) if recording else Sensor.sample(rng)
    exposure: float | None = None
    motion: tuple[float, float] | None = None
    for k, pose in enumerate(poses[: job.frames]):
        truth = render_ground_truth(furnished.scene, cameras.color, pose)
        depth = truth.depth
        if job.depth_size != job.size:
            depth = render_ground_truth(furnished.scene, cameras.depth, pose).depth
        radiance = renderer.radiance(cameras.color, pose)
        if recording:
            exposure = _follow(exposure, auto_exposure(radiance))
            u, v = image_motion(pose, poses[k + 1], cameras.color.fx)
            motion = (SHUTTER * u, SHUTTER * v)
        color = sensor.expose(radiance, rng, exposure, motion)
        yield RenderedFrame(color, truth, depth, pose, sensor.quality)


def _follow(previous: float | None, wanted: float) -> float:
    """A camera's exposure control: it moves a tenth of the way each frame."""
    return wanted if previous is None else float(previous**0.9 * wanted**0.1)
