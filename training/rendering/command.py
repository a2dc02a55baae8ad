# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb `rooms`: render furnished rooms in ScanNet's on-disk layout."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from training.rendering.camera import Intrinsics, Sensor, auto_exposure
from training.rendering.furniture import DEFAULT_FOLDER, Catalogue, FurnitureError, fetch
from training.rendering.layout import furnish
from training.rendering.render import Renderer, render_ground_truth
from training.rendering.room_kinds import ROOM_KINDS, kind_of
from training.rendering.scannet_layout import FRAMES, SceneWriter, scene_name, write_splits
from training.rendering.trajectory import choose_views, walk


@dataclass(frozen=True)
class RoomJob:
    """Everything that determines one scene's files."""

    out: Path
    index: int
    split: str
    seed: int
    frames: int
    size: tuple[int, int]
    furniture: Path
    kind: str
    trajectory: bool


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb `rooms`."""
    parser = subparsers.add_parser(
        "rooms", help="render furnished rooms with labels, depth and poses in ScanNet's layout"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--rooms", type=int, default=100, help="number of rooms")
    parser.add_argument("--frames-per-room", type=int, default=8)
    parser.add_argument("--size", type=_size, default=(320, 240), metavar="WxH")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files")
    parser.add_argument("--workers", type=int, default=1, help="processes, one thread each")
    parser.add_argument("--split-val", type=float, default=0.15, help="share of rooms held out")
    parser.add_argument("--furniture", type=Path, default=DEFAULT_FOLDER, help="model folder")
    parser.add_argument("--kind", choices=sorted(ROOM_KINDS), help="only rooms of this kind")
    parser.add_argument(
        "--trajectory",
        type=int,
        metavar="FRAMES",
        help="render a walk of FRAMES frames through each room instead of single views",
    )
    parser.set_defaults(run=run)


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not WxH, such as 320x240") from None
    if min(width, height) < 16:
        raise argparse.ArgumentTypeError(f"'{text}' is too small, use at least 16x16")
    return width, height


def splits_of(rooms: int, val_share: float, seed: int) -> dict[str, list[int]]:
    """Room numbers per split, drawn by `seed`; a positive share holds out at least one room."""
    held = max(1, round(rooms * val_share)) if val_share > 0 else 0
    order = np.random.default_rng([seed, 0x51]).permutation(rooms)
    val = sorted(int(k) for k in order[:held])
    return {"train": [k for k in range(rooms) if k not in set(val)], "val": val}


def run(arguments: argparse.Namespace) -> int:
    """Render; returns the exit status."""
    try:
        fetch(arguments.furniture)
        Catalogue.load(arguments.furniture)
        _claim(arguments.out, arguments)
    except (FurnitureError, ValueError) as error:
        print(f"rooms: {error}", file=sys.stderr)
        return 1
    splits = splits_of(arguments.rooms, arguments.split_val, arguments.seed)
    names = {split: [scene_name(k) for k in rooms] for split, rooms in splits.items()}
    write_splits(arguments.out, names)
    frames = arguments.trajectory or arguments.frames_per_room
    jobs = [
        RoomJob(
            arguments.out,
            index,
            split,
            arguments.seed,
            frames,
            arguments.size,
            arguments.furniture,
            arguments.kind or kind_of(position),
            arguments.trajectory is not None,
        )
        for split, rooms in splits.items()
        for position, index in enumerate(rooms)
    ]
    # Rooms are rendered in order of their number, so that both splits fill evenly.
    jobs.sort(key=lambda job: job.index)
    todo = [job for job in jobs if not _scene_folder(job).exists()]
    ready = (len(jobs) - len(todo)) * frames
    try:
        with tqdm(total=len(jobs) * frames, unit="frame", initial=ready) as bar:
            for done in _render_all(todo, arguments.workers):
                bar.update(done)
    except KeyboardInterrupt:
        print("rooms: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def _claim(out: Path, arguments: argparse.Namespace) -> None:
    """Record in `out` what determines its files, so that a run is not resumed as another one.

    Raises:
        ValueError: `out` belongs to a run with other settings.
    """
    names = ("rooms", "frames_per_room", "size", "seed", "split_val", "kind", "trajectory")
    settings = json.dumps({name: getattr(arguments, name) for name in names}, indent=1) + "\n"
    file = out / "rooms.json"
    if not file.exists():
        out.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".part")
        temporary.write_text(settings)
        temporary.replace(file)
    elif file.read_text() != settings:
        raise ValueError(
            f"{out} holds rooms made with other settings ({file.name} there lists them); use "
            "those to go on with it, or another --out"
        )


def _scene_folder(job: RoomJob) -> Path:
    return job.out / FRAMES / scene_name(job.index)


def _render_all(jobs: list[RoomJob], workers: int) -> Iterator[int]:
    if workers <= 1:
        for job in jobs:
            yield from render_room(job)
        return
    # Fresh processes: native thread pools do not survive a fork.
    with multiprocessing.get_context("spawn").Pool(workers, _single_thread) as pool:
        yield from pool.imap_unordered(_whole_room, jobs)


def _single_thread() -> None:
    # The parent answers Ctrl-C for all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    cv2.setNumThreads(1)


def _whole_room(job: RoomJob) -> int:
    return sum(render_room(job))


def render_room(job: RoomJob) -> Iterator[int]:
    """Render one room into its scene folder, yielding 1 after each frame."""
    rng = np.random.default_rng([job.seed, job.index])
    catalogue = Catalogue.load(job.furniture).for_split(job.split)
    furnished = furnish(job.kind, catalogue, rng)
    fov = float(np.deg2rad(62.0 if job.trajectory else rng.uniform(52, 76)))
    intrinsics = Intrinsics.from_fov(*job.size, fov)
    poses = (walk if job.trajectory else choose_views)(furnished, job.frames, fov, rng)
    room = furnished.room
    centre = np.array([room.width / 2, room.depth / 2, room.height * 0.6])
    renderer = Renderer(furnished.scene, rng, centre)
    sensor = Sensor(noise=0.008, vignette=0.15) if job.trajectory else Sensor.sample(rng)
    exposure: float | None = None
    with SceneWriter(job.out, scene_name(job.index), intrinsics) as writer:
        for pose in poses:
            truth = render_ground_truth(furnished.scene, intrinsics, pose)
            radiance = renderer.radiance(intrinsics, pose)
            if job.trajectory:
                exposure = _follow(exposure, auto_exposure(radiance))
            color = sensor.expose(radiance, rng, exposure)
            writer.add(color, truth, pose, sensor.quality)
            yield 1


def _follow(previous: float | None, wanted: float) -> float:
    """A camera's exposure control: it moves a tenth of the way each frame."""
    return wanted if previous is None else float(previous**0.9 * wanted**0.1)


def main() -> int:
    """Run the verb alone."""
    parser = argparse.ArgumentParser(prog="python -m training.rendering.command")
    add_parser(parser.add_subparsers(dest="verb", required=True))
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
