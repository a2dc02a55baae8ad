# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reports that open in a browser: one HTML file that holds everything it shows."""

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
td, th {{ padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid #ddd; text-align: left;
         font-weight: normal; }}
td + td {{ font-variant-numeric: tabular-nums; }}
video, img {{ max-width: 100%; height: auto; border: 1px solid #ddd; }}
.swatch {{ display: inline-block; width: 1em; height: 1em; margin-right: .5em;
          vertical-align: -.1em; }}
.bar {{ display: inline-block; height: .7em; background: #4a7ebb; }}
.matrix td, .matrix th {{ padding: .1rem .3rem; font-size: .7rem; text-align: right; }}
.matrix thead th {{ writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }}
figure {{ margin: 1rem 0; }} figcaption {{ font-size: .85rem; color: #555; }}
{style}</style>
</head>
<body>
<h1>{title}</h1>
<p>{introduction}</p>
{body}
</body>
</html>
"""


def write_page(path: Path, *, title: str, introduction: str, body: str, style: str = "") -> None:
    """Write a report.

    Args:
        path: of the file.
        title: its heading, plain text.
        introduction: a sentence below, plain text.
        body: HTML.
        style: CSS beside that of all reports.

    Raises:
        OSError: if it can't be written.
    """
    page = _PAGE.format(
        title=html.escape(title), introduction=html.escape(introduction), body=body, style=style
    )
    write_file(path, page.encode())


def table(rows: Sequence[tuple[str, str]]) -> str:
    """HTML of a table of names and values, plain text."""
    lines = "\n".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    return f"<table>\n{lines}\n</table>"


def data_uri(mime: str, data: bytes) -> str:
    """The value of a ``src`` attribute that holds the data itself."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
