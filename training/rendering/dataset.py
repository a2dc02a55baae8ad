# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A data set of rooms: who is in which split, and the processes that render it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.rendering.domain import DOMAIN_SPLITS, Part
from training.rendering.kinds import kind_of
from training.rendering.layouts.registry import open_layout
from training.rendering.room_job import RoomJob, render_room
from training.rendering.rooms_error import RoomsError
from training.scene_jobs import run_scene_jobs


def splits_of(rooms: int, val_share: float, seed: int) -> dict[str, list[int]]:
    """Room numbers per split, drawn by `seed`; a positive share holds out at least one room."""
    held = max(1, round(rooms * val_share)) if val_share > 0 else 0
    order = np.random.default_rng([seed, 0x51]).permutation(rooms)
    val = sorted(int(k) for k in order[:held])
    return {"train": [k for k in range(rooms) if k not in set(val)], "val": val}


def render_dataset(arguments: argparse.Namespace) -> None:
    """Render what is missing of the rooms that the arguments of the verb `rooms` describe.

    Raises:
        RoomsError: the folder holds other rooms, a scene is unknown, furniture is damaged, or
            there is no way through a room.
        OSError: something can't be written.
    """
    splits = splits_of(arguments.rooms, arguments.split_val, arguments.seed)
    layout = open_layout(arguments.format)
    size = arguments.size = arguments.size or layout.default_size
    if layout.aspect is not None and size[0] != layout.aspect * size[1]:
        raise RoomsError(
            f"pictures of {arguments.format} are {layout.aspect} times as wide as high, not "
            f"{size[0]}x{size[1]}; use --size {layout.aspect * size[1]}x{size[1]}"
        )
    if layout.registered_depth and arguments.depth_size not in (None, size):
        raise RoomsError(
            f"depth images of {arguments.format} have the size of its pictures; leave out "
            "--depth-size"
        )
    frames = {"train": arguments.frames_per_room, "val": arguments.val_frames_per_room}
    if arguments.trajectory:
        frames = dict.fromkeys(DOMAIN_SPLITS, arguments.trajectory)
    if layout.pictures is not None:
        if arguments.trajectory:
            raise RoomsError(
                f"{arguments.format} has no recordings, but {layout.pictures} picture of each "
                "room; leave out --trajectory"
            )
        frames = dict.fromkeys(DOMAIN_SPLITS, layout.pictures)
    jobs = [
        RoomJob(
            arguments.out,
            index,
            Part(arguments.domain, split),
            arguments.seed,
            frames[split],
            size,
            arguments.furniture,
            arguments.kind or kind_of(position),
            (arguments.carrier or "hand") if arguments.trajectory else None,
            arguments.scan,
            arguments.depth_size or size,
            layout,
            arguments.sens if arguments.sens is not None else bool(arguments.trajectory),
        )
        for split, rooms in splits.items()
        for position, index in enumerate(rooms)
    ]
    if arguments.scene:
        unknown = set(arguments.scene) - {job.name for job in jobs}
        if unknown:
            raise RoomsError(f"there is no {min(unknown)} among {arguments.rooms} rooms")
        jobs = [job for job in jobs if job.name in arguments.scene]
    wanted = {job.index for job in jobs}
    splits = {split: [k for k in rooms if k in wanted] for split, rooms in splits.items()}
    _claim(arguments.out, arguments)
    layout.finish(arguments.out, splits, jobs)
    # Rooms are rendered in order of their number, so that both splits fill evenly.
    jobs.sort(key=lambda job: job.index)
    todo = [job for job in jobs if not job.done]
    total = sum(job.frames for job in jobs)
    ready = sum(job.frames for job in jobs if layout.frames_done(job))
    with tqdm(total=total, unit="frame", initial=ready, smoothing=0.02) as bar:
        for done in _render_all(todo, arguments.workers):
            bar.update(done)
    layout.finish(arguments.out, splits, jobs)


def _claim(out: Path, arguments: argparse.Namespace) -> None:
    """Record in `out` what determines its files, so that a run is not resumed as another one.

    Raises:
        RoomsError: `out` belongs to a run with other settings.
    """
    names = (
        "rooms",
        "domain",
        "frames_per_room",
        "val_frames_per_room",
        "size",
        "seed",
        "split_val",
        "kind",
        "trajectory",
        "carrier",
        "depth_size",
        "scene",
    )
    values = {name: getattr(arguments, name) for name in names}
    if arguments.format != "scannet":  # which is what folders of earlier versions hold
        values["format"] = arguments.format
    values["scene"] = sorted(set(arguments.scene)) if arguments.scene else None
    settings = json.dumps(values, indent=1) + "\n"
    file = out / "rooms.json"
    if not file.exists():
        out.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".part")
        temporary.write_text(settings)
        temporary.replace(file)
    elif file.read_text() != settings:
        raise RoomsError(
            f"{out} holds rooms made with other settings ({file.name} there lists them); use "
            "those to go on with it, or another --out"
        )


def _render_all(jobs: list[RoomJob], workers: int) -> Iterator[int]:
    if workers == 1:
        for job in jobs:
            yield from render_room(job)
        return
    yield from run_scene_jobs(_whole_room, jobs, workers=workers)


def _whole_room(job: RoomJob) -> int:
    return sum(render_room(job))
