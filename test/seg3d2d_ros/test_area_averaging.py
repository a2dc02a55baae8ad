# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from seg3d2d_ros.area_averaging import average_areas

SIZES = [
    ((480, 640), (256, 320)),
    ((480, 640), (288, 384)),
    ((1080, 1920), (224, 384)),
    ((720, 1280), (224, 384)),
    ((600, 800), (256, 320)),
    ((1024, 1280), (256, 320)),
    ((480, 640), (480, 320)),
    ((480, 640), (256, 640)),
]


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def coverage(source, target):
    """(target, source) float64: part of each target pixel that each source pixel covers."""
    # whole numbers, so that nothing is rounded: a source pixel is `target` long, a target `source`
    starts, sources = np.arange(target)[:, None] * source, np.arange(source) * target
    overlap = np.minimum(starts + source, sources + target) - np.maximum(starts, sources)
    return np.clip(overlap, 0, None) / source


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_every_pixel_is_the_mean_of_its_area(source, target):
    image = noise(*source)
    rows, columns = (coverage(*sides) for sides in zip(source, target, strict=True))
    exact = np.einsum("hH,HWc,wW->hwc", rows, image.astype(float), columns, optimize=True)
    averaged = average_areas(image, *target)
    assert averaged.shape == (*target, 3) and averaged.dtype == np.uint8
    assert averaged.flags.c_contiguous
    # half a grey level is the rounding; float32 has 2e-5 to decide where the mean lies at the half
    assert np.abs(averaged - exact).max() <= 0.5 + 1e-4


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_it_is_opencvs_area_interpolation_but_for_the_rounding_of_halves(source, target):
    image = noise(*source)
    reference = cv2.resize(image, target[::-1], interpolation=cv2.INTER_AREA)
    averaged = average_areas(image, *target)
    assert np.abs(averaged.astype(int) - reference).max() <= 1
    # four by four are whole numbers there: one mean in sixteen is a half, and goes up, not to even
    whole = all(s % t == 0 for s, t in zip(source, target, strict=True))
    assert np.mean(averaged != reference) < (1 / 16 if whole else 0.02)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_even_image_stays_as_it_is(channels):
    for grey in (0, 1, 127, 254, 255):
        image = np.full((1080, 1920, channels), grey, np.uint8)
        assert (average_areas(image, 224, 384) == grey).all()


def test_rows_may_be_apart_and_channels_the_other_way_round():
    wide = noise(480, 700)
    expected = average_areas(np.ascontiguousarray(wide[:, 20:660]), 256, 320)
    assert np.array_equal(average_areas(wide[:, 20:660], 256, 320), expected)
    flipped = average_areas(wide[:, 20:660, ::-1], 256, 320)
    assert np.array_equal(flipped, expected[:, :, ::-1])


def test_what_opencv_does_faster_is_left_to_it():
    assert average_areas(noise(257, 341), 256, 320) is None  # 513 rows of steps of one row each
    assert average_areas(noise(97, 131), 32, 64) is None
    assert average_areas(noise(512, 640), 256, 320) is None  # in vector code there
