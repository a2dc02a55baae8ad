# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")
pytest.importorskip("scipy")

from scipy import ndimage

from training.data.equirectangular import EquirectangularCamera
from training.data.intrinsics import Intrinsics
from training.rendering.layout import furnish
from training.rendering.panorama import render_panorama
from training.rendering.render import Renderer, render_ground_truth

POSE = np.eye(4)
POSE[:3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])  # looks along y, x on the right


@pytest.fixture(scope="module")
def scene():
    made = furnish("living_room", None, np.random.default_rng(3))
    POSE[:3, 3] = made.room.width / 2, made.room.depth / 2, 1.4
    return made.scene


def faces():
    """The six sides of a cube around the camera, turned from the panorama's frame."""
    size = 160
    camera = Intrinsics(size, size, size / 2, size / 2, (size - 1) / 2, (size - 1) / 2)
    for forward, down in (
        ((0, 0, 1), (0, 1, 0)),
        ((1, 0, 0), (0, 1, 0)),
        ((0, 0, -1), (0, 1, 0)),
        ((-1, 0, 0), (0, 1, 0)),
        ((0, -1, 0), (0, 0, 1)),
        ((0, 1, 0), (0, 0, -1)),
    ):
        turn = np.eye(4)
        turn[:3, 0], turn[:3, 1], turn[:3, 2] = np.cross(down, forward), down, forward
        yield camera, turn


def test_a_pixel_has_the_label_of_what_lies_in_its_direction(scene):
    truth = render_ground_truth(scene, EquirectangularCamera(256, 128), POSE)
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 128, 3000), rng.integers(0, 256, 3000)
    longitude = (columns + 0.5) / 256 * 2 * np.pi - np.pi
    latitude = np.pi / 2 - (rows + 0.5) / 128 * np.pi
    # the pose looks along y, x is on the right
    way = np.stack(
        [
            np.cos(latitude) * np.sin(longitude),
            np.cos(latitude) * np.cos(longitude),
            np.sin(latitude),
        ],
        -1,
    ).astype(np.float32)
    eye = np.broadcast_to(POSE[:3, 3].astype(np.float32), way.shape)
    hits = scene.cast(eye, way)
    assert (truth.label[rows, columns] == scene.label[hits.triangle]).mean() > 0.999
    assert np.median(np.abs(truth.depth[rows, columns] - hits.distance)) < 1e-5
    assert len(np.unique(truth.label)) > 6


def test_panorama_and_the_six_sides_of_a_cube_agree(scene):
    camera = EquirectangularCamera(1024, 512)
    truth = render_ground_truth(scene, camera, POSE)
    plain = ndimage.maximum_filter(truth.label, 5) == ndimage.minimum_filter(truth.label, 5)
    count = 0
    for pinhole, turn in faces():
        face = render_ground_truth(scene, pinhole, POSE @ turn)
        rays = pinhole.rays() @ turn[:3, :3].T
        u, v = np.rint(camera.pixels(rays)).astype(int).T
        u, v = u % 1024, v.clip(0, 511)
        far = plain[v, u]
        count += int(far.sum())
        assert (truth.label[v, u] == face.label.ravel())[far].mean() > 0.999
        ray = face.depth.ravel() * np.linalg.norm(rays, axis=-1)
        assert np.median(np.abs(truth.depth[v, u] / ray - 1)) < 5e-3
    assert count > 6 * 160 * 160 * 0.8


def test_panorama_is_lit_as_other_pictures_are(scene):
    camera = EquirectangularCamera(256, 128)
    panorama = Renderer(scene, np.random.default_rng(0), POSE[:3, 3]).radiance(camera, POSE, 4)
    others = Renderer(scene, np.random.default_rng(1), POSE[:3, 3])
    for pinhole, turn in list(faces())[:2]:
        face = others.radiance(pinhole, POSE @ turn, 4).reshape(-1, 3)
        u, v = np.rint(camera.pixels(pinhole.rays() @ turn[:3, :3].T)).astype(int).T
        seen = panorama[v.clip(0, 127), u % 256]
        assert np.corrcoef(np.log(seen.mean(-1) + 0.01), np.log(face.mean(-1) + 0.01))[0, 1] > 0.9
        assert seen.mean() == pytest.approx(face.mean(), rel=0.1)


def test_a_panorama_of_the_published_size_is_rendered(scene):
    camera = EquirectangularCamera(1024, 512)
    panorama = render_panorama(scene, camera, POSE, np.random.default_rng(7))
    assert panorama.color.shape == (512, 1024, 3) and panorama.color.dtype == np.uint8
    assert panorama.truth.label.shape == (512, 1024)
    assert 40 < panorama.color.mean() < 215
    # left and right edge are neighbours
    steps = np.abs(np.diff(panorama.color.astype(int), axis=1, append=panorama.color[:, :1]))
    assert steps.mean((0, 2))[-1] < steps.mean((0, 2))[:-1].max()


def test_the_same_seed_gives_the_same_panorama(scene):
    camera = EquirectangularCamera(128, 64)
    first, second, other = (
        render_panorama(scene, camera, POSE, np.random.default_rng(seed)).color
        for seed in (7, 7, 8)
    )
    assert first.tobytes() == second.tobytes() != other.tobytes()
