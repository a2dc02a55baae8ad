# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Every backend and precision that this machine has, against eager PyTorch on the same bundle."""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.eager_network import EagerNetwork
from bench.recorded_images import image_size, recorded_images
from bench.report import Report, add_out_argument, percentiles
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.cli.arguments import DEFAULT_BUNDLE
from seg3d2d_ros.cli.model_backends import make_parsers
from seg3d2d_ros.parser import ParseFailure, SceneParser
from seg3d2d_ros.reference_check import read_references

NAME = "backends"
MEASURED = """From an RGB array to labels at its size, one image at a time, in one process:
resizing, normalisation, network, upsampling, arg-max, resizing back. The backends are what the
parse node runs; eager is the same network with the same weights, built from its Python code and run
layer by layer with as many threads, with PyTorch's bilinear upsampling and arg-max. All take turns
image by image, each turn in another order and after a pause in which the others' threads fall
asleep. speed_up: ratio of the median of eager fp32 on the same kind of device to the own median.
equal_to_eager: part of the pixels whose label is eager fp32's."""

MINIMUM_EAGER_AGREEMENT = 0.995
"""With the stored reference labels; below it the eager network would not be the bundle's."""

COLUMNS = {
    "backend": "backend",
    "device": "device",
    "images": "images",
    "failed": "failed",
    "time_p50_ms": "p50 ms",
    "time_p95_ms": "p95 ms",
    "time_p99_ms": "p99 ms",
    "speed_up": "x eager",
    "equal_to_eager": "equal",
}
_PAUSE_S = 0.01
_WARM_UPS = 3

Labels = npt.NDArray[Any]
Run = Callable[[npt.NDArray[np.uint8]], Labels | None]
"""Labels of an image, None where it could not be parsed."""


def main() -> int:
    """Measure. Returns the exit status."""
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    report = Report(NAME, MEASURED, vars(arguments))
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    parsers, faults = make_parsers(bundle, arguments.threads)
    for fault in faults.values():
        report.add_note(fault)
    eager = eager_networks(bundle)
    report.add_note(f"eager PyTorch's weights are from the bundle's {eager[0].weights_from}")
    report.require(
        "part of the reference labels that eager PyTorch gives",
        reference_agreement(eager[0], bundle),
        at_least=MINIMUM_EAGER_AGREEMENT,
    )
    runs: dict[tuple[str, str], Run] = {(n.name, n.device): n.labels for n in eager}
    for (backend, precision), parser in parsers.items():
        runs[f"{backend} {precision}", parser.device.partition(":")[0]] = labels_of(parser)
    images = recorded_images(arguments.images, *arguments.size)
    times, equal = take_turns(runs, images)
    base = {n.device: float(np.median(times[n.name, n.device])) for n in reversed(eager)}
    for key, of_run in times.items():
        name, device = key
        failed = len(images) - len(of_run)
        report.add_row(
            backend=name,
            device=device,
            images=len(images),
            failed=failed,
            **percentiles(of_run, "time"),
            speed_up=base[device] / float(np.median(of_run)) if of_run else None,
            equal_to_eager=float(np.mean(equal[key])) if of_run else None,
        )
        report.require(f"images without labels, {name}", failed, at_most=0)
    return report.finish(arguments.out, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE)
    parser.add_argument("--size", type=image_size, default=(640, 480), help="of the images")
    parser.add_argument("--images", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="0 = each runtime's choice")
    add_out_argument(parser, NAME)
    return parser.parse_args()


def eager_networks(bundle: ModelBundle) -> list[EagerNetwork]:
    """Eager fp32 on the CPU first, then on CUDA, where it is there also in fp16."""
    networks = [EagerNetwork(bundle)]
    if torch.cuda.is_available():
        networks += [EagerNetwork(bundle, "cuda"), EagerNetwork(bundle, "cuda", torch.float16)]
    return networks


def labels_of(parser: SceneParser) -> Run:
    """A parser as a function that gives labels."""

    def run(image: npt.NDArray[np.uint8]) -> Labels | None:
        result = parser.parse(image)
        return None if isinstance(result, ParseFailure) else result.labels

    return run


def reference_agreement(network: EagerNetwork, bundle: ModelBundle) -> float | None:
    """Part of the pixels of the bundle's reference images that get the stored label."""
    pairs = read_references(bundle)
    equal = [network.labels(image) == labels for image, labels in pairs]
    return float(np.mean([part.mean() for part in equal])) if equal else None


def take_turns(
    runs: dict[tuple[str, str], Run], images: list[npt.NDArray[np.uint8]]
) -> tuple[dict[tuple[str, str], list[float]], dict[tuple[str, str], list[float]]]:
    """Milliseconds, and parts of equal labels, of each run and image that it could parse."""
    for run in runs.values():
        for _ in range(_WARM_UPS):
            run(images[0])
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    equal: dict[tuple[str, str], list[float]] = defaultdict(list)
    first, *others = runs
    for number, image in enumerate(images):
        labels: dict[tuple[str, str], Labels] = {}
        turn = number % len(runs)
        for key in ([first, *others] * 2)[turn : turn + len(runs)]:
            time.sleep(_PAUSE_S)
            start = time.perf_counter()
            found = runs[key](image)
            if found is not None:
                times[key].append((time.perf_counter() - start) * 1e3)
                labels[key] = found
        for key, found in labels.items():
            equal[key].append(float((found == labels[first]).mean()))
    return times, equal


if __name__ == "__main__":
    sys.exit(main())
