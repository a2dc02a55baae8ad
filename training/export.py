# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Export of a training run to a model bundle, refused where the two disagree."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from seg3d2d_ros.bundle import InputSpec, ModelBundle
from seg3d2d_ros.bundle_writer import write_bundle
from seg3d2d_ros.networks.registry import geometry
from seg3d2d_ros.parser import ParserConfig, SceneParser
from training.bundle_weights import (
    ExportError,
    bundle_predictor,
    check_onnx,
    check_safetensors,
    export_weights,
    round_as_stored,
)
from training.contact_sheet import ParsedPicture, encode_contact_sheet, spread
from training.data.labelled_frames import JoinedFrames, LabelledFrames
from training.data.open_frames import open_frames
from training.engine.calibration import (
    collect_logits,
    expected_calibration_error,
    fit_temperature,
)
from training.engine.components import training_frames
from training.engine.evaluation import evaluate
from training.engine.predictor import NetworkPredictor
from training.engine.run_origins import run_origins
from training.finished_run import load_run
from training.model_card import model_card
from training.provenance import git_commit
from training.quantisation import check_tools

Pair = tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]
"""Image and its labels."""

MINIMUM_INT8_AGREEMENT = 0.97
MAXIMUM_INT8_LOSS = 0.5
"""mIoU in percent that int8 may lose on the val split."""
INT8_IMAGES = 300
"""Training images on which the ranges of int8 are measured."""
SHOWN_REFERENCES = 8
"""Reference images on the model card, at most."""


def bundle_metrics(bundle: ModelBundle, dataset: LabelledFrames, config: ParserConfig) -> Any:
    """Metrics of a bundle on a data set, through the robot's own parser.

    Raises:
        ExportError: if a frame cannot be parsed.
    """
    predict = bundle_predictor(SceneParser(bundle, config))
    frames = tqdm(range(len(dataset)), desc="measuring", unit="frame")
    return evaluate(predict, dataset, bundle.label_space, frames).metrics()


