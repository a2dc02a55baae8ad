# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.data.augmentation import UNCHANGED, AugmentationConfig  # noqa: E402
from training.data.batches import TrainingBatches  # noqa: E402

STILL = dataclasses.replace(UNCHANGED, scale=(2.0, 2.0))


class Disc:
    """One frame: a bright disc of radius 20 in the middle of 100 x 100 pixels."""

    def __len__(self):
        return 1

    def load(self, index):
        y, x = np.mgrid[-49.5:50, -49.5:50]
        label = (np.hypot(x, y) < 20).astype(np.uint8)
        return (label[..., None] * np.full(3, 200)).astype(np.uint8), label


def batches(**changes):
    arguments = {
        "batch": 2,
        "crop": (200, 200),
        "config": STILL,
        "seed": 0,
        "unlabeled": 255,
        "early_crop": (100, 100),
        "early_steps": 3,
    }
    return TrainingBatches(Disc(), **(arguments | changes))


def test_early_steps_show_the_same_at_a_smaller_scale():
    early, late = batches().at(2)[1], batches().at(3)[1]
    assert early.shape == (2, 100, 100) and late.shape == (2, 200, 200)
    # The frame is as large as the crop in both, so the disc keeps its share.
    share = np.pi * 20**2 / 100**2
    assert (early == 1).double().mean() == pytest.approx(share, rel=0.02)
    assert (late == 1).double().mean() == pytest.approx(share, rel=0.02)


def test_without_early_steps_all_are_alike():
    assert batches(early_steps=0).at(0)[0].shape == (2, 200, 200, 3)


def test_a_step_is_the_same_whether_reached_or_resumed_at():
    whole = [images.sum() for images, _ in batches(config=AugmentationConfig()).iterate(0, 5)]
    rest = [images.sum() for images, _ in batches(config=AugmentationConfig()).iterate(2, 5)]
    assert whole[2:] == rest
