# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What `project` found, as a page for people: coverage, occluded points, pictures."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seg3d2d_ros.html_report import data_uri, write_page
from training.projection.coverage import PUBLISHED_COVERAGE, figures_of, summarise
from training.projection.example_overlays import ExampleOverlay, PointColors, draw_overlays
from training.projection.rule_text import rule_text
from training.projection.scene_figures import SceneFigures
from training.projection.scene_projection import (
    CELL,
    LOOKED_THROUGH,
    ProjectionJob,
    ProjectionRule,
)
from training.projection.visibility import SurfaceVisibility

REPORT = "report.html"
_PICTURES = 8
_NAMED = 5
"""Frames that a reason names."""


def write_coverage_page(
    out: Path,
    prepared: Path,
    rule: ProjectionRule,
    scenes: Sequence[SceneFigures],
    jobs: Sequence[ProjectionJob],
) -> None:
    """Write ``report.html``.

    Args:
        out: folder to write to.
        prepared: folder that `prepare` wrote.
        rule: of visibility.
        scenes: what was found, at least one frame among it.
        jobs: the same scenes.

    Raises:
        DatasetError, LabelSpaceError: if what the pictures show can't be read.
        OSError: if it can't be written.
    """
    colors = PointColors(prepared)
    body = [
        "<h2>Splits</h2>",
        _figures_table("split", summarise(scenes), _published(rule)),
        f"<p>{html.escape(_explanation(rule))}</p>",
        _reasons(scenes),
        _notes(scenes),
        _examples(_overlays(scenes, jobs, colors), colors),
        "<h2>Scenes</h2>",
        _figures_table("scene", {scene.scene: figures_of([scene]) for scene in scenes}),
    ]
    count = sum(len(scene.frames) for scene in scenes)
    write_page(
        out / REPORT,
        title=f"Points in the images of {prepared.resolve().name}",
        introduction=f"{count} frames of {len(scenes)} scenes, {rule_text(rule)}.",
        body="\n".join(part for part in body if part),
    )


def _explanation(rule: ProjectionRule) -> str:
    text = (
        "Covered: share of the image's pixels that have a point of their own, the mean over "
        f"frames. Cells: share of the feature cells of {CELL} x {CELL} pixels that have a point. "
        "Occluded: share of those covered whose point lies more than "
        f"{100 * SurfaceVisibility.HIDDEN_M:g} cm behind the scan's own mesh as seen from the "
        f"camera, found by rays in up to {LOOKED_THROUGH} frames of each scene whose scan has "
        "faces; not where that mesh has decided itself what is visible."
    )
    if rule.legacy:
        text += (
            " Pixels are counted before the published dilation to 3 x 3 pixels, cells after it. "
            "The rows 'as published' are what the paper on 3D-to-2D distillation gives for the "
            "whole of ScanNet and S3DIS. It says that they are shares of pixels, but a scan has "
            "too few points for that without the dilation: they compare with these cells."
        )
    return text


def _published(rule: ProjectionRule) -> list[tuple[str, float]]:
    """Shares that the paper gives, for the one rule whose cells compare with them."""
    if not rule.legacy:
        return []
    return [(f"{name}, as published", value) for name, value in PUBLISHED_COVERAGE.items()]


def _figures_table(
    heading: str, rows: dict[str, dict[str, Any]], published: Sequence[tuple[str, float]] = ()
) -> str:
    head = "".join(
        f"<th>{name}</th>"
        for name in (
            heading,
            "frames",
            "projected",
            "by",
            "covered, %",
            "cells, %",
            "occluded of pixels, %",
            "occluded of cells, %",
        )
    )
    lines = [f"<tr>{head}</tr>"]
    for name, figures in rows.items():
        by = ", ".join(f"{rule} {count}" for rule, count in figures["by"].items())
        cells = [
            html.escape(name),
            f"{figures['frames']:,}",
            f"{figures['projected']:,}",
            by or "-",
            _number(figures["covered"]),
            _bar(figures["cells"]),
            _number(figures["occluded"]),
            _number(figures["occluded_cells"]),
        ]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    for name, value in published:
        lines.append(
            f"<tr><td>{html.escape(name)}</td><td></td><td></td><td></td><td></td>"
            f"<td>{_bar(value)}</td><td></td><td></td></tr>"
        )
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _bar(value: float | None) -> str:
    return f'<span class="bar" style="width:{(value or 0) / 2:.0f}px"></span> {_number(value)}'


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _reasons(scenes: Sequence[SceneFigures]) -> str:
    frames: dict[str, list[str]] = {}
    for scene in scenes:
        for name, reason in scene.not_projected.items():
            frames.setdefault(reason, []).append(f"{scene.scene}/{name}")
    if not frames:
        return "<h2>Frames not projected</h2>\n<p>None.</p>"
    lines = ["<tr><th>reason</th><th>frames</th><th>such as</th></tr>"]
    for reason, names in sorted(frames.items(), key=lambda item: -len(item[1])):
        named = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
        lines.append(
            f"<tr><td>{html.escape(reason)}</td><td>{len(names):,}</td>"
            f"<td>{html.escape(named)}</td></tr>"
        )
    return "<h2>Frames not projected</h2>\n<table>\n" + "\n".join(lines) + "\n</table>"


def _notes(scenes: Sequence[SceneFigures]) -> str:
    notes = [note for scene in scenes for note in scene.notes]
    return "\n".join(f"<p>{html.escape(note)}.</p>" for note in notes[:_NAMED])


def _overlays(
    scenes: Sequence[SceneFigures], jobs: Sequence[ProjectionJob], colors: PointColors
) -> list[ExampleOverlay]:
    """Pictures of frames that are spread over all that were projected."""
    frames = [(scene.scene, frame.name) for scene in scenes for frame in scene.frames]
    spread = np.linspace(0, len(frames) - 1, min(_PICTURES, len(frames))).astype(int).tolist()
    chosen: dict[str, list[str]] = {}
    for scene, name in (frames[k] for k in spread):
        chosen.setdefault(scene, []).append(name)
    overlays = []
    for job in jobs:
        if job.scene in chosen:
            overlays += draw_overlays(job, chosen[job.scene], colors)
    return overlays


def _examples(overlays: Sequence[ExampleOverlay], colors: PointColors) -> str:
    if not overlays:
        return ""
    lines = ["<h2>Frames, evenly spaced</h2>"]
    present = frozenset().union(*(overlay.classes for overlay in overlays))
    if present:
        lines.append("<p>Image, and its points in the colours of their labels.</p>")
        swatches = [
            f'<span class="swatch" style="background:#{r:02x}{g:02x}{b:02x}"></span>'
            f"{html.escape(c.name)}"
            for c in colors.label_space.classes
            for r, g, b in [c.color]
            if c.id in present
        ]
        lines.append("<p>" + " &nbsp; ".join(swatches) + "</p>")
    else:
        lines.append("<p>Image, and its points in their own colours.</p>")
    for overlay in overlays:
        source, name = data_uri("image/jpeg", overlay.picture), html.escape(overlay.name)
        lines.append(
            f'<figure><img src="{source}" alt="{name}"><figcaption>{name}</figcaption></figure>'
        )
    return "\n".join(lines)
