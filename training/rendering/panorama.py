# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A room's panorama: what is seen in all directions from one place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.equirectangular import EquirectangularCamera
from training.rendering.camera import Sensor
from training.rendering.mesh import Array
from training.rendering.render import GroundTruth, Renderer, render_ground_truth
from training.rendering.scene import Scene

_SENSOR = Sensor(vignette=0.0, noise=0.003, blur=0.0)
"""A good one: the data set's panoramas are renderings."""

_OVERLAP = 32


@dataclass(frozen=True, eq=False)
class Panorama:
    """An equirectangular picture and what is true of it.

    Attributes:
        color: uint8 RGB [h, w, 3].
        truth: labels, instances and distances along the rays, of the same size.
    """

    color: NDArray[np.uint8]
    truth: GroundTruth


@dataclass(frozen=True)
class _Overlapping:
    """A panorama's camera that repeats some columns beyond either edge.

    The denoiser knows nothing of what lies beyond a picture's edge, which would show as a seam.
    """

    camera: EquirectangularCamera
    columns: int

    @property
    def width(self) -> int:
        return self.camera.width + 2 * self.columns

    @property
    def height(self) -> int:
        return self.camera.height

    @property
    def pixel_angle(self) -> float:
        return self.camera.pixel_angle

    def rays(self, jitter: Array | None = None) -> Array:
        v, u = np.mgrid[0 : self.height, 0 : self.width].reshape(2, -1).astype(np.float64)
        if jitter is not None:
            u, v = u + jitter[:, 0], v + jitter[:, 1]
        return self.camera.directions(u - self.columns, v)


def render_panorama(
    scene: Scene, camera: EquirectangularCamera, pose: NDArray[np.float64], rng: Generator
) -> Panorama:
    """Render from a pose (camera to world, 4x4, optical frame, y down); `rng` drives light."""
    columns = min(_OVERLAP, camera.width // 2)
    wide = Renderer(scene, rng, pose[:3, 3]).radiance(_Overlapping(camera, columns), pose)
    radiance = wide[:, columns:-columns]
    return Panorama(_SENSOR.expose(radiance, rng), render_ground_truth(scene, camera, pose))
