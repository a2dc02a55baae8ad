# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Colours, blur, noise and compression: what is asked for, and the same bytes as ever."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.augmentation_config import UNCHANGED, AugmentationConfig
from training.data.photometry import photometric

CONFIG = AugmentationConfig()
STILL = UNCHANGED


def test_grey_pictures_have_no_colour():
    image = np.random.default_rng(0).integers(60, 200, (40, 40, 3), np.uint8)
    config = dataclasses.replace(STILL, grey=1.0)
    grey = photometric(image, config, np.random.default_rng(0))
    assert np.ptp(grey.astype(int), axis=2).max() <= 2
    luma = image @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[..., 0] - luma).max() <= 3


def test_noise_has_the_asked_strength():
    image = np.full((200, 200, 3), 250, np.uint8) // 2
    config = dataclasses.replace(STILL, noise=10.0)
    spreads = [photometric(image, config, np.random.default_rng(s)).std() for s in range(20)]
    assert max(spreads) <= 12
    assert max(spreads) > 3


def photometric_with_all_steps(image, config, rng):
    """Every step computed, on or off, in the order in which released models were trained."""

    def factor(largest):
        return float(np.exp(rng.uniform(-1.0, 1.0) * np.log(largest)))

    changed = image.astype(np.float32) / 255.0
    gains = [factor(config.white_balance), 1.0, factor(config.white_balance)]
    changed = changed * np.array(gains, np.float32)
    yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    saturation = 0.0 if rng.random() < config.grey else rng.uniform(*config.saturation)
    angle = np.deg2rad(rng.uniform(-config.hue, config.hue))
    cosine, sine = saturation * np.cos(angle), saturation * np.sin(angle)
    chroma = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    changed = cv2.transform(changed, (np.linalg.inv(yiq) @ chroma @ yiq).astype(np.float32))
    mean = float(changed.mean())
    contrast = factor(config.contrast)
    changed = ((changed - mean) * contrast + mean) * factor(config.brightness)
    changed = cv2.pow(np.clip(changed, 0.0, 1.0), factor(config.gamma)).astype(np.float32)
    if rng.random() < config.blur:
        changed = blur_as_ever(changed, rng)
    sigma = rng.uniform(0.0, config.noise) / 255.0
    grain = rng.standard_normal((*image.shape[:2], 3), np.float32)
    grain += rng.standard_normal((*image.shape[:2], 1), np.float32)
    if rng.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 2.0
    changed = changed + grain * (sigma * np.sqrt(0.3 + 0.7 * changed)) * np.float32(0.7)
    result = np.clip(np.rint(changed * 255.0), 0, 255).astype(np.uint8)
    if rng.random() < config.jpeg:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 91))]
        result = cv2.imdecode(cv2.imencode(".jpg", result[..., ::-1], quality)[1], 1)[..., ::-1]
    return result


def blur_as_ever(image, rng):
    if rng.random() < 0.6:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8))
    length = int(rng.integers(2, 5)) * 2 + 1
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (length // 2)
    start, end = (np.rint(length // 2 + sign * reach).astype(int) for sign in (-1, 1))
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def settings_in_use():
    """Of all experiments, and each setting on its own."""
    pytest.importorskip("torch")
    from training.engine.experiment import load_experiment

    folder = Path(__file__).resolve().parents[3] / "config/experiments"
    found = [*folder.glob("*.yaml"), *folder.glob("distillation/*.yaml")]
    used = {load_experiment(path).augmentation for path in found}
    assert len(used) > 2
    changes = {name: getattr(CONFIG, name) for name in vars(UNCHANGED)} | {"blur": 1.0, "jpeg": 1.0}
    alone = {dataclasses.replace(UNCHANGED, **{name: value}) for name, value in changes.items()}
    blurred = {dataclasses.replace(each, blur=1.0) for each in alone}
    return used | alone | blurred


def test_steps_that_are_off_are_left_out_without_changing_a_byte():
    for number, config in enumerate(sorted(settings_in_use(), key=repr)):
        for seed in range(4):
            draw = np.random.default_rng([number, seed])
            image = draw.integers(0, 256, (64, 80, 3), np.uint8)
            image[:30] = cv2.GaussianBlur(image[:30], (0, 0), 3.0)
            image[:, :9] = 0  # as rendered pictures have black
            expected = photometric_with_all_steps(image, config, np.random.default_rng(seed))
            found = photometric(image, config, np.random.default_rng(seed))
            assert np.array_equal(found, expected), config


def test_a_picture_that_nothing_changes_is_not_copied():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert photometric(image, UNCHANGED, np.random.default_rng(0)) is image
