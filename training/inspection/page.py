# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The page of one scene."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io

from seg3d2d_ros.html_report import table, write_page
from training.data.scan import Scan
from training.inspection.figure import DIV
from training.inspection.page_folder import PAGE
from training.inspection.pictures import NO_LABEL_COLOR
from training.inspection.prepared_scene import InspectedScene
from training.inspection.scene_facts import defect_table, scene_facts

_STYLE = """
h3 { font-size: 1rem; margin: 2rem 0 .5rem; }
.views { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .75rem 1rem; }
.views figure { margin: 0; }
.views img { width: 100%; display: block; box-sizing: border-box; }
.nothing { background: #f2f4f7; border: 1px solid #ddd; color: #555; min-height: 9rem;
           padding: 1rem; font-size: .85rem; overflow-wrap: anywhere; }
.facts table { width: 100%; font-size: .85rem; }
.facts td { padding: .15rem .75rem .15rem 0; vertical-align: top; overflow-wrap: anywhere; }
.facts td:first-child { white-space: nowrap; }
.scale { display: block; white-space: nowrap; }
.scale span { display: inline-block; width: 8rem; height: .7em; }
.legend { margin: .5rem 0; } .legend span.class { display: inline-block; margin-right: 1.25rem;
          white-space: nowrap; font-size: .9rem; }
.figure { position: relative; border: 1px solid #ddd; }
#camera { position: absolute; top: 52px; left: 10px; width: 240px; background: #fff;
          border: 1px solid #ccc; padding: 6px; font-size: .85rem; pointer-events: none; z-index: 9;
          overflow-wrap: anywhere; }
#camera img { display: block; width: 100%; border: 0; } #camera p { margin: .25rem 0 0; }
#camera[hidden], #camera img[hidden] { display: none; }
.wide td { vertical-align: top; overflow-wrap: anywhere; }
@media (max-width: 700px) { .views { grid-template-columns: minmax(0, 1fr); } }
.note { color: #555; font-size: .9rem; }
"""
_SCRIPT = """
const pictures = PICTURES, plot = document.getElementById("DIV");
const box = document.getElementById("camera");
const numberOf = event => event.points[0].customdata;
plot.on("plotly_hover", event => {
  const camera = pictures[numberOf(event)];
  if (!camera) return;
  box.querySelector("p").textContent = camera.name;
  box.querySelector("img").hidden = !camera.file;
  if (camera.file) box.querySelector("img").src = camera.file;
  box.hidden = false;
});
plot.on("plotly_unhover", () => { box.hidden = true; });
plot.on("plotly_click", event => {
  const section = document.getElementById("frame-" + numberOf(event));
  if (section) section.scrollIntoView({behavior: "smooth"});
});
"""
_BUTTONS = ["toImage", "zoom3d", "pan3d", "orbitRotation", "tableRotation", "resetCameraDefault3d"]


def write_scene_page(
    folder: Path,
    scene: InspectedScene,
    scan: Scan | str,
    figure: go.Figure | None,
    *,
    note: str,
    thumbnails: dict[int, dict[str, str]],
    sections: Sequence[str],
    covered: Sequence[float],
    points_source: str | None,
    pixels: Any,
) -> None:
    """Write ``index.html``.

    Args:
        folder: of the page.
        scene: that it shows.
        scan: of the scene, or a sentence why there is none.
        figure: the scene in 3D; None for none.
        note: on what the figure shows, plain text.
        thumbnails: by number of the frame its "name" and the "file" of its picture.
        sections: of the frames, HTML.
        covered: share of the pixels with a point, of the frames that have points, 0 to 1.
        points_source: a sentence on where the points come from; None where there are none.
        pixels: of the shown frames by class, the last one for none.

    Raises:
        OSError: if it can't be written.
    """
    points = _points_by_class(scene, scan)
    legend = _legend(scene, points, pixels)
    body = [
        "<h2>In 3D</h2>",
        f'<p class="note">{html.escape(note)}</p>',
        _figure(figure, thumbnails) + legend if figure is not None else "",
        "<h2>The scene</h2>",
        f'<div class="wide">{table(scene_facts(scene, scan))}</div>',
        "<h2>Defects</h2>",
        defect_table(scene),
        "<h2>Frames</h2>",
        f"<p>{html.escape(_frames_text(scene, len(sections), covered, points_source))}</p>",
        legend if sections else "",
        *sections,
    ]
    write_page(
        folder / PAGE,
        title=f"Scene {scene.name}",
        introduction=f"{scene.source}, split {', '.join(scene.splits) or 'none'}.",
        body="\n".join(body),
        style=_STYLE,
    )


def _figure(figure: go.Figure, thumbnails: dict[int, dict[str, str]]) -> str:
    # "<" could end the script
    pictures = json.dumps(thumbnails).replace("<", "\\u003c")
    plot = plotly.io.to_html(
        figure,
        include_plotlyjs=True,
        include_mathjax=False,
        full_html=False,
        div_id=DIV,
        default_width="100%",
        default_height="680px",
        config={"displaylogo": False, "responsive": True, "modeBarButtons": [_BUTTONS]},
        post_script=_SCRIPT.replace("DIV", DIV).replace("PICTURES", pictures),
    )
    # before the figure, whose script finds it
    box = '<div id="camera" hidden><img alt=""><p></p></div>'
    return f'<div class="figure">{box}{plot}</div>'


def _points_by_class(scene: InspectedScene, scan: Scan | str) -> Any:
    counts = np.zeros(scene.label_space.num_classes + 1, np.int64)
    if isinstance(scan, Scan) and scan.labels is not None:
        classes = np.minimum(scene.table[scan.labels], scene.label_space.num_classes)
        counts += np.bincount(classes, minlength=len(counts))
    return counts


def _legend(scene: InspectedScene, points: Any, pixels: Any) -> str:
    entries = []
    colors = [*(c.color for c in scene.label_space.classes), NO_LABEL_COLOR]
    names = [*scene.label_space.names, "no label"]
    shares = [100 * counts / max(counts.sum(), 1) for counts in (points, pixels)]
    for k, (name, color) in enumerate(zip(names, colors, strict=True)):
        if points[k] or pixels[k]:
            parts = [
                f"{s[k]:.1f} % of the {of}"
                for s, of in zip(shares, ("points", "pixels"), strict=True)
                if s.any()
            ]
            entries.append(
                f'<span class="class" title="{", ".join(parts)}"><span class="swatch" '
                f'style="background:rgb{tuple(color)}"></span>{html.escape(name)}</span>'
            )
    return f'<p class="legend">{" ".join(entries)}</p>' if entries else ""


def _frames_text(
    scene: InspectedScene, shown: int, covered: Sequence[float], points_source: str | None
) -> str:
    if not scene.rows:
        return "The scene has no frames."
    text = f"All {shown} frames are shown." if shown > 1 else "The scene's only frame is shown."
    if shown < len(scene.rows):
        text = f"{shown} of {len(scene.rows)} frames are shown, evenly spread."
    if covered:
        low, mean, high = (100 * f(covered) for f in (min, np.mean, max))
        text += (
            f" {points_source} They cover {mean:.2f} % of the pixels on average ({low:.2f} to "
            f"{high:.2f} %), one pixel for each point; here they are drawn larger."
        )
    return text + " A picture opens in its full size by a click."
