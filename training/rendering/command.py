# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb `rooms`: render furnished rooms in the layout of a data set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.argument_types import count, share, size
from training.provenance import command_recorded
from training.rendering.domain import DOMAINS
from training.rendering.furniture import DEFAULT_FOLDER, Catalogue, fetch, is_fetched
from training.rendering.kinds import ROOM_KINDS
from training.rendering.layouts.registry import LAYOUTS
from training.rendering.rooms_error import RoomsError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb `rooms`."""
    parser = subparsers.add_parser(
        "rooms", help="render furnished rooms with labels, depth and poses in a data set's layout"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--format",
        choices=sorted(LAYOUTS),
        default="scannet",
        help="data set whose layout on disk is written (%(default)s)",
    )
    parser.add_argument("--rooms", type=count, default=100, help="number of rooms (%(default)s)")
    parser.add_argument(
        "--domain",
        choices=DOMAINS,
        default="A",
        help="two worlds that share no room and, where there are enough, no furniture model, "
        "texture or light (%(default)s)",
    )
    parser.add_argument("--frames-per-room", type=count, default=8, help="(%(default)s)")
    parser.add_argument(
        "--val-frames-per-room", type=count, default=24, help="in rooms held out (%(default)s)"
    )
    parser.add_argument(
        "--size",
        type=size,
        metavar="WxH",
        help="of pictures and labels, 1296x968 as in ScanNet (320x240; s3dis: 320x320; nyu: "
        "640x480; panorooms: 512x256)",
    )
    parser.add_argument(
        "--depth-size",
        type=size,
        metavar="WxH",
        help="of depth images, 640x480 as in ScanNet (that of the pictures)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed gives the same files (%(default)s)"
    )
    parser.add_argument(
        "--workers", type=count, default=1, help="processes, one thread each (%(default)s)"
    )
    parser.add_argument(
        "--split-val", type=share, default=0.15, help="share of rooms held out (%(default)s)"
    )
    parser.add_argument("--furniture", type=Path, default=DEFAULT_FOLDER, help="model folder")
    parser.add_argument(
        "--scene",
        action="append",
        metavar="NAME",
        help="only this one of the rooms, such as scene0007_00; may be given more than once",
    )
    parser.add_argument("--kind", choices=sorted(ROOM_KINDS), help="only rooms of this kind")
    parser.add_argument(
        "--trajectory",
        type=count,
        metavar="FRAMES",
        help="render a recording of FRAMES frames (15 a second) through each room instead of "
        "single views",
    )
    parser.add_argument(
        "--carrier",
        choices=("hand", "robot"),
        help="who carries the camera of a recording (hand)",
    )
    parser.add_argument(
        "--scan",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also reconstruct each room as a mesh, as a scanner would (about 4 MB and 2 s each)",
    )
    parser.add_argument(
        "--sens",
        action=argparse.BooleanOptionalAction,
        help="also write each room's frames as one .sens file, as ScanNet's recordings are (with "
        "--trajectory; not without)",
    )
    parser.set_defaults(run=run)


def _refusal(arguments: argparse.Namespace) -> str | None:
    """Why the options do not go together; None where they do."""
    if arguments.carrier and not arguments.trajectory:
        return "--carrier is for recordings; give --trajectory FRAMES too"
    if arguments.sens and arguments.format != "scannet":
        return f"--sens is for --format scannet, not for {arguments.format}"
    return None


def run(arguments: argparse.Namespace) -> int:
    """Render; returns the exit status."""
    refusal = _refusal(arguments)
    if refusal:
        print(f"rooms: {refusal}", file=sys.stderr)
        return 1
    try:
        # Imported here, so that the other verbs do without these libraries.
        from training.rendering.dataset import render_dataset
    except ModuleNotFoundError as error:
        print(
            f"rooms: {error.name} is not installed; pip install open3d trimesh pyoidn tqdm",
            file=sys.stderr,
        )
        return 1
    try:
        if arguments.furniture == DEFAULT_FOLDER:
            fetch(arguments.furniture)
        elif not is_fetched(arguments.furniture):
            raise RoomsError(
                f"{arguments.furniture} holds no furniture; copy {DEFAULT_FOLDER} there, or leave "
                "out --furniture to have it fetched"
            )
        Catalogue.load(arguments.furniture)
        with command_recorded(arguments.out, arguments.words):
            render_dataset(arguments)
    except RoomsError as error:
        print(f"rooms: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"rooms: {error.filename or arguments.out} can't be written ({error.strerror or error})"
            "; what is finished stays, and the same command goes on from there once that is mended",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("rooms: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def main() -> int:
    """Run the verb alone."""
    parser = argparse.ArgumentParser(prog="python -m training.rendering.command")
    add_parser(parser.add_subparsers(dest="verb", required=True))
    arguments = parser.parse_args()
    arguments.words = sys.argv[1:]
    return int(arguments.run(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
