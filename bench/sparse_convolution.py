# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse convolution on the CPU: the plain engine against MinkowskiEngine."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.report import Report, add_out_argument
from training.points.networks.res16unet import Res16UNet
from training.points.sparse.engines import open_pyramid
from training.points.sparse.voxel_pyramid import VoxelError

NAME = "sparse_convolution"
MEASURED = """One process, both engines in turn within each round, in changing order; medians of the
rounds. ratio: of MinkowskiEngine's time to the plain engine's, the median of the rounds' ratios.
Networks: from voxel coordinates and features to logits without gradients (forward), and forward,
cross-entropy, backward and SGD step (step); coordinates are new each time, so both build their
maps. Layers: 3x3x3 from c to c channels on finest voxels, maps already built; step is forward and
both gradients. cpu: time of all threads; wall: what passed. Scenes: scans of rooms made in code,
as meshes are reconstructed; large: as many of them side by side as give 100 000 voxels. peak: most
memory of a process of its own that makes a step, less that of one which has loaded all and built
the network. difference: largest of the outputs, of weights and inputs that are the same."""
ENGINES = ("plain", "minkowski")
LEAST_RATIO = 2.0
LARGE = 100_000
CLASSES = 20
COLUMNS = {
    "what": "what",
    "scene": "scene",
    "voxels": "voxels",
    "pass": "pass",
    "plain_cpu_s": "plain cpu s",
    "minkowski_cpu_s": "minkowski cpu s",
    "cpu_ratio": "ratio",
    "plain_wall_s": "plain wall s",
    "minkowski_wall_s": "minkowski wall s",
    "wall_ratio": "ratio",
    "plain_peak_mb": "plain peak MB",
    "minkowski_peak_mb": "minkowski peak MB",
    "difference_millionths": "difference e-6",
}


