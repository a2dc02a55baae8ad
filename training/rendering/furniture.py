# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Debian's Sweet Home 3D furniture: fetching it, and its catalogue by part played in a room.

The package `sweethome3d-furniture` holds libraries (.sh3f, zip files of OBJ models with a
catalogue in Java's properties format). Only the CC0 and CC-BY libraries without people are used.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import yaml

from seg3d2d_ros.atomic_file import write_file
from training.rendering.domain import Part
from training.rendering.nyu40 import NYU40
from training.rendering.rooms_error import RoomsError

LIBRARIES = {
    "C0": "BlendSwap-CC-0",
    "CB": "BlendSwap-CC-BY",
    "KL": "KatorLegaz",
    "SC": "Scopia",
}
DEFAULT_FOLDER = Path("~/.cache/seg3d2d/furniture")
_CLASSES = Path(__file__).with_name("furniture_classes.yaml")
_FILES = "files.json"
"""Size and CRC-32 of every file; it is there once all are."""


class FurnitureError(RoomsError):
    """The furniture cannot be fetched or read; the message says what to do."""


@dataclass(frozen=True)
class Model:
    """One catalogue entry.

    Attributes:
        key: library prefix and catalogue id, such as `SC:bed1`.
        label: NYU-40 class id.
        path: the OBJ file.
        size: width (x), depth (y), height (z) in metres.
        elevation: height of its underside above the floor, metres.
        rotation: nine numbers, the catalogue's model rotation (row-major, y up), or None.
        creator: the author to credit.
    """

    key: str
    label: int
    path: Path
    size: tuple[float, float, float]
    elevation: float
    rotation: tuple[float, ...] | None
    creator: str


def fetch(folder: Path) -> None:
    """Download and unpack the furniture into `folder` unless it is there.

    Raises:
        FurnitureError: apt-get or dpkg is missing or fails.
    """
    folder = folder.expanduser()
    if is_fetched(folder):
        return
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise FurnitureError(
                f"{tool} was not found, so the furniture models cannot be fetched; on Debian or "
                "Ubuntu run this once, then pass the folder with --furniture"
            )
    print(f"fetching the furniture (120 MB) into {folder}", file=sys.stderr, flush=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not list(folder.glob("sweethome3d-furniture_*.deb")):
            _run(["apt-get", "download", "sweethome3d-furniture"], folder)
        package = next(folder.glob("sweethome3d-furniture_*.deb"))
        try:
            _run(["dpkg", "-x", package.name, "unpacked"], folder)
        except FurnitureError:  # cut off, perhaps: the next try downloads it again
            package.unlink()
            raise
        files: dict[str, tuple[int, int]] = {}
        for name in LIBRARIES.values():
            source = folder / "unpacked/usr/share/sweethome3d/furniture" / f"{name}.sh3f"
            with zipfile.ZipFile(source) as archive:
                archive.extractall(folder / name)
                files |= {f"{name}/{e.filename}": (e.file_size, e.CRC) for e in archive.infolist()}
        shutil.rmtree(folder / "unpacked")
        package.unlink()
        write_file(folder / _FILES, json.dumps(files, indent=0).encode())
    except (OSError, zipfile.BadZipFile) as error:
        raise FurnitureError(
            f"the furniture can't be unpacked in {folder} ({error}); it needs 700 MB while it is "
            "unpacked; make room or delete the folder, and try again"
        ) from error


def is_fetched(folder: Path) -> bool:
    """Whether the furniture is complete in `folder`."""
    return (folder.expanduser() / _FILES).exists()


def check_files(folder: Path, model: Model) -> None:
    """Compare a model's files, its materials and pictures among them, with what was fetched.

    Raises:
        FurnitureError: one is missing or altered.
    """
    for name, (size, checksum) in _files(folder).items():
        path = folder / name
        if path.parent != model.path.parent or name.endswith("/"):
            continue
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FurnitureError(_damaged(folder, path, error.strerror or "unreadable")) from error
        if len(content) != size or zlib.crc32(content) != checksum:
            raise FurnitureError(_damaged(folder, path, "its checksum differs"))


@lru_cache(maxsize=2)
def _files(folder: Path) -> dict[str, tuple[int, int]]:
    try:
        files: dict[str, tuple[int, int]] = json.loads((folder / _FILES).read_text())
    except (OSError, ValueError) as error:
        raise FurnitureError(_damaged(folder, folder / _FILES, str(error))) from error
    return files


def _damaged(folder: Path, path: Path, reason: str) -> str:
    return f"the furniture file {path} is damaged ({reason}); delete {folder} to fetch it again"


def _run(command: list[str], folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr.strip() or "no message").splitlines()[-1]
        raise FurnitureError(
            f"'{' '.join(command)}' failed in {folder}: {reason}; check the package sources "
            "(apt-get update) and try again"
        )


def _read_catalogue(file: Path) -> dict[str, dict[str, str]]:
    entries: dict[str, dict[str, str]] = {}
    for line in file.read_text(encoding="latin-1").splitlines():
        match = re.match(r"(\w+)#(\d+)=(.*)", line)
        if match:
            entries.setdefault(match[2], {})[match[1]] = match[3].strip()
    return {entry["id"].split("#")[1]: entry for entry in entries.values() if "id" in entry}


@dataclass(frozen=True)
class Catalogue:
    """The usable models by role; `folder` also holds the cache of parsed meshes."""

    folder: Path
    roles: Mapping[str, Sequence[Model]]
    labels: Mapping[str, str]
    """NYU-40 class by role."""

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """Read the unpacked libraries below `folder`.

        Raises:
            FurnitureError: a library is missing.
        """
        folder = folder.expanduser()
        tables = {}
        for prefix, name in LIBRARIES.items():
            file = folder / name / "PluginFurnitureCatalog.properties"
            if not file.exists():
                raise FurnitureError(f"{file} is missing; delete {folder} to fetch it again")
            tables[prefix] = _read_catalogue(file)
        rules = yaml.safe_load(_CLASSES.read_text())["roles"]
        roles: dict[str, list[Model]] = {}
        for role, rule in rules.items():
            roles[role] = []
            for key in rule["models"].split():
                prefix, identifier = key.split(":", 1)
                try:
                    entry = tables[prefix][identifier]
                    roles[role].append(_model(key, NYU40[rule["label"]], folder, prefix, entry))
                except (KeyError, ValueError) as error:
                    file = folder / LIBRARIES[prefix]
                    reason = f"it has no complete entry {identifier}"
                    raise FurnitureError(_damaged(folder, file, reason)) from error
        return cls(folder, roles, {role: rule["label"] for role, rule in rules.items()})

    def for_part(self, part: Part, made_in_code: Collection[str]) -> Catalogue:
        """The models of one part of the rooms, given the roles that can be made in code too."""
        roles = {r: part.models(models, r in made_in_code) for r, models in self.roles.items()}
        return replace(self, roles=roles)

    def credits(self) -> str:
        """Authors per library as Markdown."""
        licences = {
            "C0": "CC0 1.0",
            "CB": "CC BY 3.0",
            "KL": "CC BY 3.0 US",
            "SC": "CC BY 3.0",
        }
        lines = [
            "# Furniture in the rendered rooms",
            "",
            "The synthetic rooms use 3D models of the libraries below, as packaged in Debian's",
            "`sweethome3d-furniture` (converted to OBJ by Emmanuel Puybaret / eTeks). The models",
            "are scaled, partly recoloured and rendered; they are not distributed here.",
            "",
        ]
        for prefix, name in LIBRARIES.items():
            by: dict[str, set[str]] = {}
            for models in self.roles.values():
                for model in models:
                    if model.key.startswith(prefix + ":"):
                        by.setdefault(model.creator, set()).add(model.key.split(":", 1)[1])
            lines += [f"## {name} ({licences[prefix]})", ""]
            lines += [f"- {who}: {', '.join(sorted(what))}" for who, what in sorted(by.items())]
            lines.append("")
        return "\n".join(lines)


def _model(key: str, label: int, folder: Path, prefix: str, entry: dict[str, str]) -> Model:
    rotation = entry.get("modelRotation")
    return Model(
        key,
        label,
        folder / LIBRARIES[prefix] / entry["model"].lstrip("/"),
        (float(entry["width"]) / 100, float(entry["depth"]) / 100, float(entry["height"]) / 100),
        float(entry.get("elevation", 0)) / 100,
        tuple(float(v) for v in rotation.split()) if rotation else None,
        entry.get("creator", "unknown").encode("latin-1").decode("unicode_escape"),
    )