def export_run(
    run_folder: Path,
    bundle_folder: Path,
    *,
    command: str,
    size: tuple[int, int] | None = None,
    references: int = 8,
    remarks: str = "",
    int8: bool = False,
) -> ModelBundle:
    """Export the newest checkpoint of a run.

    The confidence temperature is fitted and the metrics are measured on the val split, the
    metrics through the bundle itself.

    Args:
        run_folder: folder of the run.
        bundle_folder: folder to write; its name becomes the model's.
        command: the command line, for the provenance.
        size: height and width of the network input instead of the experiment's.
        references: number of val images stored with their labels, at most; at least 1. The model
            card shows up to 8 of them.
        remarks: further Markdown for the model card.
        int8: also store an OpenVINO IR quantised to int8.

    Raises:
        ExportError: if there is nothing to export, the ONNX graph disagrees with PyTorch, or int8
            loses too much.
    """
    if int8:
        check_tools()
    commit = git_commit(Path(__file__).parent)  # of the code that runs, whatever comes meanwhile
    run = load_run(run_folder)
    origins = run_origins(run_folder)
    # Kernels are rounded as they are stored before anything is measured: one model in all formats.
    round_as_stored(run.graph.network)
    spec = run.spec
    if size is not None:
        spec = InputSpec(*size, spec.multiple, spec.mean, spec.std)
    data = run.experiment.data
    val = open_frames(data.root, data.val_split, run.label_space, data.source)
    predict = NetworkPredictor(run.graph, spec)
    logits, truth = collect_logits(predict, val, run.label_space.unlabeled, 500, 0)
    temperature = round(fit_temperature(logits, truth), 4)
    run.graph.temperature = temperature
    chosen = np.linspace(0, len(val) - 1, min(references, len(val))).astype(int).tolist()
    frames = [val.load(index) for index in chosen]
    pairs = [(image, predict(image)) for image, _ in frames]
    train = training_frames(run.experiment, run.label_space)
    provenance = {
        "experiment": run.experiment.name,
        "command": command,
        "training": list(origins.history),
        "origins": list(origins.sentences),
        "commit": commit,
        "dataset": {
            "train": {"frames": len(train), "sha256": train.fingerprint()},
            "val": {"frames": len(val), "sha256": val.fingerprint()},
        },
        "seed": run.experiment.training.seed,
        "steps": run.step,
    }
    with tempfile.TemporaryDirectory() as scratch:
        images = _spread(train, INT8_IMAGES) if int8 else ()
        weights = export_weights(run.graph, spec, Path(scratch), int8_images=images)
        agreement = check_onnx(weights, run.graph, spec, [image for image, _ in frames])

        def write(
            folder: Path,
            pairs: Sequence[Pair],
            metrics: dict[str, Any],
            card: str,
            picture: bytes | None = None,
        ) -> ModelBundle:
            return write_bundle(
                folder,
                name=bundle_folder.name,
                label_space=run.label_space,
                network={
                    "name": run.experiment.network.name,
                    "config": run.experiment.network.config,
                },
                input=spec,
                output_stride=geometry(run.graph.network)[0],
                temperature=temperature,
                weights=weights,
                reference=pairs,
                card=card,
                card_picture=picture,
                metrics=metrics,
                provenance=provenance,
                licence=run.experiment.licence,
                credits=list(origins.credits),
            )

        trial = write(Path(scratch) / bundle_folder.name, pairs, {}, "not yet measured\n")
        in_onnx = SceneParser(trial, ParserConfig("onnxruntime", precision="fp32"))
        pairs = [(image, bundle_predictor(in_onnx)(image)) for image, _ in frames]
        check_safetensors(trial, pairs)
        parser = SceneParser(trial, ParserConfig())
        as_run = bundle_metrics(trial, val, ParserConfig())
        in_fp32 = bundle_metrics(trial, val, ParserConfig(precision="fp32"))
        metrics = {
            "data": f"{len(val)} frames of the val split of {Path(data.root).name}"
            + (f" ({data.description})" if data.description else ""),
            **as_run,
            "calibration_error": round(
                100 * expected_calibration_error(logits, truth, temperature), 1
            ),
            "calibration_error_uncalibrated": round(
                100 * expected_calibration_error(logits, truth, 1.0), 1
            ),
            "backend": parser.backend_name,
            "precision": parser.precision,
            "miou_fp32": in_fp32["miou"],
            "onnx_agreement": round(100 * agreement, 3),
        }
        if int8:
            metrics["int8"] = _int8_metrics(trial, pairs, val, metrics["miou_fp32"])
        rows = [
            ParsedPicture(*frame, labels) for frame, (_, labels) in zip(frames, pairs, strict=True)
        ]
        shown = spread(rows, SHOWN_REFERENCES)
        sheet = encode_contact_sheet(shown, run.label_space)
        card = model_card(trial, metrics, provenance, remarks, len(shown))
        return write(bundle_folder, pairs, metrics, card, sheet)


def _spread(frames: JoinedFrames, count: int) -> list[npt.NDArray[np.uint8]]:
    """At most so many images, evenly spread over all frames."""
    chosen = np.linspace(0, len(frames) - 1, min(count, len(frames))).astype(int)
    return [frames.load(index)[0] for index in chosen.tolist()]


def _int8_metrics(
    bundle: ModelBundle, pairs: Sequence[Pair], val: LabelledFrames, miou_fp32: float
) -> dict[str, float]:
    """What int8 costs: agreement with the reference labels and mIoU on the val split, percent.

    Raises:
        ExportError: if it costs too much.
    """
    config = ParserConfig("openvino", precision="int8")
    predict = bundle_predictor(SceneParser(bundle, config))
    agreement = float(np.mean([(predict(image) == labels).mean() for image, labels in pairs]))
    miou = bundle_metrics(bundle, val, config)["miou"]
    if agreement < MINIMUM_INT8_AGREEMENT or miou < miou_fp32 - MAXIMUM_INT8_LOSS:
        raise ExportError(
            f"int8 agrees with fp32 on {100 * agreement:.1f} % of the reference pixels and reaches "
            f"{miou} % mIoU where fp32 has {miou_fp32} %; at least {100 * MINIMUM_INT8_AGREEMENT} "
            f"% and a loss of at most {MAXIMUM_INT8_LOSS} are needed; export without --int8"
        )
    return {"label_agreement": round(100 * agreement, 2), "miou": miou}
