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
from training.rendering.render import GroundTruth, Renderer, render_ground_truth
from training.rendering.scene import Scene

_SENSOR = Sensor(vignette=0.0, noise=0.003, blur=0.0)
"""A good one: the data set's panoramas are renderings."""


@dataclass(frozen=True, eq=False)
class Panorama:
    """An equirectangular picture and what is true of it.

    Attributes:
        color: uint8 RGB [h, w, 3].
        truth: labels, instances and distances along the rays, of the same size.
    """

    color: NDArray[np.uint8]
    truth: GroundTruth


def render_panorama(
    scene: Scene, camera: EquirectangularCamera, pose: NDArray[np.float64], rng: Generator
) -> Panorama:
    """Render from a pose (camera to world, 4x4, optical frame, y down); `rng` drives light."""
    radiance = Renderer(scene, rng, pose[:3, 3]).radiance(camera, pose)
    return Panorama(_SENSOR.expose(radiance, rng), render_ground_truth(scene, camera, pose))
