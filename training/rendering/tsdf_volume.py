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

from training.data.panorooms.rooms import TRUNCATION_VOXELS, VOXEL_M
from training.rendering.free_space import FreeSpace
from training.rendering.layout import FurnishedRoom
from training.rendering.mesh import Array, length
from training.rendering.scene import Hits, Scene

TRUNCATION_M = TRUNCATION_VOXELS * VOXEL_M
_MARGIN_M = TRUNCATION_M + VOXEL_M
"""Beyond the walls, for what is behind their surface."""
_CLEARANCE_M = 0.4
"""Nothing is nearer to the panorama's camera where the room allows it."""
_BEYOND_M = 1.5 * VOXEL_M
"""How far in front of a surface it is felt for whether the place there is seen."""
_TOUCHING_M = 1e-3
_STAND_M = 0.6
"""Distance between the places that surfaces are seen from."""
_STAND_HEIGHTS_M = (0.25, 0.8, 1.4, 2.0)
_STAND_RADIUS_M = 0.1


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
    seen = hits.distance < _TOUCHING_M
    stands = _stands(furnished, eye)
    for stand in stands:
        left = near[~seen[near]]
        ways = points[left] - stand
        seen[left] = ~scene.blocked(
            np.broadcast_to(stand, ways.shape), ways, np.ones(len(left), np.float32)
        )
    tsdf = np.ones(len(points), np.float32)
    colors = np.zeros((len(points), 3), np.uint8)
    labels = np.zeros(len(points), np.uint8)

    def fill(rows: NDArray[np.int64], surfaces: Hits, chosen: NDArray[np.int64], sign: int) -> None:
        tsdf[rows] = sign * surfaces.distance[chosen] / TRUNCATION_M
        colors[rows] = _colors(scene, surfaces, chosen)
        labels[rows] = scene.label[surfaces.triangle[chosen]]

    front = np.nonzero(seen)[0]
    fill(front, hits, front, 1)
    hidden = near[~seen[near]]
    fronts = _fronts(scene, points[hidden], hits, hidden, seen.reshape(shape), origin)
    behind = np.nonzero(fronts.distance < TRUNCATION_M)[0]
    fill(hidden[behind], fronts, behind, -1)
    hidden = hidden[fronts.distance == np.inf]
    covers = _covers(scene, points[hidden], stands)
    behind = np.nonzero(covers.distance < TRUNCATION_M)[0]
    fill(hidden[behind], covers, behind, -1)
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
    stands = [eye.astype(np.float32)]
    for k, height in enumerate(_STAND_HEIGHTS_M):
        # Each height stands between the places of the others.
        start = (k + 0.5) / len(_STAND_HEIGHTS_M) * _STAND_M
        x, y = np.meshgrid(
            *(np.arange(start, side, _STAND_M) for side in (room.width, room.depth)), indexing="ij"
        )
        spots = np.stack([x.ravel(), y.ravel()], -1)
        stands += [np.array([*spot, height], np.float32) for spot in spots[free.at(spots)]]
    return stands


def _fronts(
    scene: Scene,
    points: Array,
    hits: Hits,
    rows: NDArray[np.int64],
    seen: NDArray[np.bool_],
    origin: NDArray[np.float64],
) -> Hits:
    """The seen surfaces that unseen points are behind of; infinitely far where there is none.

    A point is behind the surface nearest to it if a place a little beyond that is seen. What is met
    on the way from there to the nearest surface is seen in its stead: the picture, where that is
    the wall behind it.
    """
    nearest = scene.interpolate(scene.vertices, hits, rows)
    ways = ((nearest - points) / hits.distance[rows, None]).astype(np.float32)
    beyond: Array = nearest + ways * np.float32(_BEYOND_M)
    voxels = np.rint((beyond - origin) / VOXEL_M).astype(np.int64)
    open_ = seen[tuple(np.clip(voxels, 0, np.array(seen.shape) - 1).T)]
    back = scene.cast(beyond, -ways)
    covered = back.distance < _BEYOND_M - _TOUCHING_M
    distance = hits.distance[rows] + np.where(covered, _BEYOND_M - back.distance, 0)
    return Hits(
        np.where(open_, distance, np.inf).astype(np.float32),
        np.where(covered, back.triangle, hits.triangle[rows]),
        np.where(covered[:, None], back.barycentric, hits.barycentric[rows]),
    )


def _covers(scene: Scene, points: Array, stands: list[Array]) -> Hits:
    """The first surfaces on the ways to unseen points: of each, the one that is nearest to it.

    Distances are along the way. This finds what hides a point that has something else nearer to it,
    such as the blanket over the mattress.
    """
    distance = np.full(len(points), np.inf, np.float32)
    triangle = np.full(len(points), -1, np.int64)
    barycentric = np.zeros((len(points), 2), np.float32)
    for stand in stands:
        ways = points - stand
        met = scene.cast(np.broadcast_to(stand, ways.shape), ways)
        left = (1 - met.distance) * length(ways)
        nearer = (left >= 0) & (left < distance)
        distance[nearer] = left[nearer]
        triangle[nearer] = met.triangle[nearer]
        barycentric[nearer] = met.barycentric[nearer]
    return Hits(distance, triangle, barycentric)


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
