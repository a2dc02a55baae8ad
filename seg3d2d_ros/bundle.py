# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Model bundles: the only thing that passes from training to the robot.

A bundle is a folder: ``bundle.yaml``, ``bundle.sha256`` (a line that ``sha256sum -c`` reads),
weights, reference images with the labels that the network gave where it was exported, and a model
card. Every file is named in ``bundle.yaml`` with its size and SHA-256, so a change anywhere is
noticed. This protects against damage and mix-ups; it is no signature: who can rewrite the whole
folder can rewrite the hashes. Loading runs no code from a bundle.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

import yaml

from seg3d2d_ros.bundle_files import FORMATS, BundleError, HashedFile, ReferencePair, WeightsFile
from seg3d2d_ros.labels import LabelSpace, LabelSpaceError
from seg3d2d_ros.share import share_folders

FORMAT_VERSION = 1
_MAX_YAML_BYTES = 1 << 20
_MAX_INPUT_PIXELS = 1 << 26


@dataclass(frozen=True)
class InputSpec:
    """Network input: pixels per frame (height x width), side multiple, and normalisation.

    The graph takes RGB uint8 and applies ``(x - mean) / std`` itself; mean and std are in the
    units of 0-255 and stated for the networks that are built by name.
    """

    height: int
    width: int
    multiple: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class ModelBundle:
    """Everything a robot has to know about a model. Make one with :meth:`load`."""

    path: Path
    hash: str
    """SHA-256 of bundle.yaml (hex), which in turn holds the hash of every other file."""
    name: str
    label_space: LabelSpace
    network: Mapping[str, Any]
    input: InputSpec
    output_stride: int
    temperature: float
    weights: tuple[WeightsFile, ...]
    reference: tuple[ReferencePair, ...]
    card: HashedFile
    metrics: Mapping[str, Any]
    provenance: Mapping[str, Any]
    licence: str
    credits: tuple[str, ...]
    card_picture: HashedFile | None = None
    """JPEG that the card shows; older exports have none."""

    @classmethod
    def load(cls, path: str | Path, *, check_hashes: bool = True) -> ModelBundle:
        """Read a bundle folder.

        Args:
            path: the folder.
            check_hashes: read and check every file now (default), not only those used later.

        Raises:
            BundleError: if anything is missing, of another version, altered or malformed.
        """
        folder = Path(path)
        content = _read_yaml_bytes(folder)
        digest = hashlib.sha256(content).hexdigest()
        _check_yaml_hash(folder, digest)
        mapping = _parse_yaml(folder, content)
        version = mapping.get("format_version")
        if version != FORMAT_VERSION:
            raise BundleError(
                f"bundle {folder} has format version {version!r}, this release reads "
                f"{FORMAT_VERSION}; export the model again or install the release it was made with"
            )
        try:
            bundle = _bundle_from_mapping(folder, digest, mapping)
        except LabelSpaceError as error:
            raise BundleError(
                f"{folder / 'bundle.yaml'}: {error}; export the model again"
            ) from error
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise BundleError(
                f"{folder / 'bundle.yaml'} is malformed ({type(error).__name__}: {error}); "
                "export the model again"
            ) from error
        if check_hashes:
            for file in bundle.files():
                file.read()
        return bundle

    def files(self) -> list[HashedFile]:
        """Every file of the bundle but bundle.yaml and bundle.sha256."""
        files: list[HashedFile] = [*self.weights, self.card]
        files += [w.binary for w in self.weights if w.binary is not None]
        files += [self.card_picture] if self.card_picture is not None else []
        for pair in self.reference:
            files += [pair.image, pair.labels]
        return files

    def find_weights(self, *formats: str, int8: bool = False) -> WeightsFile:
        """The first weights file in one of the formats, in the order asked for.

        Args:
            formats: by preference.
            int8: the quantised weights instead of the others.

        Raises:
            BundleError: if the bundle has none.
        """
        for wanted in formats:
            for file in self.weights:
                if file.format == wanted and (file.precision == "int8") == int8:
                    return file
        if int8:
            raise BundleError(
                f"bundle {self.path} holds no int8 weights as {' or '.join(formats)}; choose "
                "precision auto, or export the model with --int8"
            )
        raise BundleError(
            f"bundle {self.path} holds no weights as {' or '.join(formats)}, only as "
            f"{', '.join(f'{w.format} ({w.precision})' for w in self.weights)}; choose another "
            "backend or export again"
        )


def resolve_bundle(name_or_path: str | Path) -> Path:
    """Folder of a bundle given by path, or by the name of one that ships with the package.

    Raises:
        BundleError: if there is no such folder; the message lists the shipped models.
    """
    given = Path(name_or_path).expanduser()
    if (given / "bundle.yaml").is_file():
        return given
    shipped: dict[str, Path] = {}
    for folder in share_folders():
        for found in sorted((folder / "models").glob("*/bundle.yaml")):
            shipped.setdefault(found.parent.name, found.parent)
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    if given.exists():
        raise BundleError(f"{given} is no model bundle: it holds no bundle.yaml")
    raise BundleError(
        f"no model bundle '{name_or_path}': neither a folder with a bundle.yaml nor a shipped "
        f"model (shipped: {', '.join(shipped) or 'none'})"
    )


