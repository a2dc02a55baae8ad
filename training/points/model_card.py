# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The card of a point model, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seg3d2d_ros.labels import LabelSpace
from training.counted import counted
from training.model_card import commands_section, credits_section
from training.points.networks.point_network import PointNetwork
from training.points.point_model import PointModelDescription

CARD = "MODEL_CARD.md"


def point_model_card(
    description: PointModelDescription,
    network: PointNetwork,
    label_space: LabelSpace,
    provenance: Mapping[str, Any],
    credits: Sequence[str],
    remarks: str,
) -> str:
    """Text of a card: what the model is, figures, remarks, where it comes from, credits.

    Args:
        description: of the model, with the metrics of
            :func:`training.points.evaluation.point_metrics` and ``data``, the words for what they
            were measured on.
        network: the model's.
        label_space: its classes.
        provenance: experiment, command, training (see
            :data:`training.engine.run_history.HistoryEntry`), origins (the sentences of
            :class:`training.engine.run_origins.RunOrigins`), commit, scenes (trained on), measured
            (scenes, too), seed and steps.
        credits: whose work the model is, a line each.
        remarks: further Markdown.
    """
    metrics = description.metrics
    rows = "\n".join(
        f"| {name} | {'not in the data' if value is None else value} |"
        for name, value in metrics["class_iou"].items()
    )
    parameters = sum(parameter.numel() for parameter in network.parameters())
    settings = {**description.config, **description.sampling}
    listed = ", ".join(f"{name} {value}" for name, value in settings.items()) or "all by default"
    measured, trained = (counted(provenance[key], "scene") for key in ("measured", "scenes"))
    more = f"{remarks.strip()}\n\n" if remarks.strip() else ""
    return f"""# {description.name}

A 3D network that labels the points of indoor scenes: `{description.network}`, {parameters:,}
parameters, {label_space.num_classes} classes ({label_space.name} label space), features of
{network.feature_width} channels. Settings: {listed}. Licence {description.licence}.

## Figures

Measured through the weights of this folder, whose kernels are stored in half precision, computed in
fp32, on {metrics["data"]}; each of
{metrics["points"]:,} labelled points counts once: mIoU {metrics["miou"]} %, accuracy
{metrics["accuracy"]} %, mean class accuracy {metrics["mean_accuracy"]} %.

| class | IoU, % |
|---|---|
{rows}

These figures are of {measured} of the data named above, and say little of
other rooms, sensors or densities of points; the fewer scenes, the more chance is in them.

{more}## Commands

{commands_section(provenance)}

## Provenance

Experiment `{provenance["experiment"]}`, {provenance["steps"]} steps, seed {provenance["seed"]},
exported by commit {provenance["commit"]}. Trained on {trained}. The description of the
data is the experiment's `data.description`.
SHA-256 of the weights: {description.sha256}.

## Credits

{credits_section(credits, provenance)}
"""
