# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seg3d2d_ros.html_report import data_uri, table, write_page

_VIDEO = """<h2>What the robot sees</h2>
<video controls autoplay loop muted playsinline src="{source}"></video>"""
_SHEET = """<h2>Camera images and their labels</h2>
<img src="{source}" alt="camera images beside their labels, with a legend">"""


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
    parts = [table(rows)]
    if video is not None:
        parts.append(_VIDEO.format(source=data_uri("video/webm", video.read_bytes())))
    parts.append(_SHEET.format(source=data_uri("image/jpeg", sheet.read_bytes())))
    write_page(path, title=title, introduction=introduction, body="\n".join(parts))
