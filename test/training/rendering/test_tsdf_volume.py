# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")
pytest.importorskip("scipy")

from scipy import ndimage

from training.rendering.layout import FurnishedRoom, furnish
from training.rendering.mesh import box, merge, plain, quad
from training.rendering.nyu40 import NYU40
from training.rendering.placement import Plan
from training.rendering.room import Room
from training.rendering.scene import SceneBuilder
from training.rendering.tsdf_volume import panorama_eye, tsdf_volume

SIZE = np.array([2.6, 2.1, 2.4])
VOXEL, TRUNCATION = 0.04, 0.2


def box_room(*things):
    """The inside of a box with walls in (0.9, 0.2, 0.1), and things with their labels."""
    w, d, h = SIZE
    builder = SceneBuilder()
    stone = plain((0.9, 0.2, 0.1))
    builder.add(quad((0, 0, 0), (w, 0, 0), (0, d, 0), plain((0.1, 0.4, 0.1))), NYU40["floor"])
    builder.add(quad((0, 0, h), (0, d, 0), (w, 0, 0), plain((1, 1, 1))), NYU40["ceiling"])
    walls = [
        quad((0, 0, 0), (w, 0, 0), (0, 0, h), stone),
        quad((w, 0, 0), (0, d, 0), (0, 0, h), stone),
        quad((w, d, 0), (-w, 0, 0), (0, 0, h), stone),
        quad((0, d, 0), (0, -d, 0), (0, 0, h), stone),
    ]
    builder.add(merge(walls), NYU40["wall"])
    for mesh, label in things:
        builder.add(mesh, NYU40[label])
    room = Room(*SIZE.tolist())
    plan = Plan(room, builder, np.random.default_rng(0))
    return FurnishedRoom("living_room", room, plan, builder.build())


@pytest.fixture(scope="module")
def furnished():
    made = furnish("bathroom", None, np.random.default_rng(8))
    return made, tsdf_volume(made)


@pytest.fixture(scope="module")
def empty():
    return tsdf_volume(box_room())


def places(volume):
    return volume.origin + np.moveaxis(np.indices(volume.tsdf.shape), 0, -1) * VOXEL


