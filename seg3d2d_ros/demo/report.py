# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's report: one HTML file that holds everything it shows."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from seg3d2d_ros.atomic_file import write_file

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
table {{ border-collapse: collapse; }}
td {{ padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid #ddd; }}
td + td {{ font-variant-numeric: tabular-nums; }}
video, img {{ max-width: 100%; height: auto; border: 1px solid #ddd; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{introduction}</p>
<table>
{rows}
</table>
{video}
<h2>Camera images and their labels</h2>
<img src="data:image/jpeg;base64,{sheet}" alt="camera images beside their labels, with a legend">
</body>
</html>
"""

_VIDEO = """<h2>What the robot sees</h2>
<video controls autoplay loop muted playsinline src="data:video/webm;base64,{data}"></video>"""


def write_report(
    path: Path,
    *,
    title: str,
    introduction: str,
    rows: Sequence[tuple[str, str]],
    sheet: Path,
    video: Path | None,
) -> None:
    """Write the report.

    Args:
        path: of the file.
        title: its heading.
        introduction: a sentence below.
        rows: name and value of each figure.
        sheet: the contact sheet, JPEG.
        video: WebM, or None where there is none.
    """
    table = "\n".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    page = _PAGE.format(
        title=html.escape(title),
        introduction=html.escape(introduction),
        rows=table,
        video=_VIDEO.format(data=_base64(video)) if video else "",
        sheet=_base64(sheet),
    )
    write_file(path, page.encode())


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
