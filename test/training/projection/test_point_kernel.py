# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Compiled loops have no checks of their own: what they do with input of every kind."""

from __future__ import annotations

import concurrent.futures
import importlib
from pathlib import Path

import numba.core.caching
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.projection.compilation import FLOAT, compiled
from training.projection.depth_test import (
    COARSE_TOLERANCE,
    DepthTolerance,
    on_measured_surface,
)
from training.projection.feature_grid import FeatureGrid
from training.projection.geometry import NEAR_M, FrameGeometry
from training.projection.near_to_far import near_to_far
from training.projection.splat import splat
from training.projection.visibility import visible_by_depth
from training.projection.visible_file import StoredFrame
from training.projection.visible_points import NO_POINT, VisiblePoints, points_in_image

IMAGE = Intrinsics(64, 48, 50.0, 52.0, 30.0, 25.0)
DEPTH = Intrinsics(40, 30, 31.0, 32.0, 19.0, 14.0)
TOLERANCES = [DepthTolerance(), DepthTolerance(0.02, 0.1), COARSE_TOLERANCE]
BAD = np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, 3.4e38, 1e-42, -0.0])


def geometry(baseline=0.0, depth_camera=DEPTH):
    depth_to_color = np.eye(4)
    depth_to_color[0, 3] = baseline
    pose = np.eye(4)
    pose[:3, 3] = 0.2, -0.1, 0.3
    return FrameGeometry(pose, IMAGE, depth_camera, depth_to_color)


