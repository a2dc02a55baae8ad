# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What a benchmark hands out: a table, a JSON file, and whether what was promised holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import describe_machine
from seg3d2d_ros.atomic_file import write_file

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Bound:
    """Something promised: ``measured`` must not be above ``at_most`` or below ``at_least``."""

    what: str
    measured: float | None
    at_most: float | None
    at_least: float | None
    holds: bool


class Report:
    """Collects the rows of a benchmark, of whose figures some must keep bounds.

    Make it before measuring: it notes the load of the machine.

    Args:
        name: of the benchmark and its JSON file.
        measured: in words what the figures are.
        settings: the arguments of this run.
    """

    def __init__(self, name: str, measured: str, settings: Mapping[str, Any]) -> None:
        self._name = name
        self._measured = " ".join(measured.split())
        self._settings = {
            key: value if isinstance(value, (int, float, list)) else str(value)
            for key, value in settings.items()
            if key != "out"
        }
        self._machine = describe_machine()
        self._start = datetime.now(timezone.utc)
        self._rows: list[dict[str, Any]] = []
        self._notes: list[str] = []
        self._bounds: list[Bound] = []

    def add_row(self, **values: Any) -> None:
        """Add a row of figures; floats are rounded to four digits behind the point."""
        self._rows.append(_rounded(values))

    def add_note(self, text: str) -> None:
        """Add what a reader of the figures must know."""
        self._notes.append(text)

    def require(
        self,
        what: str,
        measured: float | None,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Judge a figure; one that could not be measured (None) does not hold."""
        holds = (
            measured is not None
            and (at_most is None or measured <= at_most)
            and (at_least is None or measured >= at_least)
        )
        self._bounds.append(Bound(what, _rounded(measured), at_most, at_least, holds))

    def finish(self, out: Path, columns: Mapping[str, str]) -> int:
        """Print the table and write the file.

        Args:
            out: the JSON file.
            columns: headings by the names of the values in the rows.

        Returns:
            Exit status: 1 if a bound does not hold.
        """
        print(_table(self._rows, columns))
        for note in self._notes:
            print(f"note: {note}")
        for bound in self._bounds:
            limit = f"<= {bound.at_most}" if bound.at_most is not None else f">= {bound.at_least}"
            print(
                f"{'holds' if bound.holds else 'FAILS'}: {bound.what}: {bound.measured} ({limit})"
            )
        content = {
            "name": self._name,
            "measured": self._measured,
            "machine": self._machine,
            "time": self._start.isoformat(timespec="seconds"),
            "duration_s": round((datetime.now(timezone.utc) - self._start).total_seconds(), 1),
            "settings": self._settings,
            "rows": self._rows,
            "notes": self._notes,
            "bounds": [asdict(bound) for bound in self._bounds],
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        write_file(out, (json.dumps(content, indent=2) + "\n").encode())
        print(f"written: {out}")
        return 0 if all(bound.holds for bound in self._bounds) else 1


def add_out_argument(parser: argparse.ArgumentParser, name: str) -> None:
    """Let the user choose where the JSON file goes."""
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS / f"{name}.json",
        help="JSON file to write (%(default)s)",
    )


def percentiles(values: Sequence[float], name: str, unit: str = "ms") -> dict[str, float | None]:
    """Median, 95th and 99th percentile as ``<name>_p50_<unit>`` ...; None without a value."""
    ranks = (50, 95, 99)
    found = np.percentile(values, ranks).tolist() if len(values) else [None] * len(ranks)
    return {f"{name}_p{rank}_{unit}": value for rank, value in zip(ranks, found, strict=True)}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(float(value), 4) if isinstance(value, (float, np.floating)) else value


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    cells = [list(columns.values())]
    cells += [[_cell(row.get(key)) for key in columns] for row in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    # words to the left, figures to the right
    words = [any(isinstance(row.get(key), str) for row in rows) for key in columns]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if is_word else cell.rjust(width)
            for cell, width, is_word in zip(line, widths, words, strict=True)
        ).rstrip()
        for line in cells
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
