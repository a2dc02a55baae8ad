# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.data.equirectangular import EquirectangularCamera


@pytest.mark.parametrize("size", [(1024, 512), (30, 15), (7, 4)])
def test_directions_come_back_to_their_pixels(size):
    camera = EquirectangularCamera(*size)
    rays = camera.rays()
    assert rays.dtype == np.float32
    assert np.allclose(np.linalg.norm(rays, axis=-1), 1, atol=1e-6)
    v, u = np.divmod(np.arange(size[0] * size[1]), size[0])
    assert np.abs(camera.pixels(rays * 2.5) - np.stack([u, v], -1)).max() < 2e-3


def test_jitter_moves_within_the_pixel():
    camera = EquirectangularCamera(64, 32)
    jitter = np.random.default_rng(0).uniform(-0.5, 0.5, (64 * 32, 2)).astype(np.float32)
    v, u = np.divmod(np.arange(64 * 32), 64)
    pixels = camera.pixels(camera.rays(jitter))
    assert np.abs(pixels - np.stack([u, v], -1) - jitter).max() < 1e-3


@pytest.mark.parametrize(
    ("direction", "pixel"),
    [
        ((0, 0, 1), (511.5, 255.5)),  # forward: the middle
        ((1, 0, 0), (767.5, 255.5)),  # right: three quarters
        ((-1, 0, 0), (255.5, 255.5)),
        ((0, 0, -1), (1023.5, 255.5)),  # behind: the edge
        ((0, -1, 0), (511.5, -0.5)),  # up: the top edge
        ((0, 1, 0), (511.5, 511.5)),
        ((1, -np.sqrt(2), 1), (639.5, 127.5)),
    ],
)
def test_the_axes_are_seen_where_the_convention_says(direction, pixel):
    seen = EquirectangularCamera(1024, 512).pixels(np.array(direction, np.float64))
    assert np.allclose(seen, pixel, atol=1e-9)


def test_the_angle_of_a_pixel_is_that_of_neighbours_at_the_horizon():
    camera = EquirectangularCamera(360, 180)
    row = camera.rays().reshape(180, 360, 3)[90].astype(np.float64)
    step = np.arccos((row[:-1] * row[1:]).sum(-1)).mean()
    assert step == pytest.approx(camera.pixel_angle, rel=1e-3)
