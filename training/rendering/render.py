# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Ray casting of a scene: exact depth, labels and instances, and denoised one-bounce lighting.

Light at a surface point is one shadow-ray sample of the lamps, windows and sun, plus one bounce
ray (diffuse, cosine-weighted, or mirrored by Schlick's share of glossy surfaces). Light that has
bounced more often enters as a constant measured per room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyoidn
from numpy.random import Generator
from numpy.typing import NDArray

from training.rendering.mesh import Array, dot, length
from training.rendering.rooms_error import RoomsError
from training.rendering.scene import THREADS, Scene
from training.rendering.surface_points import surface_points

_EPSILON = 2e-3
_NEAREST_LIGHT = 0.15


class Camera(Protocol):
    """Where a camera's pixels look: of a pinhole camera, or a panorama's."""

    @property
    def width(self) -> int:
        """Of its images, pixels."""

    @property
    def height(self) -> int:
        """Of its images, pixels."""

    @property
    def pixel_angle(self) -> float:
        """Angle between neighbouring pixels, radians."""

    def rays(self, jitter: Array | None = None) -> Array:
        """Directions in the camera's frame, float32 [h * w, 3]; `jitter` [h * w, 2] in pixels."""


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What a pixel's central ray meets; 0 everywhere where it meets nothing.

    Attributes:
        depth: float32 [h, w], metres along the optical axis; in panoramas along the ray.
        label: uint8 [h, w], NYU-40 ids.
        instance: uint16 [h, w].
    """

    depth: Array
    label: NDArray[np.uint8]
    instance: NDArray[np.uint16]


def _world_rays(
    camera: Camera, pose: NDArray[np.float64], jitter: Array | None
) -> tuple[Array, Array]:
    directions = camera.rays(jitter) @ pose[:3, :3].T.astype(np.float32)
    origins = np.broadcast_to(pose[:3, 3].astype(np.float32), directions.shape)
    return origins, directions


def render_ground_truth(scene: Scene, camera: Camera, pose: NDArray[np.float64]) -> GroundTruth:
    """Depth, labels and instances through the pixel centres."""
    hits = scene.cast(*_world_rays(camera, pose, None))
    shape = (camera.height, camera.width)
    met = hits.triangle >= 0
    # Directions have unit z in the optical frame, or unit length in panoramas: depth counts in it.
    depth = np.where(met, hits.distance, 0).astype(np.float32)
    label = np.where(met, scene.label[hits.triangle], 0).astype(np.uint8)
    instance = np.where(met, scene.instance[hits.triangle], 0).astype(np.uint16)
    return GroundTruth(depth.reshape(shape), label.reshape(shape), instance.reshape(shape))


def render_flat(scene: Scene, camera: Camera, pose: NDArray[np.float64]) -> Array:
    """Colours without light, a little darker where slanted: sRGB 0 to 1, float32 [h, w, 3]."""
    origins, directions = _world_rays(camera, pose, None)
    hits = scene.cast(origins, directions)
    s = surface_points(scene, hits, origins, directions, camera.pixel_angle)
    color = np.zeros((camera.height * camera.width, 3), np.float32)
    towards = np.abs(dot(s.normal, directions[s.rows])) / length(directions[s.rows])
    color[s.rows] = (s.albedo * (0.5 + 0.5 * towards)[:, None]).clip(0, 1) ** (1 / 2.2)
    return color.reshape(camera.height, camera.width, 3)


class Renderer:
    """Renders radiance images of one scene; `rng` drives every random choice."""

    def __init__(self, scene: Scene, rng: Generator, centre: NDArray[np.float64]) -> None:
        self._scene = scene
        self._rng = rng
        power = [
            float(light.radiance.mean() * np.linalg.norm(np.cross(light.edge_u, light.edge_v)))
            for light in scene.lights
        ]
        if scene.sun is not None:
            power.append(max(0.35 * sum(power), 1e-3))
        self._chance = np.array(power) / max(sum(power), 1e-9)
        self._ambient = np.zeros(3, np.float32)
        self._ambient = self._measure_ambient(centre)

    def radiance(self, camera: Camera, pose: NDArray[np.float64], samples: int = 2) -> Array:
        """Linear radiance, denoised, float32 [h, w, 3]."""
        count = camera.width * camera.height
        color, albedo, normal = (np.zeros((count, 3), np.float32) for _ in range(3))
        for k in range(samples):
            jitter: Array = self._rng.random((count, 2), np.float32)
            # Strata along both diagonals keep two samples apart.
            jitter = ((jitter + k) / samples - 0.5).astype(np.float32)
            if k % 2:
                jitter[:, 1] = -jitter[:, 1]
            c, a, n = self._trace(camera, pose, jitter)
            color += c / samples
            albedo += a / samples
            normal += n / samples
        shape = (camera.height, camera.width, 3)
        return _denoise(color.reshape(shape), albedo.reshape(shape), normal.reshape(shape))

    def _trace(
        self, camera: Camera, pose: NDArray[np.float64], jitter: Array
    ) -> tuple[Array, Array, Array]:
        origins, directions = _world_rays(camera, pose, jitter)
        hits = self._scene.cast(origins, directions)
        color, albedo, normal = (np.zeros_like(directions) for _ in range(3))
        missed = hits.triangle < 0
        color[missed] = self._sky(directions[missed])
        albedo[missed] = np.minimum(color[missed], 1.0)
        s = surface_points(self._scene, hits, origins, directions, camera.pixel_angle)
        toward = -directions[s.rows]
        toward = toward / length(toward)[:, None]
        cosine = np.clip(dot(s.normal, toward), 0, 1)
        fresnel = np.where(s.gloss > 0, s.gloss + (1 - s.gloss) * 0.6 * (1 - cosine) ** 5, 0.0)
        chance = np.where(s.gloss > 0, np.clip(fresnel, 0.15, 0.85), 0.0)
        mirrored = self._rng.random(len(chance)) < chance
        bounce = np.where(
            mirrored[:, None],
            2 * cosine[:, None] * s.normal
            - toward
            + np.float32(0.03) * self._rng.standard_normal(s.normal.shape, np.float32),
            self._cosine_directions(s.normal),
        ).astype(np.float32)
        start = s.point + s.normal * _EPSILON
        second = self._scene.cast(start, bounce)
        incoming = np.zeros_like(start)
        gone = second.triangle < 0
        # Light through windows reaches diffuse surfaces by shadow rays already.
        incoming[gone] = np.where(mirrored[gone, None], self._sky(bounce[gone]), 0)
        t = surface_points(self._scene, second, start, bounce, 0.05)
        lamp = np.where(mirrored[t.rows, None], t.emission[:, None] * t.albedo, 0)
        incoming[t.rows] = t.albedo * (self._direct(t.point, t.normal) + self._ambient) + lamp
        incoming = np.minimum(incoming, 8.0)
        metal = np.clip((s.gloss - 0.2) / 0.3, 0, 1)[:, None]
        tint = (1 - metal) + metal * s.albedo / np.maximum(s.albedo.max(-1, keepdims=True), 1e-3)
        weight = np.where(
            mirrored[:, None],
            tint * (fresnel / np.maximum(chance, 1e-6))[:, None],
            s.albedo * ((1 - fresnel) / (1 - chance))[:, None],
        )
        direct = self._direct(s.point, s.normal) * s.albedo * (1 - fresnel)[:, None]
        color[s.rows] = direct + weight * incoming + s.emission[:, None] * s.albedo
        albedo[s.rows] = np.clip(s.albedo + s.emission[:, None], 0, 1)
        normal[s.rows] = s.normal
        return color, albedo, normal

    def _direct(self, points: Array, normals: Array) -> Array:
        """Reflected radiance of a white surface lit by one sampled light, [n, 3]."""
        scene = self._scene
        result = np.zeros_like(points)
        if len(self._chance) == 0 or len(points) == 0:
            return result
        chosen = self._rng.choice(len(self._chance), len(points), p=self._chance)
        start = points + normals * _EPSILON
        way = np.zeros_like(points)
        arriving = np.zeros_like(points)
        for k, light in enumerate(scene.lights):
            rows = np.nonzero(chosen == k)[0]
            uv = self._rng.random((len(rows), 2), np.float32)
            spot = light.corner + uv[:, :1] * light.edge_u + uv[:, 1:] * light.edge_v
            cross = np.cross(light.edge_u, light.edge_v)
            area = float(np.linalg.norm(cross))
            delta = spot - start[rows]
            square = np.maximum(dot(delta, delta), _NEAREST_LIGHT**2)
            unit = delta / np.sqrt(square)[:, None]
            facing = np.maximum(-unit @ (cross / area), 0)
            lit = np.maximum(dot(unit, normals[rows]), 0)
            geometry = facing * lit * area / (np.pi * square) / self._chance[k]
            arriving[rows] = geometry[:, None] * light.radiance
            way[rows] = delta * 0.995
        if scene.sun is not None:
            rows = np.nonzero(chosen == len(scene.lights))[0]
            blur = self._rng.standard_normal((len(rows), 3), np.float32)
            direction = scene.sun.direction + np.float32(0.01) * blur
            lit = np.maximum(dot(direction, normals[rows]), 0)
            arriving[rows] = (lit / np.pi / self._chance[-1])[:, None] * scene.sun.irradiance
            wall = np.where(direction > 0, scene.sun.high, scene.sun.low) - start[rows]
            reach = (wall / np.where(np.abs(direction) < 1e-6, 1e-6, direction)).min(-1)
            way[rows] = direction * np.maximum(reach, 0)[:, None]
        active = np.nonzero(arriving.max(-1) > 1e-5)[0]
        if len(active):
            hidden = scene.blocked(start[active], way[active], np.ones(len(active), np.float32))
            result[active] = np.where(hidden[:, None], 0, arriving[active])
        return result

    def _sky(self, directions: Array) -> Array:
        image = self._scene.environment
        d = directions / np.maximum(length(directions), 1e-6)[:, None]
        row = (0.5 - np.arcsin(np.clip(d[:, 2], -1, 1)) / np.pi) * image.shape[0]
        column = (np.arctan2(d[:, 1], d[:, 0]) / (2 * np.pi) + 0.5) * image.shape[1]
        return image[
            np.clip(row.astype(int), 0, image.shape[0] - 1),
            np.clip(column.astype(int), 0, image.shape[1] - 1),
        ]

    def _cosine_directions(self, normals: Array) -> Array:
        sphere = self._rng.standard_normal(normals.shape, np.float32)
        sphere /= np.maximum(length(sphere), 1e-6)[:, None]
        return normals * np.float32(1.001) + sphere

    def _measure_ambient(self, centre: NDArray[np.float64]) -> Array:
        """Radiance of light that bounced twice or more, were it spread evenly in the room."""
        directions = self._rng.standard_normal((3000, 3)).astype(np.float32)
        origins = np.broadcast_to(centre.astype(np.float32), directions.shape)
        s = surface_points(
            self._scene, self._scene.cast(origins, directions), origins, directions, 0.02
        )
        if len(s.rows) == 0:
            return np.zeros(3, np.float32)
        first = (self._direct(s.point, s.normal) * s.albedo).mean(0)
        reflectance = np.clip(s.albedo.mean(0), 0.05, 0.8)
        return (first / (1 - reflectance)).astype(np.float32)


_device: pyoidn.Device | None = None


def _denoise(color: Array, albedo: Array, normal: Array) -> Array:
    """Intel Open Image Denoise on THREADS threads; the same input gives the same output."""
    global _device  # noqa: PLW0603 - the device takes 0.1 s to make and serves every frame
    if _device is None:
        _device = pyoidn.Device(pyoidn.OIDN_DEVICE_TYPE_CPU)
        _device.set_int("numThreads", THREADS)
        _device.set_bool("setAffinity", False)
        _device.commit()
    result = np.empty_like(color)
    images = [np.ascontiguousarray(image, np.float32) for image in (color, albedo, normal)]
    with pyoidn.Filter(_device, pyoidn.OIDN_FILTER_TYPE_RT) as denoiser:
        for name, image in zip(("color", "albedo", "normal"), images, strict=True):
            denoiser.set_image(name, image, pyoidn.OIDN_FORMAT_FLOAT3)
        denoiser.set_image("output", result, pyoidn.OIDN_FORMAT_FLOAT3)
        denoiser.set_bool("hdr", True)
        # less than half the time of the best quality; the sensor's noise comes on top anyway
        denoiser.set_int("quality", pyoidn.OIDN_QUALITY_FAST)
        denoiser.commit()
        denoiser.execute()
        message = _device.get_error()
    if message is not None:
        raise RoomsError(f"the denoiser (pyoidn) failed: {message}; install it again")
    return result
