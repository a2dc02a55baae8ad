# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from seg3d2d_ros.labels import LabelClass, LabelSpace
from seg3d2d_ros.overlay import blend_overlay, draw_legend


def small_space(count=4):
    rng = np.random.default_rng(1)
    return LabelSpace(
        "small",
        tuple(
            LabelClass(k, f"class {k}", tuple(int(c) for c in rng.integers(0, 200, 3)))
            for k in range(count)
        ),
    )


def blended_by_definition(image, labels, palette, alpha):
    mixed = np.rint(image * (1 - alpha) + palette[labels] * alpha)
    return np.where((labels == len(palette) - 1)[..., None], image, mixed).astype(int)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("count", [4, 300])
def test_overlay_is_the_weighted_mean_and_keeps_unlabeled_pixels(alpha, count):
    space = small_space(count)
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (31, 47, 3), np.uint8)
    labels = rng.integers(0, count, (31, 47)).astype(space.dtype)
    labels[3:9, 5:20] = space.unlabeled
    overlay = blend_overlay(image, labels, space.palette(), alpha)
    expected = blended_by_definition(image, labels, space.palette(), alpha)
    assert overlay.dtype == np.uint8
    assert overlay.flags.c_contiguous
    assert np.abs(overlay - expected).max() <= (1 if 0 < alpha < 1 else 0)
    np.testing.assert_array_equal(overlay[3:9, 5:20], image[3:9, 5:20])


def test_overlay_of_views_with_strides():
    space = small_space()
    rng = np.random.default_rng(3)
    padded = rng.integers(0, 256, (20, 40, 3), np.uint8)
    image = padded[:, :33]
    labels = rng.integers(0, 4, (40, 66), np.uint8)[::2, ::2]
    before = padded.copy()
    overlay = blend_overlay(image, labels, space.palette())
    assert np.abs(overlay - blended_by_definition(image, labels, space.palette(), 0.5)).max() <= 1
    np.testing.assert_array_equal(padded, before)


def test_overlay_refuses_labels_of_another_size():
    with pytest.raises(ValueError, match=r"\(4, 5\).*\(5, 4\)"):
        blend_overlay(
            np.zeros((5, 4, 3), np.uint8), np.zeros((4, 5), np.uint8), small_space().palette()
        )


def colors_in(panel):
    return {tuple(int(c) for c in color) for color in panel.reshape(-1, 3)}


def test_legend_shows_the_present_classes_only():
    space = small_space()
    panel = draw_legend(space, {1, 3, 255}, 200)
    assert panel.shape[0] == 200
    assert panel.shape[1] % 2 == 0
    shown = colors_in(panel)
    assert {space.classes[1].color, space.classes[3].color} <= shown
    assert not {space.classes[0].color, space.classes[2].color} & shown


def test_legend_in_columns_loses_no_class():
    space = small_space(20)
    panel = draw_legend(space, range(20), 90)
    assert panel.shape[0] == 90
    assert {label_class.color for label_class in space.classes} <= colors_in(panel)


def test_legend_of_nothing_is_blank():
    assert colors_in(draw_legend(small_space(), (), 60)) == {(255, 255, 255)}