def _read_yaml_bytes(folder: Path) -> bytes:
    if not folder.is_dir():
        raise BundleError(f"model bundle {folder} is no folder; give the folder with bundle.yaml")
    file = folder / "bundle.yaml"
    try:
        if file.stat().st_size > _MAX_YAML_BYTES:
            raise BundleError(f"{file} is larger than 1 MiB, which no bundle's is; get it again")
        return file.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{file} can't be read ({error.strerror}); give the folder of a model bundle"
        ) from error


def _check_yaml_hash(folder: Path, digest: str) -> None:
    file = folder / "bundle.sha256"
    try:
        fields = file.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{file} can't be read; copy the whole bundle folder again") from error
    if len(fields) != 2 or fields[0] != digest:
        raise BundleError(
            f"{folder / 'bundle.yaml'} was altered after export: its SHA-256 is not the one in "
            "bundle.sha256; copy the bundle folder again, or export the model with the change"
        )


def _parse_yaml(folder: Path, content: bytes) -> dict[str, Any]:
    try:
        mapping = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        summary = " ".join(str(error).split())
        raise BundleError(
            f"{folder / 'bundle.yaml'} is no plain YAML ({summary}); get the bundle again"
        ) from error
    if not isinstance(mapping, dict):
        raise BundleError(f"{folder / 'bundle.yaml'} is no YAML mapping; get the bundle again")
    return cast("dict[str, Any]", mapping)


def _hashed_file(folder: Path, entry: Mapping[str, Any]) -> tuple[Path, int, str]:
    relative = PurePosixPath(str(entry["path"]))
    path = folder / relative
    if (
        relative.is_absolute()
        or ".." in relative.parts
        or not (path.resolve().is_relative_to(folder.resolve()))
    ):
        raise BundleError(
            f"{folder / 'bundle.yaml'} names '{relative}', which lies outside the bundle folder; "
            "don't use this bundle"
        )
    return path, int(entry["size"]), str(entry["sha256"])


def _weights(folder: Path, entry: Mapping[str, Any]) -> WeightsFile:
    if entry["format"] not in FORMATS:
        raise BundleError(
            f"{folder / 'bundle.yaml'} names weights of format {entry['format']!r}; "
            f"this release reads {', '.join(FORMATS)}"
        )
    binary = entry.get("binary")
    return WeightsFile(
        *_hashed_file(folder, entry),
        format=str(entry["format"]),
        precision=str(entry["precision"]),
        binary=HashedFile(*_hashed_file(folder, binary)) if binary else None,
    )


def _bundle_from_mapping(folder: Path, digest: str, mapping: Mapping[str, Any]) -> ModelBundle:
    spec = mapping["input"]
    mean, std = (tuple(float(v) for v in spec[key]) for key in ("mean", "std"))
    if len(mean) != 3 or len(std) != 3 or not all(map(math.isfinite, mean + std)) or min(std) <= 0:
        raise ValueError("input mean and std must be three finite numbers each, std above 0")
    height, width, multiple = (int(spec[key]) for key in ("height", "width", "multiple"))
    if min(height, width, multiple) < 1 or height % multiple or width % multiple:
        raise ValueError(f"input size {height}x{width} is no multiple of {multiple}")
    if height * width > _MAX_INPUT_PIXELS:
        raise ValueError(f"input size {height}x{width} is beyond {_MAX_INPUT_PIXELS} pixels")
    temperature = float(mapping["temperature"])
    if not 0 < temperature < math.inf:
        raise ValueError("temperature must be above 0 and finite")
    picture = mapping.get("card_picture")
    if not mapping["weights"]:
        raise ValueError("it lists no weights")
    return ModelBundle(
        path=folder,
        hash=digest,
        name=str(mapping["name"]),
        label_space=LabelSpace.from_mapping(mapping["label_space"]),
        network=dict(mapping["network"]),
        input=InputSpec(
            height, width, multiple, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
        ),
        output_stride=int(mapping["output_stride"]),
        temperature=temperature,
        weights=tuple(_weights(folder, entry) for entry in mapping["weights"]),
        reference=tuple(
            ReferencePair(
                *(HashedFile(*_hashed_file(folder, pair[k])) for k in ("image", "labels"))
            )
            for pair in mapping["reference"]
        ),
        card=HashedFile(*_hashed_file(folder, mapping["card"])),
        metrics=dict(mapping["metrics"]),
        provenance=dict(mapping["provenance"]),
        licence=str(mapping["licence"]),
        credits=tuple(str(line) for line in mapping["credits"]),
        card_picture=HashedFile(*_hashed_file(folder, picture)) if picture else None,
    )
