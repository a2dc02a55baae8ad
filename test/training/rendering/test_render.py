# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")

from training.data.intrinsics import Intrinsics
from training.rendering.camera import Sensor, look_at, tone
from training.rendering.mesh import Material, box, merge, plain, quad, vector
from training.rendering.nyu40 import NYU40
from training.rendering.render import Renderer, render_ground_truth
from training.rendering.scene import AreaLight, SceneBuilder

W, D, H = 4.0, 3.0, 2.5
CAMERA = Intrinsics.from_fov(64, 48, np.deg2rad(70))


def shell(reflectance=0.5, gap=0.0):
    """The inside of a box, its walls, floor and ceiling labelled."""
    m = plain((reflectance,) * 3)
    builder = SceneBuilder()
    builder.add(quad((0, 0, 0), (W, 0, 0), (0, D, 0), m), NYU40["floor"])
    builder.add(quad((0, 0, H), (0, D, 0), (W, 0, 0), m), NYU40["ceiling"])
    walls = [
        quad((0, gap, 0), (W, 0, 0), (0, 0, H), m),
        quad((W, 0, 0), (0, D, 0), (0, 0, H), m),
        quad((W, D, 0), (-W, 0, 0), (0, 0, H), m),
        quad((0, D, 0), (0, -D, 0), (0, 0, H), m),
    ]
    builder.add(merge(walls), NYU40["wall"])
    return builder


def slab_depth(pose):
    """Depth along the axis and the side met, by intersecting six planes; no ray caster."""
    directions = CAMERA.rays().astype(np.float64) @ pose[:3, :3].T
    high = np.array([W, D, H])
    with np.errstate(divide="ignore"):
        far = np.where(directions > 0, high - pose[:3, 3], -pose[:3, 3]) / directions
    axis = far.argmin(1)
    label = np.where(axis < 2, NYU40["wall"], np.where(directions[:, 2] > 0, 22, NYU40["floor"]))
    shape = (CAMERA.height, CAMERA.width)
    return far.min(1).reshape(shape), label.reshape(shape)


@pytest.mark.parametrize("seed", range(4))
def test_depth_and_labels_equal_the_analytic_room(seed):
    rng = np.random.default_rng(seed)
    eye = rng.uniform(0.4, 1.0, 3) * (W, D, H) * 0.8
    pose = look_at(eye, rng.uniform(0, 1, 3) * (W, D, H), float(rng.normal(0, 0.3)))
    truth = render_ground_truth(shell().build(), CAMERA, pose)
    depth, label = slab_depth(pose)
    assert np.abs(truth.depth - depth).max() < 1e-4
    assert (truth.label == label).mean() > 0.999  # a ray may pass exactly through an edge


def test_a_box_is_seen_where_its_corners_project():
    builder = shell()
    low, high = np.array([1.5, 1.8, 0.0]), np.array([2.1, 2.2, 0.7])
    number = builder.add(box(low, high, plain((0.2, 0.2, 0.2))), NYU40["chair"])
    pose = look_at(np.array([2.0, 0.4, 1.2]), np.array([1.8, 2.0, 0.4]))
    truth = render_ground_truth(builder.build(), CAMERA, pose)
    assert ((truth.label == NYU40["chair"]) == (truth.instance == number)).all()
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    world = low + corners * (high - low)
    p = (world - pose[:3, 3]) @ pose[:3, :3] @ CAMERA.matrix.T
    u, v = (p[:, :2] / p[:, 2:]).T
    rows, columns = np.nonzero(truth.label == NYU40["chair"])
    assert abs(columns.min() - u.min()) < 1 and abs(columns.max() - u.max()) < 1
    assert abs(rows.min() - v.min()) < 1 and abs(rows.max() - v.max()) < 1


