# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import threading
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.data.augmentation_config import UNCHANGED, AugmentationConfig  # noqa: E402
from training.data.batches import TrainingBatches  # noqa: E402
from training.data.labelled_frames import DatasetError  # noqa: E402

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


class Noise:
    """Frames that no two are alike, of which some can't be read."""

    def __init__(self, broken=()):
        self.broken, self.running, self.most = set(broken), 0, 0
        self.begun = []
        self.lock = threading.Lock()

    def __len__(self):
        return 40

    def load(self, index):
        with self.lock:
            self.running += 1
            self.begun.append(index)
            self.most = max(self.most, self.running)
        time.sleep(0.002 * (index % 3))  # so that later ones are ready first
        with self.lock:
            self.running -= 1
        if index in self.broken:
            raise DatasetError(f"frame {index} is broken")
        draw = np.random.default_rng(index)
        return draw.integers(0, 256, (50, 60, 3), np.uint8), draw.integers(0, 9, (50, 60), np.uint8)


def noise_batches(frames, **changes):
    shared = {"batch": 3, "crop": (32, 48), "config": AugmentationConfig(), "seed": 1}
    return TrainingBatches(frames, **shared, unlabeled=255, **changes)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_batches_are_the_same_for_any_number_of_threads(threads):
    alone = noise_batches(Noise())
    frames = Noise()
    several = noise_batches(frames, loaders=threads)
    steps = 0
    for step, found in zip(range(2, 16), several.iterate(2, 16), strict=True):
        for one, other in zip(found, alone.at(step), strict=True):
            assert torch.equal(one, other) and one.dtype == other.dtype
        steps += 1
    assert steps == 14 and len(frames.begun) == 3 * 14
    assert frames.most <= threads and (threads == 1 or frames.most > 1)


@pytest.mark.parametrize(("threads", "ahead"), [(1, 1), (3, 1), (7, 3)])
def test_a_few_steps_are_made_ahead_and_no_more(threads, ahead):
    frames = Noise()
    stream = noise_batches(frames, loaders=threads).iterate(0, 1000)
    next(stream)
    for _ in range(1000):
        if len(frames.begun) == 3 * (1 + ahead) and not frames.running:
            break
        time.sleep(0.01)
    time.sleep(0.02)
    assert len(frames.begun) == 3 * (1 + ahead)
    stream.close()


@pytest.mark.parametrize("threads", [1, 5])
def test_a_sample_that_can_not_be_made_ends_its_step_with_its_reason(threads):
    alone = noise_batches(Noise())
    order = [alone._frame_index(number) for number in range(40)]
    frames = Noise(broken=[order[3 * 4 + 2], order[3 * 4 + 1]])
    stream = noise_batches(frames, loaders=threads).iterate(0, 1000)
    seen = 0
    with pytest.raises(DatasetError, match=f"frame {order[3 * 4 + 1]} is broken"):
        for _ in stream:
            seen += 1
    assert seen == 4
    assert not frames.running  # threads have ended
