# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Two rendered rooms in 2D-3D-Semantics' layout: a bathroom to train on, a corridor of Area 5."""

import json
from pathlib import Path

import numpy as np

from training.rendering.domain import Part
from training.rendering.layout import furnish
from training.rendering.layouts.s3dis import S3disLayout
from training.rendering.room_job import RoomJob

SIZE = 96
LAYOUT = S3disLayout()
CLASSES = (
    "ceiling floor wall beam column window door table chair sofa bookcase board clutter".split()
)


def job_of(out, index, split, kind, frames=2, **changes):
    arguments = {
        "out": out,
        "index": index,
        "part": Part("A", split),
        "seed": 5,
        "frames": frames,
        "size": (SIZE, SIZE),
        "furniture": Path("none"),
        "kind": kind,
        "carrier": None,
        "scan": True,
        "depth_size": (SIZE, SIZE),
        "layout": LAYOUT,
    }
    return RoomJob(**(arguments | changes))


def furnished_of(job):
    rng = job.part.generator(job.seed, job.index)
    return furnish(job.kind, None, rng), np.random.Generator(rng.bit_generator)


def write(job):
    return sum(LAYOUT.write(job, *furnished_of(job)))


def render_rooms(out):
    """Both rooms, from a folder without any to the lists of what is there."""
    jobs = [job_of(out, 1, "train", "bathroom"), job_of(out, 2, "val", "corridor", 3)]
    splits = {"train": [1], "val": [2]}
    LAYOUT.finish(out, splits, jobs)
    assert json.loads((out / "assets/semantic_labels.json").read_text()) == ["<UNK>_0_<UNK>_0_0"]
    for job in jobs:
        assert not LAYOUT.done(job) and not LAYOUT.frames_done(job)
        assert write(job) == job.frames
        assert LAYOUT.done(job) and LAYOUT.frames_done(job)
    LAYOUT.finish(out, splits, jobs)


def poses(root):
    found = sorted(root.glob("area_*/data/pose/*.json"))
    assert len(found) == 5
    return found


def beside(pose, kind):
    return pose.parent.parent / kind / pose.name.replace("pose.json", f"{kind}.png")
