# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A room as a truncated signed distance volume with colours and labels.

As in TSDF fusion (Curless and Levoy 1996), distances are positive in front of the surfaces that are
seen from somewhere in the room and negative behind them, and everything farther than the truncation
or never seen is 1. Distances are those to the nearest triangle, in place of the mean of distances
along the axes of depth cameras: these are too long where a surface is seen at a slant, and cancel
out where a thing thinner than the truncation is seen from both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.data.panorooms.rooms import TRUNCATION_VOXELS, VOXEL_M
from training.rendering.free_space import FreeSpace
from training.rendering.layout import FurnishedRoom
from training.rendering.mesh import Array
from training.rendering.scene import Hits, Scene

TRUNCATION_M = TRUNCATION_VOXELS * VOXEL_M
_MARGIN_M = TRUNCATION_M + VOXEL_M
"""Beyond the walls, for what is behind their surface."""
_CLEARANCE_M = 0.4
"""Nothing is nearer to the panorama's camera where the room allows it."""
_STAND_M = 0.6
"""Distance between the places that surfaces are seen from."""
_STAND_HEIGHTS_M = (0.3, 1.1, 1.9)
_STAND_RADIUS_M = 0.15


@dataclass(frozen=True, eq=False)
class TsdfVolume:
    """Samples of a room at VOXEL_M, x, y and z along the axes of the arrays.

    Attributes:
        tsdf: float32 (x, y, z), -1 to 1 in units of TRUNCATION_M; 1 in free and unseen space.
        colors: uint8 (x, y, z, 3), RGB of the nearest surface without light; 0 where `tsdf` is 1.
        labels: uint8 (x, y, z), NYU-40 ids of the nearest surface; 0 where `tsdf` is 1.
        origin: float64 [3], metres, the first voxel's place in the room's frame.
        eye: float64 [3], the middle of the volume, from where a panorama sees the room.
    """

    tsdf: Array
    colors: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    origin: NDArray[np.float64]
    eye: NDArray[np.float64]


def tsdf_volume(furnished: FurnishedRoom) -> TsdfVolume:
    """The volume of a room, its walls' backs included."""
    room, scene = furnished.room, furnished.scene
    size = np.array([room.width, room.depth, room.height])
    eye = panorama_eye(scene, size)
    half = np.ceil((np.maximum(eye, size - eye) + _MARGIN_M) / VOXEL_M)
    origin = eye - half * VOXEL_M
    shape = (int(half[0]) * 2 + 1, int(half[1]) * 2 + 1, int(half[2]) * 2 + 1)
    indices = np.indices(shape, np.int32).reshape(3, -1).T
    points = (origin + indices * VOXEL_M).astype(np.float32)
    hits = scene.nearest(points)
    near = np.nonzero(hits.distance < TRUNCATION_M)[0]
    seen = np.zeros(len(points), np.bool_)
    for stand in _stands(furnished, eye):
        left = near[~seen[near]]
        ways = points[left] - stand
        seen[left] = ~scene.blocked(
            np.broadcast_to(stand, ways.shape), ways, np.ones(len(left), np.float32)
        )
    # Behind a surface is what is not seen itself while the surface's front is.
    front = ndimage.binary_dilation(seen.reshape(shape), np.ones((3, 3, 3)))
    surface = _surface_voxels(scene, hits, near, origin, shape)
    behind = near[~seen[near] & front[surface]]
    tsdf = np.ones(len(points), np.float32)
    distance = (hits.distance / TRUNCATION_M).astype(np.float32)
    tsdf[seen] = distance[seen]
    tsdf[behind] = -distance[behind]
    kept = np.nonzero(tsdf < 1)[0]
    colors = np.zeros((len(points), 3), np.uint8)
    colors[kept] = _colors(scene, hits, kept)
    labels = np.zeros(len(points), np.uint8)
    labels[kept] = scene.label[hits.triangle[kept]]
    return TsdfVolume(
        tsdf.reshape(shape), colors.reshape(*shape, 3), labels.reshape(shape), origin, eye
    )


def panorama_eye(scene: Scene, size: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place next to the room's middle, at half its height, that has space around it.

    Args:
        scene: the room with everything in it.
        size: of the room: width, depth and height in metres.
    """
    x, y = np.meshgrid(*(np.arange(-10, 11) * 0.1,) * 2, indexing="ij")
    shifts = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], -1)
    shifts = shifts[np.argsort(np.linalg.norm(shifts, axis=-1), kind="stable")]
    places = size / 2 + shifts
    places = places[(np.abs(shifts) <= size / 4).all(-1)]
    space = scene.nearest(places).distance
    clear = np.nonzero(space >= _CLEARANCE_M)[0]
    chosen: NDArray[np.float64] = places[clear[0] if len(clear) else int(space.argmax())]
    return chosen


def _stands(furnished: FurnishedRoom, eye: NDArray[np.float64]) -> list[Array]:
    """Places in the room's open space: above bare floor, and the panorama's."""
    room = furnished.room
    free = FreeSpace(furnished.scene, room, _STAND_RADIUS_M, _STAND_HEIGHTS_M)
    x, y = np.meshgrid(
        *(np.arange(_STAND_M / 3, length, _STAND_M) for length in (room.width, room.depth)),
        indexing="ij",
    )
    spots = np.stack([x.ravel(), y.ravel()], -1)
    spots = spots[free.at(spots)]
    stands = [eye.astype(np.float32)]
    for height in _STAND_HEIGHTS_M:
        stands += [np.array([*spot, height], np.float32) for spot in spots]
    return stands


def _surface_voxels(
    scene: Scene,
    hits: Hits,
    rows: NDArray[np.int64],
    origin: NDArray[np.float64],
    shape: tuple[int, int, int],
) -> tuple[NDArray[np.int64], ...]:
    """Index of the voxel at the surface point that is nearest to each point of `rows`."""
    nearest = scene.interpolate(scene.vertices, hits, rows)
    voxels = np.rint((nearest - origin) / VOXEL_M).astype(np.int64)
    return tuple(np.clip(voxels, 0, np.array(shape) - 1).T)


def _colors(scene: Scene, hits: Hits, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """SRGB of the surfaces nearest to points, the mean over about a voxel."""
    triangle = hits.triangle[rows]
    albedo = scene.atlas.lookup(
        scene.material[triangle],
        triangle,
        scene.interpolate(scene.uv, hits, rows),
        np.full(len(rows), VOXEL_M, np.float32),
    )
    return np.clip(albedo.clip(0, 1) ** (1 / 2.2) * 255 + 0.5, 0, 255).astype(np.uint8)