def test_pose_looks_at_the_target_with_x_right_and_y_down():
    pose = look_at(np.array([0.0, 0, 1]), np.array([1.0, 0, 1]))
    assert np.allclose(pose[:3, :3], [[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    assert np.linalg.det(look_at(np.ones(3), np.array([3.0, 2, 0]), 0.4)[:3, :3]) == pytest.approx(
        1
    )


def test_direct_light_follows_the_solid_angle_of_the_lamp():
    builder = SceneBuilder()
    builder.add(quad((-5, -5, 0), (10, 0, 0), (0, 10, 0), plain((0.5, 0.5, 0.5))), NYU40["floor"])
    side, height, radiance = 0.2, 2.0, 30.0
    builder.lights.append(
        AreaLight(
            vector(-side / 2, -side / 2, height),
            vector(0, side, 0),
            vector(side, 0, 0),
            vector(radiance, radiance, radiance),
        )
    )
    scene = builder.build()
    camera = Intrinsics.from_fov(32, 24, 0.02)
    spot = np.array([0.7, 0.0, 0.0])
    pose = look_at(np.array([0.7, -3.0, 3.0]), spot)
    image = Renderer(scene, np.random.default_rng(0), np.array([0, 0, 1.0])).radiance(
        camera, pose, samples=16
    )
    # Small lamp: E = L A cos^2 / r^2 with both cosines h / r; a white floor reflects E / pi.
    square = height**2 + 0.7**2
    expected = 0.5 * radiance * side**2 * (height**2 / square) / square / np.pi
    assert float(image.mean()) == pytest.approx(expected, rel=0.03)


def test_shadows_fall_where_the_lamp_is_hidden():
    builder = shell()
    builder.add(box((1.5, 1.0, 1.0), (2.5, 2.0, 1.1), plain((0.5, 0.5, 0.5))), NYU40["table"])
    builder.lights.append(
        AreaLight(vector(1.9, 1.4, 2.4), vector(0, 0.2, 0), vector(0.2, 0, 0), vector(9, 9, 9))
    )
    renderer = Renderer(builder.build(), np.random.default_rng(0), np.array([2, 1.5, 2.0]))
    points = vector(2.0, 1.5, 0.0)[None].repeat(200, 0)
    up = vector(0, 0, 1)[None].repeat(200, 0)
    assert renderer._direct(points, up).max() == 0
    square = 2.4**2 + 1.7**2
    beside = renderer._direct(points + vector(1.7, 0, 0), up).mean()
    assert beside == pytest.approx(9 * 0.04 * 2.4**2 / square**2 / np.pi, rel=0.03)


def test_textures_are_averaged_when_they_are_far_away():
    checker = np.indices((64, 64)).sum(0) % 2
    material = Material(np.repeat(checker[..., None], 3, -1).astype(np.float32))
    builder = SceneBuilder()
    builder.add(quad((0, 0, 0), (1, 0, 0), (0, 1, 0), material), NYU40["wall"])
    scene = builder.build()
    n = 500
    uv = np.random.default_rng(0).random((n, 2)).astype(np.float32)
    zero = np.zeros(n, np.int64)
    near = scene.atlas.lookup(zero.astype(np.int32), zero, uv, np.full(n, 1e-4, np.float32))
    far = scene.atlas.lookup(zero.astype(np.int32), zero, uv, np.full(n, 0.3, np.float32))
    assert near.std() > 0.15 and np.allclose(far, 0.5, atol=0.02)


def test_sensor_is_repeatable_clips_softly_and_keeps_order():
    x = np.linspace(0, 20, 1000, dtype=np.float32)
    y = tone(x)
    assert (np.diff(y) >= 0).all() and y[-1] <= 1.0 and np.allclose(y[x < 0.6], x[x < 0.6])
    radiance = np.random.default_rng(0).random((48, 64, 3)).astype(np.float32)
    sensor = Sensor.sample(np.random.default_rng(5))
    a, b = (sensor.expose(radiance, np.random.default_rng(1)) for _ in range(2))
    assert a.dtype == np.uint8 and (a == b).all() and a.std() > 10


def test_exposure_is_the_same_for_dim_and_bright_rooms():
    radiance = np.random.default_rng(0).random((48, 64, 3)).astype(np.float32)
    sensor = Sensor(noise=0.0)
    rng = np.random.default_rng(0)
    dim, bright = (sensor.expose(radiance * k, rng).astype(int) for k in (0.1, 10.0))
    assert np.abs(dim - bright).max() <= 1 and 90 < dim.mean() < 165
