# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Random changes of scenes: magnitudes, determinism, and an independent elastic distortion."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from training.engine.settings import ExperimentError
from training.points.augmentation import PointAugmentationConfig, augment, distort, drop
from training.points.cloud import CloudError, LabelledCloud

NOTHING = PointAugmentationConfig(
    elastic=(),
    rotation=0,
    tilt=0,
    scale=(1, 1),
    flip_chance=0,
    autocontrast_chance=0,
    color_shift_chance=0,
    color_jitter_chance=0,
    dropout=0,
)


def changed(**settings):
    return PointAugmentationConfig(**{**NOTHING.__dict__, **settings})


@pytest.fixture
def cloud():
    rng = np.random.default_rng(1)
    return LabelledCloud(
        rng.uniform(-2, 3, (400, 3)).astype(np.float32),
        rng.uniform(60, 200, (400, 3)).astype(np.float32),
        rng.integers(-1, 5, 400),
    )


def test_without_any_change_the_cloud_stays(cloud):
    same = augment(cloud, NOTHING, np.random.default_rng(0))
    np.testing.assert_array_equal(same.points, cloud.points)
    np.testing.assert_array_equal(same.colors, cloud.colors)
    assert drop(cloud, NOTHING, np.random.default_rng(0)) is cloud


def test_the_same_chance_gives_the_same_cloud_and_leaves_the_original(cloud):
    before = cloud.points.copy(), cloud.colors.copy()
    one, two = (
        augment(cloud, PointAugmentationConfig(), np.random.default_rng(5)) for _ in range(2)
    )
    np.testing.assert_array_equal(one.points, two.points)
    np.testing.assert_array_equal(one.colors, two.colors)
    assert not np.array_equal(one.points, cloud.points)
    np.testing.assert_array_equal(cloud.points, before[0])
    np.testing.assert_array_equal(cloud.colors, before[1])
    np.testing.assert_array_equal(one.labels, cloud.labels)
    assert one.points.dtype == one.colors.dtype == np.float32


def published_distortion(coords, granularity, magnitude, noise):
    """By dense averaging and SciPy's interpolator, from the same noise [x, y, z, 3]."""
    for _ in range(2):
        for axis in range(3):
            padded = np.pad(noise, [(1, 1) if k == axis else (0, 0) for k in range(4)])
            size = noise.shape[axis]
            noise = sum(np.take(padded, range(k, k + size), axis) for k in range(3)) / 3
    low = coords.min(0)
    axes = [low[k] + granularity * (np.arange(noise.shape[k]) - 1) for k in range(3)]
    interpolate = RegularGridInterpolator(axes, noise, bounds_error=False, fill_value=0)
    return coords + interpolate(coords) * magnitude


