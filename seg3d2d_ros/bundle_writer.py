# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing of model bundles: whole or not at all, each file hashed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from seg3d2d_ros.bundle import FORMAT_VERSION, InputSpec, ModelBundle
from seg3d2d_ros.bundle_files import FORMATS, BundleError
from seg3d2d_ros.labels import LabelSpace

CARD_PICTURE = "MODEL_CARD.jpg"


@dataclass(frozen=True)
class WeightsSource:
    """Weights to put into a bundle: a file, its format and precision, for an IR also its .bin."""

    path: Path
    format: str
    precision: str
    binary: Path | None = None


def write_bundle(
    folder: Path,
    *,
    name: str,
    label_space: LabelSpace,
    network: Mapping[str, Any],
    input: InputSpec,
    output_stride: int,
    temperature: float,
    weights: Sequence[WeightsSource],
    reference: Sequence[tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]],
    card: str,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    licence: str,
    credits: Sequence[str],
    card_picture: bytes | None = None,
) -> ModelBundle:
    """Write a bundle folder and read it back checked.

    Everything goes into a temporary folder beside the target, which is then renamed; a bundle
    that was there before is replaced only after the new one was read back without fault.

    Args:
        folder: the bundle's folder; its parent is created.
        name: name of the model.
        label_space: classes the network tells apart.
        network: ``name`` of the network in the registry and its configuration.
        input: size and normalisation of the network's input.
        output_stride: pixels of input per value of the network's output.
        temperature: divides the logits before the soft-max of the confidence, above 0.
        weights: at least one; copied as ``model.<suffix>``.
        reference: pairs of RGB image (H, W, 3) uint8 and expected labels (H, W).
        card: the model card, Markdown.
        metrics: figures with the data they were measured on, mIoU in percent.
        provenance: experiment, command, commit, dataset fingerprint, seed.
        licence: SPDX identifier.
        credits: lines that name whose work the model builds on.
        card_picture: a JPEG that the card shows as ``MODEL_CARD.jpg``.

    Raises:
        BundleError: if what was given makes no valid bundle, the folder holds something else, or
            it can't be written.
    """
    if not weights:
        raise BundleError(f"bundle {folder} needs at least one weights file")
    folder = Path(folder)
    if folder.exists() and not _may_be_replaced(folder):
        raise BundleError(
            f"{folder} holds something else than a model bundle and is left as it is; give the "
            "name of a new folder"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise BundleError(f"bundle {folder} can't be written: {error}") from error
    try:
        mapping = {
            "format_version": FORMAT_VERSION,
            "name": name,
            "label_space": label_space.to_mapping(),
            "network": dict(network),
            "input": {
                "height": input.height,
                "width": input.width,
                "multiple": input.multiple,
                "mean": list(input.mean),
                "std": list(input.std),
            },
            "output_stride": output_stride,
            "temperature": temperature,
            "weights": [_copy_weights(work, source) for source in weights],
            "reference": [_write_pair(work, k, *pair) for k, pair in enumerate(reference)],
            "card": _write(work, "MODEL_CARD.md", card.encode()),
            "metrics": dict(metrics),
            "provenance": dict(provenance),
            "licence": licence,
            "credits": list(credits),
        }
        if card_picture is not None:
            mapping["card_picture"] = _write(work, CARD_PICTURE, card_picture)
        content = yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True, width=100).encode()
        digest = _write(work, "bundle.yaml", content)["sha256"]
        _write(work, "bundle.sha256", f"{digest}  bundle.yaml\n".encode())
        ModelBundle.load(work)
        work.chmod(0o755)
        _replace_folder(work, folder)
    except (OSError, cv2.error, yaml.YAMLError) as error:
        raise BundleError(f"bundle {folder} can't be written: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return ModelBundle.load(folder)


def _write(folder: Path, relative: str, content: bytes) -> dict[str, Any]:
    path = folder / relative
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return {"path": relative, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _copy_weights(folder: Path, source: WeightsSource) -> dict[str, Any]:
    if source.format not in FORMATS:
        raise BundleError(f"weights format '{source.format}' is none of {', '.join(FORMATS)}")
    stem = "model" if source.precision == "fp32" else f"model_{source.precision}"
    entry: dict[str, Any] = {"format": source.format, "precision": source.precision}
    entry |= _write(folder, stem + source.path.suffix, source.path.read_bytes())
    if source.binary is not None:
        entry["binary"] = _write(folder, stem + source.binary.suffix, source.binary.read_bytes())
    return entry


def _write_pair(
    folder: Path, k: int, image: npt.NDArray[np.uint8], labels: npt.NDArray[Any]
) -> dict[str, Any]:
    if image.shape[:2] != labels.shape:
        raise BundleError(
            f"reference {k}: labels have the shape {labels.shape}, the image {image.shape[:2]}"
        )
    return {
        "image": _write(folder, f"reference/{k}.png", _png(image[..., ::-1])),
        "labels": _write(folder, f"reference/{k}_label.png", _png(labels)),
    }


def _png(image: npt.NDArray[Any]) -> bytes:
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(image))
    if not done:
        raise BundleError(f"an image of shape {image.shape} and type {image.dtype} is no PNG")
    return encoded.tobytes()


def _may_be_replaced(folder: Path) -> bool:
    """Whether a folder is empty or a bundle and nothing else at its top."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    if not names:
        return True
    known = {"bundle.yaml", "bundle.sha256", "MODEL_CARD.md", CARD_PICTURE, "reference"}
    others = {name for name in names - known if not name.startswith("model")}
    return not others and {"bundle.yaml", "bundle.sha256"} <= names


def _replace_folder(new: Path, target: Path) -> None:
    """Rename ``new`` to ``target``; an older target is set aside first and then removed."""
    old = None
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent)) / "old"
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old is not None:
            old.rename(target)
        raise
    finally:
        if old is not None:
            shutil.rmtree(old.parent, ignore_errors=True)
