# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""How much of a data set's images has points: by split and by scene."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seg3d2d_ros.atomic_file import write_file
from training.projection.scene_figures import SceneFigures
from training.projection.scene_projection import CELL, LOOKED_THROUGH, ProjectionRule

COVERAGE = "coverage.json"
PUBLISHED_COVERAGE = {"ScanNet": 16.38, "S3DIS": 10.57}
"""Per cent of the pixels with a point, from the paper on 3D-to-2D distillation, section 4.1.

It is of the rule of the paper's code, after its dilation to 3 x 3 pixels: only the cells of the
published rule compare with it.
"""


def summarise(scenes: Sequence[SceneFigures]) -> dict[str, dict[str, Any]]:
    """Figures by split, see :func:`figures_of`."""
    splits = dict.fromkeys(scene.split for scene in scenes)
    return {split: figures_of([s for s in scenes if s.split == split]) for split in splits}


def figures_of(scenes: Sequence[SceneFigures]) -> dict[str, Any]:
    """Numbers of scenes, frames and projected frames, and means over frames in per cent.

    ``covered`` and ``cells`` are means over the projected frames; ``occluded`` and
    ``occluded_cells`` over the ``looked_through`` ones. None stands for a mean of nothing.
    """
    frames = [frame for scene in scenes for frame in scene.frames]
    reasons = Counter(reason for scene in scenes for reason in scene.not_projected.values())
    return {
        "scenes": len(scenes),
        "frames": len(frames) + sum(reasons.values()),
        "projected": len(frames),
        "by": dict(Counter(frame.by for frame in frames)),
        "covered": _per_cent([frame.covered for frame in frames]),
        "cells": _per_cent([frame.cells for frame in frames]),
        "looked_through": sum(frame.occluded is not None for frame in frames),
        "occluded": _per_cent([frame.occluded for frame in frames]),
        "occluded_cells": _per_cent([frame.occluded_cells for frame in frames]),
        "not_projected": dict(reasons.most_common()),
    }


def _per_cent(shares: Sequence[float | None]) -> float | None:
    there = [share for share in shares if share is not None]
    return round(100 * sum(there) / len(there), 4) if there else None


def write_coverage(out: Path, rule: ProjectionRule, scenes: Sequence[SceneFigures]) -> None:
    """Write ``coverage.json``: figures by split, by scene, and frames that were not projected.

    Raises:
        OSError: if it can't be written.
    """
    content = {
        "rule": asdict(rule),
        "cell_pixels": CELL,
        "looked_through_per_scene": LOOKED_THROUGH,
        **({"published_coverage": PUBLISHED_COVERAGE} if rule.legacy else {}),
        "splits": summarise(scenes),
        "scenes": {
            scene.scene: {
                "split": scene.split,
                **figures_of([scene]),
                "not_projected_frames": scene.not_projected,
                "notes": scene.notes,
            }
            for scene in scenes
        },
    }
    write_file(out / COVERAGE, (json.dumps(content, indent=2) + "\n").encode())