def test_an_empty_room_has_the_distances_to_its_walls(empty):
    volume = empty
    assert volume.tsdf.dtype == np.float32
    p = places(volume)
    assert np.allclose(volume.eye, SIZE / 2)
    assert np.allclose(p[tuple(n // 2 for n in volume.tsdf.shape)], volume.eye)
    inside = np.minimum(p, SIZE - p).min(-1)
    outside = np.linalg.norm(np.maximum(np.maximum(-p, p - SIZE), 0), axis=-1)
    expected = np.where(inside >= 0, np.minimum(inside / TRUNCATION, 1), -outside / TRUNCATION)
    expected[outside >= TRUNCATION] = 1
    clear = (np.abs(inside) > 1e-3) & (np.abs(outside - TRUNCATION) > 1e-3)
    assert np.abs(volume.tsdf - expected)[clear].max() < 1e-4
    assert (volume.tsdf < 0).any() and (outside >= TRUNCATION).any()


def test_labels_and_colours_are_those_of_the_nearest_surface(empty):
    volume = empty
    p = places(volume)
    # signed distance to the six planes inside the room
    to = np.stack([p[..., 2], SIZE[2] - p[..., 2]], -1)
    sides = np.minimum(p[..., :2], SIZE[:2] - p[..., :2]).min(-1)
    inside = (np.minimum(p, SIZE - p).min(-1) > 0) & (volume.tsdf < 1)
    floor = inside & (to[..., 0] < np.minimum(to[..., 1], sides) - 1e-3)
    wall = inside & (sides < to.min(-1) - 1e-3)
    assert (volume.labels[floor] == NYU40["floor"]).all() and floor.any()
    assert (volume.labels[wall] == NYU40["wall"]).all() and wall.any()
    srgb = np.array([0.9, 0.2, 0.1]) ** (1 / 2.2) * 255
    assert np.abs(volume.colors[wall].astype(float) - srgb).max() <= 1
    free = volume.tsdf == 1
    assert (volume.labels[free] == 0).all() and (volume.colors[free] == 0).all()


def test_the_inside_of_things_is_behind_and_deeper_inside_unseen():
    low, high = np.array([0.9, 0.6, 0.0]), np.array([1.7, 1.4, 0.8])
    volume = tsdf_volume(box_room((box(low, high, plain((0.3, 0.3, 0.3))), "cabinet")))
    p = places(volume)
    depth = np.minimum(p - low, high - p)[..., [0, 1, 2]].min(-1)
    depth = np.minimum(depth, (high - p)[..., 2])
    within = (p > low).all(-1) & (p < high).all(-1)
    behind = within & (depth > 0.01) & (depth < 0.19) & (p[..., 2] > 0.25)
    assert np.abs(volume.tsdf[behind] + depth[behind] / TRUNCATION).max() < 1e-4
    assert (volume.labels[behind] == NYU40["cabinet"]).all()
    assert (volume.tsdf[within & (depth > 0.21)] == 1).all()


def test_a_thing_thinner_than_a_voxel_is_a_surface():
    top = box((0.8, 0.6, 0.7), (1.6, 1.3, 0.72), plain((0.5, 0.3, 0.1)))
    volume = tsdf_volume(box_room((top, "table")))
    p = places(volume)
    over = (p[..., 0] > 0.9) & (p[..., 0] < 1.5) & (p[..., 1] > 0.7) & (p[..., 1] < 1.2)
    gap = np.maximum(np.maximum(0.7 - p[..., 2], p[..., 2] - 0.72), 0)
    layer = over & (gap > 1e-3) & (gap < 0.15)
    assert np.abs(volume.tsdf[layer] - gap[layer] / TRUNCATION).max() < 1e-4
    assert (volume.labels[layer] == NYU40["table"]).all()


def test_the_zero_level_is_on_the_true_surface(furnished):
    made, volume = furnished
    tsdf, p = volume.tsdf, places(volume)
    crossings = []
    for axis in range(3):
        a, b = np.moveaxis(tsdf, axis, 0)[:-1], np.moveaxis(tsdf, axis, 0)[1:]
        here = (np.sign(a) != np.sign(b)) & (a < 1) & (b < 1)
        share = (a[here] / (a[here] - b[here]))[:, None]
        low, high = np.moveaxis(p, axis, 0)[:-1][here], np.moveaxis(p, axis, 0)[1:][here]
        crossings.append(low + share * (high - low))
    distance = made.scene.nearest(np.concatenate(crossings)).distance
    assert len(distance) > 10_000
    # The sign changes in open space too, where what is seen borders on what is hidden.
    assert (distance <= VOXEL).mean() > 0.985
    assert np.median(distance) < 0.005


def test_rays_meet_the_volume_where_they_meet_the_room(furnished):
    made, volume = furnished
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((20_000, 3)).astype(np.float32)
    origins = np.broadcast_to(volume.eye.astype(np.float32), directions.shape)
    hits = made.scene.cast(origins, directions)
    met = hits.triangle >= 0
    points = (origins + directions * hits.distance[:, None])[met]
    index = (points - volume.origin) / VOXEL
    # views through windows end on a picture that lies outside
    there = ((index >= 0) & (index <= np.array(volume.tsdf.shape) - 1)).all(-1)
    index, labels = index[there], made.scene.label[hits.triangle[met][there]]
    assert len(index) > 15_000
    distance = ndimage.map_coordinates(volume.tsdf, index.T, order=1) * TRUNCATION
    assert (np.abs(distance) <= VOXEL).mean() > 0.99
    voxel = tuple(np.rint(index).astype(int).T)
    assert (volume.labels[voxel] == labels).mean() > 0.98


def test_the_panorama_is_taken_from_the_middle_with_space_around():
    tall = box((1.1, 0.85, 0.0), (1.5, 1.25, 1.6), plain((0.3, 0.3, 0.3)))
    made = box_room((tall, "cabinet"))
    eye = panorama_eye(made.scene, SIZE)
    assert eye[2] == SIZE[2] / 2
    assert 0.3 < np.linalg.norm(eye - SIZE / 2) < 0.7
    gap = np.maximum(np.maximum(np.array([1.1, 0.85]) - eye[:2], eye[:2] - (1.5, 1.25)), 0)
    assert np.linalg.norm(gap) > 0.3 and (gap > 0).any()
    volume = tsdf_volume(made)
    assert np.allclose(volume.origin + (np.array(volume.tsdf.shape) - 1) / 2 * VOXEL, eye)
    assert (volume.origin <= -TRUNCATION).all()
    assert (places(volume)[-1, -1, -1] >= SIZE + TRUNCATION).all()


def test_the_same_room_gives_the_same_volume():
    thing = box((0.8, 0.6, 0.0), (1.6, 1.3, 0.7), plain((0.5, 0.3, 0.1)))
    a, b = (tsdf_volume(box_room((thing, "table"))) for _ in range(2))
    assert a.tsdf.tobytes() == b.tsdf.tobytes() and a.colors.tobytes() == b.colors.tobytes()
    assert a.labels.tobytes() == b.labels.tobytes()
