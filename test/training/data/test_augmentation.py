# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation keeps image and labels together and the picture's content apart from its tone."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from training.data.augmentation import apply_warp, augment, augment_with_matrix, draw_warp, warp
from training.data.augmentation_config import UNCHANGED, AugmentationConfig

CONFIG = AugmentationConfig()
STILL = UNCHANGED


def blocks(seed):
    """Labels in blocks of 16 pixels, and an image that shows ten times the label."""
    labels = np.random.default_rng(seed).integers(0, 20, (10, 14)).astype(np.uint8)
    labels = np.kron(labels, np.ones((16, 16), np.uint8))
    return np.repeat((labels * 10)[..., None], 3, 2), labels


@pytest.mark.parametrize("seed", range(8))
def test_image_and_labels_move_together(seed):
    image, labels = blocks(seed)
    rng = np.random.default_rng(seed)
    moved, moved_labels = warp(image, labels, (96, 128), config=CONFIG, rng=rng, unlabeled=255)
    assert moved.shape == (96, 128, 3)
    assert moved_labels.shape == (96, 128)
    inside = moved_labels != 255
    assert inside.any()
    assert (moved[~inside].astype(int) - 127 <= 127).all()
    # Bilinear pixels at the edges of blocks mix; everywhere else the image must say the label.
    agree = np.abs(moved[inside][:, 0].astype(int) - 10 * moved_labels[inside].astype(int)) <= 5
    assert agree.mean() > 0.75
    # A shift of one block would leave next to no agreement.
    shifted = np.roll(moved_labels, 16, 1)[inside].astype(int)
    assert (np.abs(moved[inside][:, 0].astype(int) - 10 * shifted) <= 5).mean() < 0.4


def test_neutral_settings_change_nothing():
    image, labels = blocks(3)
    rng = np.random.default_rng(0)
    same, same_labels = augment(image, labels, (160, 224), config=STILL, rng=rng, unlabeled=255)
    assert np.abs(same.astype(int) - image).max() <= 1
    assert np.array_equal(same_labels, labels)


def test_mirroring_mirrors_both():
    image, labels = blocks(4)
    config = dataclasses.replace(STILL, flip=1.0)
    rng = np.random.default_rng(0)
    mirrored, mirrored_labels = warp(image, labels, (160, 224), config=config, rng=rng, unlabeled=9)
    assert np.array_equal(mirrored, image[:, ::-1])
    assert np.array_equal(mirrored_labels, labels[:, ::-1])


def test_images_are_turned_by_chance():
    config = dataclasses.replace(STILL, rotation=10.0, rotation_chance=0.5)
    straight = 0
    for seed in range(40):
        matrix = draw_warp((64, 64), (64, 64), config=config, rng=np.random.default_rng(seed))
        straight += bool(np.allclose(matrix[:, :2], np.eye(2)))
    assert 10 < straight < 30


def test_outside_the_image_is_unlabeled():
    image, labels = blocks(5)
    config = dataclasses.replace(STILL, scale=(0.5, 0.5))
    rng = np.random.default_rng(0)
    _, smaller = warp(image, labels, (160, 224), config=config, rng=rng, unlabeled=255)
    assert abs((smaller != 255).mean() - 0.25) < 0.01


def test_zoom_stays_within_its_range():
    image = np.zeros((100, 100, 3), np.uint8)
    labels = np.zeros((100, 100), np.uint8)
    config = dataclasses.replace(STILL, scale=(0.5, 0.9))
    shares = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        _, moved = warp(image, labels, (100, 100), config=config, rng=rng, unlabeled=255)
        shares.append((moved == 0).mean())
    assert 0.24 < min(shares) < 0.4
    assert 0.65 < max(shares) < 0.83


def test_the_same_seed_gives_the_same_picture():
    image, labels = blocks(6)
    results = [
        augment(image, labels, (64, 96), config=CONFIG, rng=np.random.default_rng(s), unlabeled=255)
        for s in (1, 1, 2)
    ]
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])
    assert not np.array_equal(results[0][0], results[2][0])


def warp_in_one(image, labels, size, config, rng, unlabeled):
    """Drawing and applying in one go, in the order in which released models were trained."""
    height, width = image.shape[:2]
    zoom = float(np.exp(rng.uniform(*np.log(config.scale))))
    stretch = np.sqrt(float(np.exp(rng.uniform(-1.0, 1.0) * np.log(config.aspect))))
    angle = np.deg2rad(rng.uniform(-config.rotation, config.rotation))
    mirror = -1.0 if rng.random() < config.flip else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([zoom * stretch * mirror, zoom / stretch])
    slack = np.abs([size[1] - zoom * stretch * width, size[0] - zoom / stretch * height]) / 2
    centre = np.array([size[1] - 1, size[0] - 1]) / 2 + rng.uniform(-slack, slack)
    shift = centre - linear @ (np.array([width - 1, height - 1]) / 2)
    matrix = np.column_stack([linear, shift])
    out = [
        cv2.warpAffine(
            source, matrix, size[::-1], flags=how, borderMode=cv2.BORDER_CONSTANT, borderValue=edge
        )
        for source, how, edge in (
            (image, cv2.INTER_LINEAR, (127, 127, 127)),
            (labels, cv2.INTER_NEAREST, unlabeled),
        )
    ]
    return *out, matrix


@pytest.mark.parametrize("seed", range(10))
def test_the_same_generator_gives_the_same_bytes_as_ever(seed):
    rng = np.random.default_rng(seed + 100)
    image = rng.integers(0, 256, (60, 90, 3), np.uint8)
    labels = rng.integers(0, 40, (60, 90)).astype(np.uint8)
    ours, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
    size = (48, 64)
    expected, expected_labels, matrix = warp_in_one(image, labels, size, CONFIG, theirs, 255)
    warped, warped_labels = warp(image, labels, size, config=CONFIG, rng=ours, unlabeled=255)
    np.testing.assert_array_equal(warped, expected)
    np.testing.assert_array_equal(warped_labels, expected_labels)
    # and as many numbers are drawn
    assert ours.bit_generator.state == theirs.bit_generator.state
    drawn = draw_warp((60, 90), size, config=CONFIG, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(drawn, matrix)


def test_the_matrix_that_comes_with_a_picture_is_the_one_it_was_moved_by():
    image, labels = blocks(7)
    rngs = [np.random.default_rng(3) for _ in range(2)]
    shared = {"config": CONFIG, "unlabeled": 255}
    picture, moved = augment(image, labels, (64, 96), rng=rngs[0], **shared)
    same, same_labels, matrix = augment_with_matrix(image, labels, (64, 96), rng=rngs[1], **shared)
    np.testing.assert_array_equal(same, picture)
    np.testing.assert_array_equal(same_labels, moved)
    _, again = apply_warp(image, labels, matrix, (64, 96), unlabeled=255)
    np.testing.assert_array_equal(again, moved)
