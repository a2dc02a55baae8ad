# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``evaluate``: a run or a bundle on a data set, with a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from seg3d2d_ros.backends.torch import filled_graph
from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.evaluation_report import EvaluatedFrames, write_evaluation
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.parser import ParserConfig, SceneParser
from training.data.open_frames import open_frames
from training.engine.device import check_device
from training.engine.evaluation import Predictor, evaluate
from training.engine.predictor import NetworkPredictor
from training.engine.settings import ExperimentError
from training.engine.sliding_window import SlidingWindowConfig, SlidingWindowPredictor
from training.engine.whole_image import WholeImageConfig, WholeImagePredictor
from training.export import bundle_predictor
from training.finished_run import load_run

_SHOWN = 12

Protocol = WholeImageConfig | SlidingWindowConfig
"""Of a test, with its settings."""


def evaluate_model(
    model: Path,
    data: Path,
    split: str,
    *,
    out: Path | None = None,
    backend: str = "auto",
    precision: str = "auto",
    protocol: Protocol | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Metrics of a run or a bundle on one split of a data set.

    Args:
        model: run folder or bundle.
        data: data set in ScanNet's frames layout.
        split: name of the split.
        out: folder for ``metrics.json``, ``confusion.csv`` and ``report.html``; None for none.
        backend: inference runtime of a bundle, without a protocol.
        precision: of a bundle, likewise.
        protocol: of the test; None for that of the robot, which parses whole images near the
            model's input size, a bundle by its runtime. Others run in PyTorch, in fp32.
        device: where the model runs, ``cpu`` or ``cuda``; None for the CPU, and where a bundle's
            runtime chooses for what that chooses.

    Raises:
        DatasetError, BundleError, ParserError, ExportError, ExperimentError: with one sentence
            each.
        OSError: if the report can't be written.
    """
    if device is not None:
        check_device(device)
    windows = tqdm(
        unit="window", leave=False, disable=not isinstance(protocol, SlidingWindowConfig)
    )

    def count_windows(done: int, count: int) -> None:
        if done < windows.n:  # the next image
            windows.reset(count)
        windows.total = count
        windows.update(done - windows.n)

    space, predict, how = _opened(model, backend, precision, protocol, device, count_windows)
    dataset = open_frames(data, split, space)
    shown = np.linspace(0, len(dataset) - 1, min(_SHOWN, len(dataset))).astype(int).tolist()
    frames = EvaluatedFrames(space, shown)
    with windows, tqdm(total=len(dataset), unit="frame") as bar:

        def watch(
            index: int,
            image: npt.NDArray[np.uint8],
            truth: npt.NDArray[Any],
            predicted: npt.NDArray[Any],
        ) -> None:
            frame = dataset.frames[index]
            frames.add(index, f"{frame.scene}/{frame.name}", image, truth, predicted)
            bar.update()

        confusion = evaluate(predict, dataset, space, watch=watch)
    test = "the robot's: whole images near the input size" if protocol is None else protocol.text
    metrics = {"model": how, "data": f"{data.name}, {split}", "frames": len(dataset)}
    metrics["test"] = test
    metrics |= confusion.metrics()
    if out is not None:
        write_evaluation(
            out,
            metrics=metrics,
            title=f"Evaluation of {how}",
            introduction=f"{len(dataset)} frames of the split '{split}' of {data.name}; the test: "
            f"{test}.",
            confusion=confusion,
            frames=frames,
        )
    return metrics


def _opened(
    model: Path,
    backend: str,
    precision: str,
    protocol: Protocol | None,
    device: str | None,
    watch: Callable[[int, int], None],
) -> tuple[LabelSpace, Predictor, str]:
    """Label space, predictor and description of a run or a bundle."""
    if (model / "bundle.yaml").is_file():
        bundle = ModelBundle.load(model)
        if protocol is None:
            parser = SceneParser(bundle, ParserConfig(backend, device or "auto", precision))
            how = f"{bundle.name} by {parser.backend_name} in {parser.precision}"
            return parser.bundle.label_space, bundle_predictor(parser), how
        predict = _predictor(filled_graph(bundle), protocol, device or "cpu", watch)
        return bundle.label_space, predict, f"{bundle.name} by torch in fp32"
    if (backend, precision) != ("auto", "auto"):
        raise ExperimentError(
            f"--backend and --precision are of bundles, and {model} is a run folder; leave them "
            "out, or export the run first"
        )
    run = load_run(model)
    how = f"{run.experiment.name}, step {run.step}"
    if protocol is None:
        return run.label_space, NetworkPredictor(run.graph, run.spec, device or "cpu"), how
    return run.label_space, _predictor(run.graph, protocol, device or "cpu", watch), how


def _predictor(
    graph: ParsingGraph, protocol: Protocol, device: str, watch: Callable[[int, int], None]
) -> Predictor:
    if isinstance(protocol, WholeImageConfig):
        return WholeImagePredictor(graph, protocol, device)
    return SlidingWindowPredictor(graph, protocol, device, watch)
