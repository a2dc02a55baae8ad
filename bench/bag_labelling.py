# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Frames per second of labelling a bag, against those of the backend alone."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.recorded_images import image_size, recorded_images
from bench.report import Report, add_out_argument
from seg3d2d_ros.backends import Backend, create_backend
from seg3d2d_ros.bag.frame_source import Frame
from seg3d2d_ros.bag.labelling import LABEL_TOPIC, label_bag
from seg3d2d_ros.bag.parallel_parsing import parsers_side_by_side
from seg3d2d_ros.bag.rosbag_source import RosbagSource
from seg3d2d_ros.bag.writer import START_NS, new_bag, write_bag
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.cli.arguments import DEFAULT_BUNDLE
from seg3d2d_ros.parser import ParserConfig, SceneParser, resize_to_network

NAME = "bag_labelling"
MEASURED = """Labelling: `seg3d2d bag label` from opening the bag to the new bag at its place, the
model loaded before, by as many parsers side by side as the command takes. Backend alone: one of the
same backend with its own choice of threads, as the live node has it, on the same frames, which lie
in memory at the network's size. Both in one process, in turns, round by round, the order changing.
part_of_backend: frames per second of labelling by those of the backend alone in the same round,
median over the rounds."""

BOUND = 0.9

COLUMNS = {
    "images": "images",
    "ran": "ran",
    "frames": "frames",
    "labelled": "labelled",
    "faults": "faults",
    "labelling_frames_per_s": "labelling fps",
    "backend_frames_per_s": "backend fps",
    "part_of_backend": "part",
    "uncounted": "uncounted",
}

Pixels = npt.NDArray[np.uint8]
_STEP_NS = 33_333_333


@dataclass
class Rounds:
    """Of one bag: seconds of each round, and frames of all labelling by fate."""

    labelling_s: list[float] = field(default_factory=list)
    backend_s: list[float] = field(default_factory=list)
    frames: int = 0
    labelled: int = 0
    faults: int = 0
    labels_in_bags: int = 0

    @property
    def uncounted(self) -> int:
        """Frames that are neither labelled nor a fault, or whose labels are not in the new bag."""
        return abs(self.frames - self.labelled - self.faults) + abs(
            self.labels_in_bags - self.labelled
        )


def main() -> int:
    """Measure. Returns the exit status."""
    arguments = parse_arguments()
    report = Report(NAME, MEASURED, vars(arguments))
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    parsers = parsers_side_by_side(bundle, ParserConfig(precision=arguments.precision))
    parser = parsers[0]
    backend = create_backend(
        bundle,
        name=parser.backend_name,
        device=parser.device,
        precision=parser.precision,
        threads=0,
    )
    images = recorded_images(arguments.frames, *arguments.size)
    given = inputs_of(backend, bundle, images)
    for image in given[:3]:
        backend.infer(image, with_confidence=False)
    with tempfile.TemporaryDirectory(prefix="seg3d2d-bench-", dir=arguments.scratch) as folder:
        for name, write in (("jpeg", write_jpeg_bag), ("rgb8", write_raw_bag)):
            bag = Path(folder) / name
            write(bag, images)
            rounds = Rounds()
            for number in range(arguments.rounds):
                out = bag.with_name(f"{name}_{number}")
                turn: list[Callable[[], None]] = [
                    lambda: time_backend(rounds, backend, given),  # noqa: B023
                    lambda: time_labelling(rounds, bag, out, parsers),  # noqa: B023
                ]
                for measure in turn if number % 2 == 0 else reversed(turn):
                    measure()
            add_row(report, name, rounds, f"{parser.backend_name} {parser.precision}")
    return report.finish(arguments.out, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--size", type=image_size, default=(640, 480), help="of the images")
    parser.add_argument("--frames", type=int, default=300, help="of the bag (%(default)s)")
    parser.add_argument("--rounds", type=int, default=6, help="(%(default)s)")
    parser.add_argument("--scratch", type=Path, help="folder to write the bags in")
    add_out_argument(parser, NAME)
    return parser.parse_args()


def inputs_of(backend: Backend, bundle: ModelBundle, images: list[Pixels]) -> list[Pixels]:
    """What the backend is given for these images."""
    if getattr(backend, "resizes", False):  # one that does it on its device
        return images
    return [resize_to_network(image, bundle.input) for image in images]


def write_jpeg_bag(folder: Path, images: list[Pixels]) -> None:
    """A bag of JPEG images."""
    write_bag(
        folder,
        (
            Frame(index * _STEP_NS, image, f"{index:06d}", "camera_optical_frame")
            for index, image in enumerate(images)
        ),
    )


def write_raw_bag(folder: Path, images: list[Pixels]) -> None:
    """A bag of ``rgb8`` images."""
    kind = "sensor_msgs/msg/Image"
    with new_bag(folder) as (writer, typestore):
        connection = writer.add_connection("/camera/image", kind, typestore=typestore)
        types: Any = typestore.types
        for index, image in enumerate(images):
            stamp_ns = START_NS + index * _STEP_NS
            stamp = types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
            message = types[kind](
                header=types["std_msgs/msg/Header"](stamp, "camera_optical_frame"),
                height=image.shape[0],
                width=image.shape[1],
                encoding="rgb8",
                is_bigendian=0,
                step=image[0].nbytes,
                data=image.reshape(-1),
            )
            writer.write(connection, stamp_ns, typestore.serialize_cdr(message, kind))


def time_backend(rounds: Rounds, backend: Backend, given: list[Pixels]) -> None:
    """Run the backend on every frame."""
    start = time.perf_counter()
    for image in given:
        backend.infer(image, with_confidence=False)
    rounds.backend_s.append(time.perf_counter() - start)


def time_labelling(rounds: Rounds, bag: Path, out: Path, parsers: list[SceneParser]) -> None:
    """Label the bag, and look what is in the new one."""
    start = time.perf_counter()
    source = RosbagSource(bag)
    done = label_bag(source, out, parsers[0], beside=parsers[1:])
    rounds.labelling_s.append(time.perf_counter() - start)
    rounds.frames += len(source)
    rounds.labelled += done.labelled
    rounds.faults += len(done.faults)
    rounds.labels_in_bags += len(RosbagSource(out, LABEL_TOPIC))
    shutil.rmtree(out)  # raw ones are as large as the source


def add_row(report: Report, name: str, rounds: Rounds, ran: str) -> None:
    """Row and bounds of one kind of bag."""
    frames = rounds.frames / len(rounds.labelling_s)
    pairs = zip(rounds.backend_s, rounds.labelling_s, strict=True)
    part = float(np.median([alone / labelling for alone, labelling in pairs]))
    report.add_row(
        images=name,
        ran=ran,
        frames=rounds.frames,
        labelled=rounds.labelled,
        faults=rounds.faults,
        labelling_frames_per_s=frames / float(np.median(rounds.labelling_s)),
        backend_frames_per_s=frames / float(np.median(rounds.backend_s)),
        part_of_backend=part,
        uncounted=rounds.uncounted,
        labelling_s=rounds.labelling_s,
        backend_s=rounds.backend_s,
    )
    report.require(f"frames uncounted, bag of {name}", rounds.uncounted, at_most=0)
    report.require(f"part of the backend's frames per second, bag of {name}", part, at_least=BOUND)


if __name__ == "__main__":
    sys.exit(main())
