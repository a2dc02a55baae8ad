# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a scene, in words and numbers."""

from __future__ import annotations

import html

import numpy as np

from training.data.defects import count_by_kind
from training.data.manifest import DEFECTS
from training.data.scan import Scan
from training.inspection.prepared_scene import InspectedScene

_LISTED = 50
_OUTSIDE_M = 0.5


def scene_facts(scene: InspectedScene, scan: Scan | str) -> list[tuple[str, str]]:
    """Names and values for a table, plain text.

    Args:
        scene: of the table.
        scan: its points, or a sentence why there are none.
    """
    rows = scene.rows
    facts = [("frames", str(len(rows)))]
    for name, having in (
        ("with labels", [row for row in rows if row.label is not None]),
        ("with depth", [row for row in rows if row.depth is not None]),
        ("with a pose", [row for row in rows if row.pose is not None]),
        ("with intrinsics", [row for row in rows if row.intrinsics is not None]),
    ):
        facts.append((f"frames {name}", str(len(having))))
    lost = [f"{k} ({row.frame})" for k, row in enumerate(rows, 1) if row.pose is None]
    if lost and len(lost) < len(rows):
        facts.append(("frames without a pose", _listed(lost)))
    facts.append(("cameras", _cameras(scene)))
    if scene.size:
        facts.append(
            ("size by the protocol", f"{scene.size[1]} x {scene.size[0]} pixels, not used here")
        )
    facts += _scan_facts(scene, scan)
    return facts


def _cameras(scene: InspectedScene) -> str:
    kinds = {tuple(row.intrinsics) for row in scene.rows if row.intrinsics is not None}
    if len(kinds) != 1:
        return f"{len(kinds)} different intrinsics" if kinds else "no intrinsics known"
    width, height, fx, fy, cx, cy = kinds.pop()
    return (
        f"one, {width:g} x {height:g} pixels, fx {fx:.2f}, fy {fy:.2f}, cx {cx:.2f}, cy {cy:.2f} "
        "(pixel centres at integers)"
    )


def _scan_facts(scene: InspectedScene, scan: Scan | str) -> list[tuple[str, str]]:
    if isinstance(scan, str):
        return [("scan", scan)]
    parts = [f"{len(scan.points):,} points"]
    if scan.faces is not None:
        parts.append(f"{len(scan.faces):,} triangles")
    if scan.labels is None:
        parts.append("no labels")
    else:
        labelled = (scene.table[scan.labels] != scene.label_space.unlabeled).mean()
        parts.append(f"{100 * labelled:.1f} % of the points with a label")
    if scan.instances is not None:
        parts.append(f"{len(np.unique(scan.instances[scan.instances > 0]))} instances")
    low, high = scan.points.min(0), scan.points.max(0)
    extent = " x ".join(f"{x:.2f}" for x in high - low)
    facts = [("scan", ", ".join(parts)), ("size of the scan", f"{extent} m (x, y, z)")]
    places = [(k, row.pose[3:12:4]) for k, row in enumerate(scene.rows, 1) if row.pose is not None]
    outside = [
        str(k)
        for k, place in places
        if (place < low - _OUTSIDE_M).any() or (place > high + _OUTSIDE_M).any()
    ]
    if outside:
        text = f"those of the frames {_listed(outside)}, by more than {_OUTSIDE_M} m"
        facts.append(("cameras outside of it", text))
    return facts


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def defect_table(scene: InspectedScene) -> str:
    """HTML: what `prepare` found wrong with the scene."""
    if scene.defects is None:
        return f"<p>They are not listed by scene; see {DEFECTS} of the prepared data set.</p>"
    if not scene.defects:
        return "<p>None were found.</p>"
    counts = ", ".join(f"{count} {kind}" for kind, count in count_by_kind(scene.defects).items())
    lines = [
        f"<tr><td>{html.escape(defect.kind.value)}</td>"
        f"<td>{'left out' if defect.dropped else 'kept'}</td>"
        f"<td>{html.escape(defect.text)}</td></tr>"
        for defect in scene.defects[:_LISTED]
    ]
    more = len(scene.defects) - _LISTED
    rest = f"<p>and {more} more, see {DEFECTS} of the prepared data set.</p>" if more > 0 else ""
    return (
        f"<p>{html.escape(counts)}.</p>"
        '<table class="wide"><tr><th>what</th><th>frame or scan</th><th>where</th></tr>'
        + "\n".join(lines)
        + f"</table>{rest}"
    )
