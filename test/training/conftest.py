# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A data set of a few small pictures in ScanNet's frames layout."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest


def write_frames(root, split, scenes, frames, seed):
    """Half-planes: a light wall (nyu40 id 1) over a dark floor (2), some ceiling (22) above."""
    rng = np.random.default_rng(seed)
    for scene in scenes:
        folder = root / "scannet_frames_25k" / scene
        for kind in ("color", "label"):
            (folder / kind).mkdir(parents=True)
        for number in range(frames):
            horizon = int(rng.integers(25, 45))
            label = np.full((64, 96), 1, np.uint8)
            label[:5] = 22
            label[horizon:] = 2
            image = np.where((label == 2)[..., None], (40, 60, 90), (220, 210, 200))
            image = np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / "color" / f"{number:06d}.jpg"), image)
            cv2.imwrite(str(folder / "label" / f"{number:06d}.png"), label)
    (root / "splits").mkdir(exist_ok=True)
    (root / "splits" / f"{split}.txt").write_text("\n".join(scenes) + "\n")


@pytest.fixture
def rooms(tmp_path):
    """Root of a data set: two train scenes of three frames, one val scene of two."""
    root = tmp_path / "rooms"
    write_frames(root, "train", ["scene0000_00", "scene0001_00"], 3, 0)
    write_frames(root, "val", ["scene0002_00"], 2, 1)
    return root


@pytest.fixture
def experiment(rooms, repository):
    """Mapping of an experiment that trains in a second."""
    return {
        "name": "tiny",
        "label_space": str(repository / "config" / "labels" / "scannet20.yaml"),
        "data": {"root": str(rooms)},
        "network": {
            "name": "efficientnet_lite_fpn",
            "config": {"width": 8},
            "imagenet": False,
        },
        "input": {"height": 64, "width": 96},
        "training": {
            "steps": 4,
            "batch": 2,
            "crop": [64, 64],
            "warmup": 2,
            "threads": 1,
            "checkpoint_every": 2,
            "evaluate_every": 3,
        },
    }


@pytest.fixture
def equation_2():
    """The sum of Eq. 2, term by term, and the number of valid pixels; 255 is none."""

    def sum_and_count(logits, labels):
        total, count = 0.0, 0
        for n, y, x in (labels != 255).nonzero().tolist():
            count += 1
            exponentials = [math.exp(value) for value in logits[n, :, y, x].tolist()]
            for c, value in enumerate(exponentials):
                if labels[n, y, x] == c:
                    total -= math.log(value / sum(exponentials))
        return total, count

    return sum_and_count