def test_elastic_distortion_equals_the_published_one_on_the_same_noise(cloud):
    granularity, magnitude = 0.8, 1.6
    ours = distort(cloud.points, granularity, magnitude, np.random.default_rng(3))
    extent = cloud.points.max(0) - cloud.points.min(0)
    nodes = (extent // granularity).astype(int) + 3
    noise = np.random.default_rng(3).standard_normal((3, *nodes), np.float32)
    theirs = published_distortion(
        cloud.points.astype(float), granularity, magnitude, np.moveaxis(noise, 0, -1).astype(float)
    )
    np.testing.assert_allclose(ours, theirs, atol=2e-5)
    moved = np.linalg.norm(ours - cloud.points, axis=1)
    assert 0.1 < moved.mean() < 0.6


def test_a_scene_in_another_unit_has_no_grid_of_its_size(cloud):
    with pytest.raises(CloudError, match=r"too large for an elastic distortion.*metres"):
        distort(cloud.points * 1000, 0.2, 0.4, np.random.default_rng(0))


def test_rotation_is_about_z_and_keeps_distances(cloud):
    turned = augment(cloud, changed(rotation=180.0), np.random.default_rng(2)).points
    np.testing.assert_allclose(turned[:, 2], cloud.points[:, 2], atol=1e-5)
    np.testing.assert_allclose(
        np.linalg.norm(turned - turned[0], axis=1),
        np.linalg.norm(cloud.points - cloud.points[0], axis=1),
        atol=1e-4,
    )
    # no mirror image: the triple product keeps its sign
    triple = [np.linalg.det(p[1:4] - p[0]) for p in (turned, cloud.points)]
    assert triple[0] == pytest.approx(triple[1], rel=1e-3)


def test_some_scenes_keep_their_direction_by_chance(cloud):
    config = changed(rotation=180.0, rotation_chance=0.5)
    kept = [
        np.allclose(augment(cloud, config, np.random.default_rng(seed)).points, cloud.points)
        for seed in range(40)
    ]
    assert 10 < sum(kept) < 30


def test_tilt_and_scale_stay_within_their_bounds(cloud):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        points = augment(cloud, changed(tilt=3.0, scale=(0.9, 1.1)), rng).points
        matrix, *_ = np.linalg.lstsq(cloud.points, points, rcond=None)
        scale = np.cbrt(np.linalg.det(matrix))
        assert 0.9 <= scale <= 1.1
        angle = np.degrees(np.arccos(np.clip(matrix[2, 2] / scale, -1, 1)))
        assert angle <= 3.0 * np.sqrt(2) + 1e-3


def test_flips_mirror_x_or_y_within_the_scene(cloud):
    seen = set()
    for seed in range(40):
        points = augment(cloud, changed(flip_chance=1.0), np.random.default_rng(seed)).points
        np.testing.assert_array_equal(points[:, 2], cloud.points[:, 2])
        flipped = []
        for axis in (0, 1):
            mirrored = cloud.points[:, axis].max() - cloud.points[:, axis]
            flipped.append(np.array_equal(points[:, axis], mirrored))
            assert flipped[-1] or np.array_equal(points[:, axis], cloud.points[:, axis])
        seen.add(tuple(flipped))
    assert seen == {(a, b) for a in (False, True) for b in (False, True)}


def test_a_colour_shift_is_the_same_for_all_points(cloud):
    shifted = augment(
        cloud, changed(color_shift=0.1, color_shift_chance=1.0), np.random.default_rng(0)
    )
    shift = shifted.colors - cloud.colors
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-4)
    assert 0 < np.abs(shift[0]).max() <= 25.5


def test_colour_jitter_has_the_standard_deviation_asked_for(cloud):
    noisy = augment(
        cloud, changed(color_jitter=0.05, color_jitter_chance=1.0), np.random.default_rng(0)
    )
    difference = noisy.colors - cloud.colors
    assert difference.std() == pytest.approx(0.05 * 255, rel=0.1)
    assert noisy.colors.min() >= 0 and noisy.colors.max() <= 255


def test_autocontrast_blends_towards_the_full_range(cloud):
    rng = np.random.default_rng(6)
    result = augment(cloud, changed(autocontrast_chance=1.0), rng).colors
    low, high = cloud.colors.min(0), cloud.colors.max(0)
    stretched = (cloud.colors - low) / (high - low) * 255
    blend = (result - cloud.colors) / (stretched - cloud.colors)
    usable = np.abs(stretched - cloud.colors) > 5
    assert np.ptp(blend[usable]) < 0.02
    assert 0 < np.median(blend[usable]) < 1


def test_one_colour_survives_autocontrast(cloud):
    grey = LabelledCloud(cloud.points, np.full_like(cloud.colors, 80), cloud.labels)
    result = augment(grey, changed(autocontrast_chance=1.0), np.random.default_rng(0))
    assert np.isfinite(result.colors).all()


def test_dropout_leaves_out_a_part_in_order(cloud):
    config = changed(dropout=0.25, dropout_chance=1.0)
    left = drop(cloud, config, np.random.default_rng(0))
    assert len(left) == 300
    place = {tuple(p): k for k, p in enumerate(cloud.points.tolist())}
    rows = [place[tuple(p)] for p in left.points.tolist()]
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal(left.labels, cloud.labels[rows])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flip_chance": 1.5}, "augmentation.flip_chance is 1.5, must be from 0 to 1"),
        ({"elastic": ((0.0, 1.0),)}, "augmentation.elastic has"),
        ({"scale": (1.1, 0.9)}, "augmentation.scale is"),
        ({"tilt": -1.0}, "augmentation.tilt is -1.0, must not be below 0"),
    ],
)
def test_impossible_settings_are_named(settings, message):
    with pytest.raises(ExperimentError, match=message):
        changed(**settings)
