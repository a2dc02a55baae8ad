# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np

from training.projection.dot_colors import LEAST_BRIGHT, lifted


def test_dark_colours_become_bright_enough_and_keep_their_hue():
    colors = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)
    result = lifted(colors)
    dark = colors.max(1) < LEAST_BRIGHT
    assert dark.sum() > 20 and (result[~dark] == colors[~dark]).all()
    assert np.abs(result[dark].max(1).astype(int) - LEAST_BRIGHT).max() <= 1
    hues = [
        cv2.cvtColor(c[dark][None].astype(np.float32), cv2.COLOR_RGB2HSV) for c in (colors, result)
    ]
    coloured = hues[0][0, :, 2] > 30
    turned = np.abs(hues[0] - hues[1])[0, coloured, 0]
    assert np.median(np.minimum(turned, 360 - turned)) < 1


def test_no_colours_and_black_are_no_failure():
    assert lifted(np.zeros((0, 3), np.uint8)).shape == (0, 3)
    assert lifted(np.zeros((1, 3), np.uint8)).max() <= LEAST_BRIGHT
