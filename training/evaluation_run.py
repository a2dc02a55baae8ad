# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``evaluate``: a run or a bundle on a data set, with a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.evaluation_report import EvaluatedFrames, write_evaluation
from seg3d2d_ros.parser import ParserConfig, SceneParser
from training.data.open_frames import open_frames
from training.engine.evaluation import Predictor, evaluate
from training.engine.predictor import NetworkPredictor
from training.export import bundle_predictor
from training.finished_run import load_run

_SHOWN = 12


def evaluate_model(
    model: Path,
    data: Path,
    split: str,
    *,
    out: Path | None = None,
    backend: str = "auto",
    precision: str = "auto",
) -> dict[str, Any]:
    """Metrics of a run or a bundle on one split of a data set.

    Args:
        model: run folder or bundle.
        data: data set in ScanNet's frames layout.
        split: name of the split.
        out: folder for ``metrics.json``, ``confusion.csv`` and ``report.html``; None for none.
        backend: inference runtime of a bundle.
        precision: of a bundle.

    Raises:
        DatasetError, BundleError, ParserError, ExportError: with one sentence each.
        OSError: if the report can't be written.
    """
    predict: Predictor
    if (model / "bundle.yaml").is_file():
        parser = SceneParser(ModelBundle.load(model), ParserConfig(backend, precision=precision))
        space, predict = parser.bundle.label_space, bundle_predictor(parser)
        how = f"{parser.bundle.name} by {parser.backend_name} in {parser.precision}"
    else:
        run = load_run(model)
        space, predict = run.label_space, NetworkPredictor(run.graph, run.spec)
        how = f"{run.experiment.name}, step {run.step}"
    dataset = open_frames(data, split, space)
    shown = np.linspace(0, len(dataset) - 1, min(_SHOWN, len(dataset))).astype(int).tolist()
    frames = EvaluatedFrames(space, shown)
    with tqdm(total=len(dataset), unit="frame") as bar:

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
    metrics = {"model": how, "data": f"{data.name}, {split}", "frames": len(dataset)}
    metrics |= confusion.metrics()
    if out is not None:
        write_evaluation(
            out,
            metrics=metrics,
            title=f"Evaluation of {how}",
            introduction=f"{len(dataset)} frames of the split '{split}' of {data.name}.",
            confusion=confusion,
            frames=frames,
        )
    return metrics
