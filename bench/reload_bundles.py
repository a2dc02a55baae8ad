# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Bundles to load again and again: two that work and differ, and two that are broken."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import yaml

from seg3d2d_ros.bundle import ModelBundle


@dataclass(frozen=True)
class ReloadBundle:
    """A bundle to reload.

    Attributes:
        kind: in words.
        path: its folder.
        hash: of a bundle that works, empty for a broken one.
    """

    kind: str
    path: Path
    hash: str

    @property
    def works(self) -> bool:
        """Whether a node should take it."""
        return bool(self.hash)


def write_reload_bundles(bundle: ModelBundle, folder: Path) -> Iterator[ReloadBundle]:
    """Make four variants of a bundle. Returns them in turns, for ever, every other one broken.

    Args:
        bundle: with at least two reference images of one size.
        folder: to write in.
    """
    works = [_copy(bundle, folder / "works"), _copy(bundle, folder / "works_too")]
    _change(works[1], lambda content: content["credits"].append("a second copy"))
    altered, other_labels = (
        _copy(bundle, folder / "altered"),
        _copy(bundle, folder / "other_labels"),
    )
    weights = ModelBundle.load(altered).weights[0].path
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 0xFF
    weights.write_bytes(content)
    # refused only after the whole model has been loaded and run, when most memory is taken
    _change(other_labels, _exchange_reference_labels)
    variants = [
        ReloadBundle("works", works[0], ModelBundle.load(works[0]).hash),
        ReloadBundle("broken: weights altered", altered, ""),
        ReloadBundle("works, another one", works[1], ModelBundle.load(works[1]).hash),
        ReloadBundle("broken: other labels", other_labels, ""),
    ]
    return cycle(variants)


def _copy(bundle: ModelBundle, folder: Path) -> Path:
    return Path(shutil.copytree(bundle.path, folder))


def _change(folder: Path, change: Any) -> None:
    """Edit bundle.yaml, and its hash with it."""
    file = folder / "bundle.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(content)
    text = yaml.safe_dump(content, sort_keys=False).encode()
    file.write_bytes(text)
    digest = hashlib.sha256(text).hexdigest()
    (folder / "bundle.sha256").write_text(f"{digest}  bundle.yaml\n", encoding="ascii")


def _exchange_reference_labels(content: dict[str, Any]) -> None:
    first, second = content["reference"][:2]
    first["labels"], second["labels"] = second["labels"], first["labels"]
