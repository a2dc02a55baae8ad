# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The model card of a bundle, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seg3d2d_ros.bundle import ModelBundle


def model_card(
    bundle: ModelBundle,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    remarks: str,
) -> str:
    """Text of a card: what the model is, its figures, where it comes from, remarks, credits.

    Args:
        bundle: the model.
        metrics: as :meth:`seg3d2d_ros.confusion_matrix.ConfusionMatrix.metrics` gives them, with
            ``data``, the words for what they were measured on.
        provenance: experiment, command, commit, dataset, seed and steps.
        remarks: further Markdown, such as what was seen on other pictures.
    """
    spec = bundle.input
    rows = "\n".join(
        f"| {name} | {'not in the data' if value is None else value} |"
        for name, value in metrics["class_iou"].items()
    )
    dataset = provenance["dataset"]
    credits = "\n".join(f"- {line}" for line in bundle.credits)
    return f"""# {bundle.name}

A {bundle.label_space.num_classes}-class parser of indoor scenes ({bundle.label_space.name} label
space), network `{bundle.network["name"]}`, input about {spec.height}x{spec.width} pixels.
Licence {bundle.licence}.

## Figures

Measured through this bundle with {metrics["backend"]} {metrics["precision"]} on
{metrics["data"]}:
mIoU {metrics["miou"]} % ({metrics["miou_fp32"]} % in fp32), pixel accuracy
{metrics["pixel_accuracy"]} %, mean class accuracy {metrics["mean_accuracy"]} %. Expected
calibration error of the confidence {metrics["calibration_error"]} % (uncalibrated
{metrics["calibration_error_uncalibrated"]} %).{_int8(metrics)}

| class | IoU, % |
|---|---|
{rows}

{remarks.strip()}

## Provenance

Experiment `{provenance["experiment"]}`, {provenance["steps"]} steps, seed {provenance["seed"]},
commit {provenance["commit"]}. Trained on {dataset["train"]["frames"]} frames (SHA-256
{dataset["train"]["sha256"]}), measured on {dataset["val"]["frames"]} frames (SHA-256
{dataset["val"]["sha256"]}).

## Credits

{credits}
"""


def _int8(metrics: Mapping[str, Any]) -> str:
    if "int8" not in metrics:
        return ""
    row = metrics["int8"]
    return (
        f"\nQuantised to int8: mIoU {row['miou']} %, labels equal to fp32's on "
        f"{row['label_agreement']} % of the reference pixels."
    )
