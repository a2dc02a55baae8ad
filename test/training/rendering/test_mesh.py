# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.rendering.mesh import box, cylinder, lathe, merge, plain, quad, rod, rounded_box

WHITE = plain((0.8, 0.8, 0.8))


def faces(mesh):
    a, b, c = np.moveaxis(mesh.vertices.astype(np.float64), 1, 0)
    return np.cross(b - a, c - a) / 2, (a + b + c) / 3


def volume(mesh):
    area, centre = faces(mesh)
    return float((area * centre).sum() / 3)  # divergence theorem


SHAPES = {
    "box": (box((1, 2, 3), (2, 4, 6), WHITE), 6.0, 1e-4),
    "rounded": (rounded_box((-1, -1, 0), (1, 1, 1), WHITE, 1e-3), 4.0, 0.02),
    "cylinder": (cylinder(0.5, 0.0, 2.0, WHITE, 64), np.pi * 0.25 * 2, 0.01),
    "rod": (rod((1, 1, 1), (4, 1, 5), 0.1, WHITE), np.pi * 0.01 * 5, 0.12),
    "cone": (lathe([(1.0, 0.0), (1e-6, 3.0)], WHITE, 64), None, 0),
}


@pytest.mark.parametrize("name", [n for n in SHAPES if SHAPES[n][1]])
def test_closed_shapes_enclose_their_volume_with_fronts_outwards(name):
    mesh, expected, tolerance = SHAPES[name]
    assert volume(mesh) == pytest.approx(expected, rel=tolerance, abs=1e-6)


@pytest.mark.parametrize("name", list(SHAPES))
def test_normals_are_unit_and_agree_with_the_faces(name):
    mesh = SHAPES[name][0]
    assert np.allclose(np.linalg.norm(mesh.normals, axis=-1), 1, atol=1e-5)
    area, _ = faces(mesh)
    real = np.linalg.norm(area, axis=-1) > 1e-6
    agree = np.einsum("ij,ikj->ik", area[real], mesh.normals[real].astype(np.float64))
    assert (agree > 0).all()


def test_quad_tiles_in_metres():
    mesh = quad((0, 0, 0), (3, 0, 0), (0, 2, 0), WHITE, 0.5)
    assert mesh.uv.reshape(-1, 2).max(0).tolist() == [6.0, 4.0]


def test_placing_turns_about_z_and_then_moves():
    mesh = box((0, 0, 0), (2, 1, 1), WHITE).placed(10, 20, 30, np.pi / 2)
    low, high = mesh.bounds
    assert np.allclose(low, (9, 20, 30), atol=1e-5) and np.allclose(high, (10, 22, 31), atol=1e-5)


def test_merge_keeps_each_triangles_material():
    red, blue = plain((1, 0, 0)), plain((0, 0, 1))
    both = merge([box((0, 0, 0), (1, 1, 1), red), box((2, 0, 0), (3, 1, 1), blue)])
    is_left = both.vertices[..., 0].max(1) <= 1
    is_red = [both.materials[m] is red for m in both.material]
    assert is_red == is_left.tolist() and 0 < sum(is_red) < len(is_red)