def scene(seed, count=9000, depth_camera=DEPTH):
    """Points around a slanted wall, before and behind the camera, and the depth of the wall."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-3, 3, (count, 3)).astype(np.float32)
    points[::2, 2] = 2.3 + rng.normal(0, 0.03, len(points[::2]))
    depth = np.full((depth_camera.height, depth_camera.width), 2.0, np.float32)
    depth += np.linspace(0, 0.05, depth_camera.width, dtype=np.float32)
    depth[rng.random(depth.shape) < 0.1] = 0
    return points, depth


def arrays(visible):
    return visible.u, visible.v, visible.index


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("baseline", [0.0, 0.05])
def test_points_that_are_no_places_are_not_visible_and_change_nothing(tolerance, baseline):
    points, depth = scene(0)
    clean = visible_by_depth(points, geometry(baseline), depth, tolerance=tolerance)
    assert len(clean) > 100
    rng = np.random.default_rng(1)
    bad = points[:3000].copy()
    for row, column in enumerate(rng.integers(0, 3, len(bad))):
        bad[row, column] = rng.choice(BAD[:6])
    bad[:8] = BAD[:, None]
    mixed = np.concatenate([bad, points])
    with_bad = visible_by_depth(mixed, geometry(baseline), depth, tolerance=tolerance)
    assert with_bad.index.min() >= len(bad)
    np.testing.assert_array_equal(with_bad.index - len(bad), clean.index)
    np.testing.assert_array_equal(with_bad.u, clean.u)
    np.testing.assert_array_equal(with_bad.v, clean.v)


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_depth_that_is_no_measurement_counts_as_none(tolerance):
    points, depth = scene(2)
    rng = np.random.default_rng(3)
    where = rng.random(depth.shape) < 0.1
    none, bad = depth.copy(), depth.copy()
    none[where] = 0
    bad[where] = rng.choice(np.float32([np.nan, np.inf, -np.inf, -1, -3e38]), where.sum())
    made = visible_by_depth(points, geometry(), bad, tolerance=tolerance)
    for one, other in zip(
        arrays(made),
        arrays(visible_by_depth(points, geometry(), none, tolerance=tolerance)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    assert len(made) > 50


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_depth_images_without_an_inner_pixel_are_judged_too(tolerance, size):
    camera = Intrinsics.from_fov(*size, 1.0)
    points, depth = scene(4, depth_camera=camera)
    depth[:] = 2
    made = visible_by_depth(points, geometry(0.0, camera), depth, tolerance=tolerance)
    inside = points_in_image(points, geometry(0.0, camera))
    x, y, z = inside.camera.astype(np.float64).T
    column, row = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    inner = (np.abs(column - camera.cx) < size[0] / 2) & (np.abs(row - camera.cy) < size[1] / 2)
    allowed = max(tolerance.metres, 2 * tolerance.share)
    wanted = inside.index[inner & (np.abs(z - 2) < allowed)]
    # but for points within rounding of the edges
    assert len(np.setxor1d(made.index, wanted)) <= 1
    assert len(wanted) > 20


def test_columns_rows_and_depths_of_any_kind_are_judged_without_reading_outside():
    values = np.concatenate([BAD, np.float32([-0.5, -0.51, 0, 1, 3e9, -3e9, 2**31, 5e18])])
    column, row, z = (a.ravel() for a in np.meshgrid(values, values, values))
    for shape in [(1, 1), (3, 4), (0, 4), (4, 0)]:
        depth = np.ones(shape, np.float32)
        for tolerance in TOLERANCES:
            made = on_measured_surface(depth, column, row, z, tolerance)
            assert (made.sum() > 0) == (depth.size > 0)
            at = np.rint(column[made]), np.rint(row[made])
            assert all(
                (a >= 0).all() and (a < n).all() for a, n in zip(at, shape[::-1], strict=True)
            )
            assert set(z[made].tolist()) == ({1.0} if depth.size else set())


def test_places_of_any_kind_are_splat_without_writing_outside():
    values = np.concatenate([BAD, np.float32([-0.5, 3.49, 3.5, 3e9, -3e9])])
    u, v = (a.ravel() for a in np.meshgrid(values, values))
    visible = VisiblePoints(u, v, np.arange(len(u), dtype=np.uint32))
    for stride in (1, 2, 8):
        for first_centre in ((stride - 1) / 2, 0.0, 1e30, np.nan, np.inf):
            made = splat(visible, 9, 9, FeatureGrid(stride, first_centre))
            in_image = (u >= -0.5) & (u < 8.5) & (v >= -0.5) & (v < 8.5)
            assert set(made[made != NO_POINT].tolist()) <= set(np.nonzero(in_image)[0].tolist())
    in_image = (u >= -0.5) & (u < 3.5) & (v >= -0.5) & (v < 3.5)
    made = splat(visible, 4, 4, FeatureGrid.from_edges(8))
    assert (made == np.nonzero(in_image)[0][0]).all()


@pytest.mark.parametrize("count", [0, 1, 2, 5000])
def test_the_order_is_that_of_a_stable_sort(count):
    rng = np.random.default_rng(count)
    bits = rng.integers(1, 0x7F800000, count).astype(np.uint32)  # all positive floats
    z = bits.view(np.float32).copy()
    z[rng.random(count) < 0.5] = rng.choice(np.float32([0.05, 2.5, 2.5000002, 3e38]))
    u, v = rng.random((2, count)).astype(np.float32)
    index = rng.permutation(count).astype(np.uint32)
    order = np.argsort(z, kind="stable")
    for made, given in zip(near_to_far(z, u, v, index), (u, v, index), strict=True):
        np.testing.assert_array_equal(made, given[order])


def test_points_in_the_image_can_all_be_stored():
    rng = np.random.default_rng(5)
    seen = points_in_image(rng.uniform(-3, 3, (1000, 3)).astype(np.float32), geometry())
    # points that lie on the image's edges as exactly as floats can
    edges = rng.choice([-0.5, IMAGE.width - 0.5], 40000), rng.uniform(-0.5, 47.5, 40000)
    z = rng.uniform(NEAR_M, 9, 40000)
    x, y = (edges[0] - IMAGE.cx) / IMAGE.fx * z, (edges[1] - IMAGE.cy) / IMAGE.fy * z
    points = (np.stack([x, y, z], 1) + geometry().pose[:3, 3]).astype(np.float32)
    seen = points_in_image(points, geometry())
    assert 5000 < len(seen.index) < 35000
    visible = seen.visible()
    assert len(StoredFrame.encode(visible, IMAGE.height, IMAGE.width).u) == len(visible)
    assert (splat(visible, IMAGE.height, IMAGE.width) != NO_POINT).any()


def test_other_types_and_layouts_give_the_same_and_are_left_as_they_are():
    points, depth = scene(6)
    expected = arrays(visible_by_depth(points, geometry(), depth))
    frozen, frozen_depth = points.copy(), depth.copy()
    frozen.flags.writeable = frozen_depth.flags.writeable = False
    for other, other_depth in [
        (points.astype(np.float64), depth.astype(np.float64)),
        (np.asfortranarray(points), np.asfortranarray(depth)),
        (np.repeat(points, 2, 0)[::2], np.repeat(depth, 2, 1)[:, ::2]),
        (points.astype(">f4"), depth.astype(">f4")),
        (frozen, frozen_depth),
    ]:
        made = visible_by_depth(other, geometry(), other_depth)
        for one, wanted in zip(arrays(made), expected, strict=True):
            assert one.tobytes() == wanted.tobytes()
    np.testing.assert_array_equal(points, frozen)
    np.testing.assert_array_equal(depth, frozen_depth)


def test_depth_without_pixels_shows_nothing_and_arrays_of_wrong_shapes_are_refused():
    points, depth = scene(7)
    nothing = Intrinsics(0, 30, 31.0, 32.0, 19.0, 14.0)
    assert len(visible_by_depth(points, geometry(0.0, nothing), depth[:, :0])) == 0
    for wrong in (points.ravel(), points[:, :2], points[None]):
        with pytest.raises(ValueError, match=r"shape \(N, 3\)"):
            visible_by_depth(wrong, geometry(), depth)
    one, two = np.ones(1, np.float32), np.ones(2, np.float32)
    with pytest.raises(ValueError, match="columns, rows and depths"):
        on_measured_surface(depth, one, two, two, DepthTolerance())
    with pytest.raises(ValueError, match="depth image of shape"):
        on_measured_surface(depth[0], two, two, two, DepthTolerance())
    with pytest.raises(ValueError, match="2 points"):
        splat(VisiblePoints(one, two, np.zeros(2, np.uint32)), 4, 4)


def test_threads_side_by_side_and_calls_in_turn_do_not_disturb_each_other():
    frames = [scene(seed, 30000) for seed in range(4)]
    expected = [arrays(visible_by_depth(points, geometry(), depth)) for points, depth in frames]
    kept = [[a.copy() for a in of_frame] for of_frame in expected]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        work = [
            threads.submit(visible_by_depth, points, geometry(), depth)
            for _ in range(20)
            for points, depth in frames
        ]
        made = [arrays(future.result()) for future in work]
    for number, of_frame in enumerate(made):
        for one, wanted, copy in zip(of_frame, expected[number % 4], kept[number % 4], strict=True):
            assert one.tobytes() == wanted.tobytes() == copy.tobytes()


@pytest.mark.parametrize("name", ["point_kernel", "near_to_far", "splat"])
def test_compiled_functions_depend_on_their_own_file_alone(name):
    # machine code that is kept is made anew when that file changes, not when others do
    module = importlib.import_module(f"training.projection.{name}")
    functions = [f.py_func for f in vars(module).values() if hasattr(f, "py_func")]
    assert functions
    source = Path(module.__file__).read_text(encoding="utf-8")
    for function in functions:
        assert function.__module__ == module.__name__
        for used in function.__code__.co_names:
            if used in vars(module) and used not in ("np", "npt"):
                assert f"\n{used} = " in source or f"\ndef {used}(" in source, used


def test_where_machine_code_cannot_be_kept_it_is_made_all_the_same(monkeypatch):
    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, "_locator_classes", [])
    doubled = compiled(FLOAT)(double)
    assert doubled(np.float32(1.5)) == 3
    assert doubled.stats.cache_path is None


def test_kept_machine_code_that_is_damaged_is_made_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(numba.core.config, "CACHE_DIR", str(tmp_path))
    assert compiled(FLOAT)(double)(np.float32(1.5)) == 3
    (index,) = tmp_path.rglob("*.nbi")
    index.write_bytes(b"")  # as a power cut leaves it
    assert compiled(FLOAT)(double)(np.float32(2.5)) == 5


def double(number):
    return number + number
