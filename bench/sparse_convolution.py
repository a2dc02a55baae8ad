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
from collections.abc import Callable, Iterator, Mapping
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
both gradients. cpu: time of all threads; wall: what passed. Scenes: one room each, furnished in
code and reconstructed from depth images as a mesh with vertices 2.5 cm apart, whose vertices are
put into voxels; a classroom at 5 cm and a bedroom at 2 cm, both of 100 000 voxels or more.
peak: most memory of a process of its own that makes a step, less that of one which has loaded all
and built the network. difference: of the same weights and inputs, in millionths; forward: largest
of the outputs; step: norm of the difference of all gradients, as a part of their norm."""
ENGINES = ("plain", "minkowski")
NOT_SLOWER = 1.0
WANTED_RATIO = 2.0
LARGE = 100_000
LARGEST_DIFFERENCE = 1e-4
"""Of outputs, which are of the order of 1."""
LAYER_GRADIENTS, NETWORK_GRADIENTS = 1e-5, 1e-2
"""Largest differences of gradients, as parts of their norm. Batch norm of few coarse voxels
amplifies rounding: on 6000 voxels, gradients of Res16UNet34C by either engine are 1.3e-2 from those
in double precision."""
ROOMS = {0.05: ("classroom", 1), 0.02: ("bedroom", 0)}
"""By the size of voxels, metres: kind and seed."""
QUICK_ROOM = ("bathroom", 0)
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
        for scene, voxels in scenes(arguments.voxel_sizes, arguments.quick):
            if not arguments.quick:
                report.require(f"voxels, {scene}", len(voxels), at_least=LARGE)
            file = Path(folder) / "voxels.npy"
            np.save(file, voxels.numpy())
            for channels in arguments.channels:
                measure_layer(report, channels, scene, voxels, arguments.rounds)
            for network in arguments.networks:
                measure_network(report, network, scene, voxels, file, arguments)
    return report.finish(arguments.out, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch (%(default)s)")
    parser.add_argument(
        "--voxel-sizes", nargs="*", type=float, choices=ROOMS, default=list(ROOMS), help="metres"
    )
    parser.add_argument("--networks", nargs="*", default=["res16unet14a", "res16unet34c"])
    parser.add_argument("--channels", nargs="*", type=int, default=[32, 96, 256], help="of layers")
    parser.add_argument(
        "--quick", action="store_true", help="a bathroom at 5 cm in place of the large scenes"
    )
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    add_out_argument(parser, NAME)
    return parser.parse_args()


def scenes(sizes: list[float], quick: bool) -> Iterator[tuple[str, Tensor]]:
    """Names and voxels int32 [n, 4] of a room for each size of voxels, or of a small one."""
    from training.rendering.layout import furnish
    from training.rendering.scan import scan_room

    for size, (kind, seed) in [(0.05, QUICK_ROOM)] if quick else [(s, ROOMS[s]) for s in sizes]:
        furnished = furnish(kind, None, np.random.default_rng(seed))
        mesh = scan_room(furnished, np.random.default_rng(seed))
        yield f"{kind}, {size * 100:g} cm", voxels_of(mesh.vertices.astype(np.float64), size)


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

    def gradients(network: Res16UNet) -> list[Tensor]:
        return [p.grad for p in network.parameters() if p.grad is not None]

    passes: dict[str, dict[str, Callable[[], Any]]] = {
        "forward": {engine: forward(network) for engine, network in networks.items()},
        "step": {engine: training_step(network, voxels) for engine, network in networks.items()},
    }
    for kind, runs in passes.items():
        first = {engine: run() for engine, run in runs.items()}
        if kind == "forward":
            difference = float((first["plain"] - first["minkowski"]).abs().max())
            limit = LARGEST_DIFFERENCE
        else:
            difference = relative_difference(*map(gradients, networks.values()))
            limit = NETWORK_GRADIENTS
        values = take_turns(runs, arguments.rounds)
        if kind == "step":
            for engine in ENGINES:
                values[f"{engine}_peak_mb"] = peak_apart(engine, name, file, arguments.threads)
        of_what = f"{name}, {scene}, {kind}"
        add_row(report, name, scene, voxels, kind, difference, values)
        report.require(f"difference e-6, {of_what}", difference * 1e6, at_most=limit * 1e6)
        for clock in ("cpu", "wall"):
            ratio = values[f"{clock}_ratio"]
            what = f"times as fast as MinkowskiEngine, {of_what}, {clock} time"
            report.require(what, ratio, at_least=NOT_SLOWER)
            reached = "" if ratio >= WANTED_RATIO else "not "
            report.add_note(f"{WANTED_RATIO:g} {what}: {reached}reached ({ratio:.2f})")


def measure_layer(report: Report, channels: int, scene: str, voxels: Tensor, rounds: int) -> None:
    """Add the rows of one 3x3x3 convolution."""
    pyramids = {engine: open_pyramid(voxels, engine) for engine in ENGINES}
    features = features_of(voxels, channels).requires_grad_()
    kernel = torch.randn(27, channels, channels, generator=torch.Generator().manual_seed(1))
    kernel = (kernel / (27 * channels) ** 0.5).requires_grad_()
    gradient = features_of(voxels, channels)

    def forward(engine: str) -> Callable[[], list[Tensor]]:
        def run() -> list[Tensor]:
            with torch.no_grad():
                return [pyramids[engine].convolve(features, kernel, 3, 1, 1)]

        return run

    def step(engine: str) -> Callable[[], list[Tensor]]:
        def run() -> list[Tensor]:
            result = pyramids[engine].convolve(features, kernel, 3, 1, 1)
            return list(torch.autograd.grad(result, (features, kernel), gradient))

        return run

    what = f"layer, {channels} channels"
    for kind, of_engine in (("forward", forward), ("step", step)):
        runs = {engine: of_engine(engine) for engine in ENGINES}
        first = [run() for run in runs.values()]
        if kind == "forward":
            difference, limit = float((first[0][0] - first[1][0]).abs().max()), LARGEST_DIFFERENCE
        else:
            difference, limit = relative_difference(*first), LAYER_GRADIENTS
        report.require(
            f"difference e-6, {what}, {scene}, {kind}", difference * 1e6, at_most=limit * 1e6
        )
        add_row(report, what, scene, voxels, kind, difference, take_turns(runs, rounds))


def add_row(
    report: Report,
    what: str,
    scene: str,
    voxels: Tensor,
    kind: str,
    difference: float,
    values: dict[str, Any],
) -> None:
    """Add the figures of one pass, and say so: all of them take many minutes."""
    values = values | {"pass": kind, "difference_millionths": difference * 1e6}
    ratio = values["cpu_ratio"]
    print(f"{what}, {scene}, {kind}: {ratio:.2f} times as fast in CPU time", file=sys.stderr)
    report.add_row(what=what, scene=scene, voxels=len(voxels), **values)


def relative_difference(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """Norm of the difference of all numbers, as a part of the norm of theirs."""
    one, other = (torch.cat([t.flatten().double() for t in each]) for each in (ours, theirs))
    return float((one - other).norm() / other.norm())


def take_turns(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Any]:
    """Median times of each engine and of their ratios; each has run before."""
    times: dict[str, list[tuple[float, float]]] = {engine: [] for engine in runs}
    for number in range(rounds):
        for engine in ENGINES if number % 2 else ENGINES[::-1]:
            wall, cpu = time.perf_counter(), time.process_time()
            runs[engine]()
            times[engine].append((time.process_time() - cpu, time.perf_counter() - wall))
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
