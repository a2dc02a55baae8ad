# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The model card of a bundle, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.bundle_writer import CARD_PICTURE


def model_card(
    bundle: ModelBundle,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    remarks: str,
    pictures: int,
) -> str:
    """Text of a card: what the model is, figures, pictures, remarks, where it comes from, credits.

    Args:
        bundle: the model.
        metrics: as :meth:`seg3d2d_ros.confusion_matrix.ConfusionMatrix.metrics` gives them, with
            ``data``, the words for what they were measured on.
        provenance: experiment, command, training (see
            :data:`training.engine.run_history.HistoryEntry`), origins (the sentences of
            :class:`training.engine.run_origins.RunOrigins`), commit, dataset, seed and steps.
        remarks: further Markdown, such as what was seen on other pictures.
        pictures: how many reference images the contact sheet beside the card shows.
    """
    spec = bundle.input
    rows = "\n".join(
        f"| {name} | {'not in the data' if value is None else value} |"
        for name, value in metrics["class_iou"].items()
    )
    dataset = provenance["dataset"]
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

## Pictures

![{pictures} images, their ground truth and the labels parsed from them]({CARD_PICTURE})

{pictures} of the {metrics["data"]}, evenly spread over them, whatever the result. In the third
column the labels in `reference/`, which every backend is compared with. Black has no class.

{remarks.strip()}

## Commands

{commands_section(provenance)}

## Provenance

Experiment `{provenance["experiment"]}`, {provenance["steps"]} steps, seed {provenance["seed"]},
exported by commit {provenance["commit"]}. Trained on {dataset["train"]["frames"]} frames (SHA-256
{dataset["train"]["sha256"]}), measured on {dataset["val"]["frames"]} frames (SHA-256
{dataset["val"]["sha256"]}).

## Credits

{credits_section(bundle.credits, provenance)}
"""


def _int8(metrics: Mapping[str, Any]) -> str:
    if "int8" not in metrics:
        return ""
    row = metrics["int8"]
    return (
        f"\nQuantised to int8: mIoU {row['miou']} %, labels equal to fp32's on "
        f"{row['label_agreement']} % of the reference pixels."
    )


def commands_section(provenance: Mapping[str, Any]) -> str:
    """The commands that made data, training and export, in order, as a block of shell.

    Where there is no record of them, a comment says of what.
    """
    lines: list[str] = []
    for entry in provenance["training"]:
        if "run" in entry:
            what = f"run {entry['run']} of experiment {entry['experiment']}"
        else:
            what = entry["data"]
        lines += entry["commands"] or [f"# {what}: no record of its commands"]
    return "\n".join(["```sh", *lines, provenance["command"], "```"])


def credits_section(credits: Sequence[str], provenance: Mapping[str, Any]) -> str:
    """Whose work a model is, a line each, and from which runs these lines and the weights come."""
    lines = "\n".join(f"- {line}" for line in credits) or "None recorded."
    return "\n\n".join([lines, *provenance.get("origins", ())])