def main() -> int:
    """Measure. Returns the exit status."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        print(json.dumps(peak_of_step(*arguments.peak)))
        return 0
    try:
        open_pyramid(torch.zeros(1, 4, dtype=torch.int32), "minkowski")
    except VoxelError as error:
        print(f"{NAME}: {error}; run this with that environment's Python", file=sys.stderr)
        return 2
    report = Report(NAME, MEASURED, vars(arguments))
    with tempfile.TemporaryDirectory() as folder:
        for scene, voxels in scenes(arguments.voxel_sizes):
            file = Path(folder) / "voxels.npy"
            np.save(file, voxels.numpy())
            for network in arguments.networks:
                measure_network(report, network, scene, voxels, file, arguments)
            if scene.startswith("room"):
                for channels in arguments.channels:
                    measure_layer(report, channels, scene, voxels, arguments.rounds)
    return report.finish(arguments.out, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch (%(default)s)")
    parser.add_argument("--voxel-sizes", nargs="+", type=float, default=[0.05, 0.02])
    parser.add_argument("--networks", nargs="*", default=["res16unet14a", "res16unet34c"])
    parser.add_argument("--channels", nargs="*", type=int, default=[32, 64, 96, 128, 256])
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    add_out_argument(parser, NAME)
    return parser.parse_args()


def scenes(sizes: list[float]) -> Iterator[tuple[str, Tensor]]:
    """Names and voxels int32 [n, 4]: for each size of voxels a room, and rooms side by side."""
    from training.rendering.layout import furnish
    from training.rendering.scan import scan_room

    rooms: list[npt.NDArray[np.float64]] = []
    for size in sizes:
        count = 0
        for number in range(1000):
            if number == len(rooms):
                furnished = furnish("living_room", None, np.random.default_rng(number))
                mesh = scan_room(furnished, np.random.default_rng(number))
                points = mesh.vertices.astype(np.float64)
                left = rooms[-1][:, 0].max() + 0.2 if rooms else 0.0
                rooms.append(points - points.min(0) + (left, 0, 0))
            voxels = voxels_of(np.concatenate(rooms[: number + 1]), size)
            count = len(voxels)
            if not number:
                yield f"room, {size * 100:g} cm", voxels
            if count >= LARGE:
                yield f"{number + 1} rooms, {size * 100:g} cm", voxels
                break


def voxels_of(points: npt.NDArray[np.float64], size: float) -> Tensor:
    """Occupied voxels, int32 [n, 4], in ascending order."""
    voxels = np.unique(np.floor(points / size).astype(np.int32), axis=0)
    return torch.from_numpy(np.pad(voxels, ((0, 0), (1, 0))))


def features_of(voxels: Tensor, channels: int) -> Tensor:
    """Random ones, the same for each engine."""
    return torch.randn(len(voxels), channels, generator=torch.Generator().manual_seed(0))


def network_of(name: str, engine: str) -> Res16UNet:
    """With the same weights for each engine."""
    torch.manual_seed(0)
    return Res16UNet(name, CLASSES, engine=engine)


def training_step(network: Res16UNet, voxels: Tensor) -> Callable[[], None]:
    """Forward, backward and a step of SGD."""
    labels = torch.arange(len(voxels)) % CLASSES
    features = features_of(voxels, 3)
    optimizer = torch.optim.SGD(network.parameters(), 1e-4, momentum=0.9)

    def step() -> None:
        network.train()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(voxels, features).logits, labels).backward()
        optimizer.step()

    return step


def measure_network(
    report: Report,
    name: str,
    scene: str,
    voxels: Tensor,
    file: Path,
    arguments: argparse.Namespace,
) -> None:
    """Add the rows of one network on one scene, and what they must keep."""
    networks = {engine: network_of(name, engine) for engine in ENGINES}
    features = features_of(voxels, 3)

    def forward(network: Res16UNet) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with torch.no_grad():
                return network.eval()(voxels, features).logits

        return run

    passes: dict[str, dict[str, Callable[[], Any]]] = {
        "forward": {engine: forward(network) for engine, network in networks.items()},
        "step": {engine: training_step(network, voxels) for engine, network in networks.items()},
    }
    for kind, runs in passes.items():
        values = take_turns(runs, arguments.rounds)
        if kind == "forward":
            outputs = [run() for run in runs.values()]
            difference = float((outputs[0] - outputs[1]).abs().max())
            values["difference_millionths"] = difference * 1e6
            report.require(f"difference, {name}, {scene}", difference, at_most=1e-4)
        else:
            for engine in ENGINES:
                values[f"{engine}_peak_mb"] = peak_apart(engine, name, file, arguments.threads)
        report.add_row(what=name, scene=scene, voxels=len(voxels), **{"pass": kind}, **values)
        report.require(
            f"times as fast as MinkowskiEngine, {name}, {scene}, {kind}, CPU time",
            values["cpu_ratio"],
            at_least=LEAST_RATIO,
        )


def measure_layer(report: Report, channels: int, scene: str, voxels: Tensor, rounds: int) -> None:
    """Add the rows of one 3x3x3 convolution."""
    pyramids = {engine: open_pyramid(voxels, engine) for engine in ENGINES}
    features = features_of(voxels, channels).requires_grad_()
    kernel = torch.randn(27, channels, channels, generator=torch.Generator().manual_seed(1))
    kernel = (kernel / (27 * channels) ** 0.5).requires_grad_()
    gradient = features_of(voxels, channels)

    def forward(engine: str) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with torch.no_grad():
                return pyramids[engine].convolve(features, kernel, 3, 1, 1)

        return run

    def step(engine: str) -> Callable[[], None]:
        def run() -> None:
            result = pyramids[engine].convolve(features, kernel, 3, 1, 1)
            torch.autograd.grad(result, (features, kernel), gradient)

        return run

    for kind, of_engine in (("forward", forward), ("step", step)):
        runs: dict[str, Callable[[], Any]] = {engine: of_engine(engine) for engine in ENGINES}
        values = take_turns(runs, rounds)
        report.add_row(
            what=f"layer, {channels} channels",
            scene=scene,
            voxels=len(voxels),
            **{"pass": kind},
            **values,
        )


def take_turns(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, Any]:
    """Median times of each engine and of their ratios, one run of each before."""
    times: dict[str, list[tuple[float, float]]] = {engine: [] for engine in runs}
    for number in range(-1, rounds):
        for engine in ENGINES if number % 2 else ENGINES[::-1]:
            wall, cpu = time.perf_counter(), time.process_time()
            runs[engine]()
            taken = (time.process_time() - cpu, time.perf_counter() - wall)
            if number >= 0:
                times[engine].append(taken)
    plain, minkowski = (np.array(times[engine]) for engine in ENGINES)
    values = {}
    for column, clock in enumerate(("cpu", "wall")):
        values[f"plain_{clock}_s"] = float(np.median(plain[:, column]))
        values[f"minkowski_{clock}_s"] = float(np.median(minkowski[:, column]))
        values[f"{clock}_ratio"] = float(np.median(minkowski[:, column] / plain[:, column]))
    return values


def peak_apart(engine: str, network: str, file: Path, threads: int) -> float:
    """Peak memory of a training step in a process of its own, MB."""
    command = [sys.executable, "-m", f"bench.{NAME}", "--threads", str(threads), "--peak"]
    done = subprocess.run(
        [*command, engine, network, str(file)], capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout))


def peak_of_step(engine: str, network: str, file: str) -> float:
    """Peak memory of a training step above what the process had before, MB."""
    voxels = torch.from_numpy(np.load(file))
    open_pyramid(voxels[:1], engine)
    step = training_step(network_of(network, engine), voxels)
    before = peak_kb()
    step()
    return (peak_kb() - before) / 1024


def peak_kb() -> int:
    """Most memory this process had; that of getrusage counts the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    sys.exit(main())
