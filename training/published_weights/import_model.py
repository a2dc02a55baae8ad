# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From a file of published weights to a point model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.share import share_path
from training.points.point_model import DESCRIPTION, PointModelDescription, save_point_model
from training.published_weights.imported_network import ImportedNetwork, PublishedWeightsError


def import_model(
    file: Path,
    read: Callable[[], ImportedNetwork],
    out: Path,
    *,
    label_space: LabelSpace | None,
    default: str,
    licence: str,
    sampling: Mapping[str, Any],
    how: str = "",
) -> tuple[PointModelDescription, str]:
    """Write published weights as a point model.

    Args:
        file: of the weights.
        read: the importer of their kind, called once.
        out: folder to write.
        label_space: classes in the order of the file's classifier; None for those that the
            importer knows them to be.
        default: file in the package's ``config/labels`` for files whose classes it does not know.
        licence: of the weights.
        sampling: settings that differ from what the importer says.
        how: what else the model should tell of its source, added to the sentence.

    Returns:
        The model's description, and what was done with the weights, a sentence a line.

    Raises:
        PublishedWeightsError: if the weights can't be used, their classes are not those of the
            label space, or the folder holds a model already.
        LabelSpaceError: if the label space can't be read.
        OSError: if something can't be written.
    """
    if (out / DESCRIPTION).exists():
        raise PublishedWeightsError(
            f"{out} holds a point model already; name another folder, or remove that one"
        )
    imported = read()
    if label_space is None:
        label_space = _label_space(imported, default)
    if imported.network.num_classes != label_space.num_classes:
        raise PublishedWeightsError(
            f"{file} tells {imported.network.num_classes} classes apart, the label space "
            f"'{label_space.name}' has {label_space.num_classes}; name a file of its classes, in "
            "its own order, with --label-space"
        )
    if imported.class_names not in (None, label_space.names):
        raise PublishedWeightsError(
            f"the classes of {file} are known, and not those of the label space "
            f"'{label_space.name}'; leave --label-space out"
        )
    description = save_point_model(
        out,
        imported.network,
        label_space,
        network_name=imported.network_name,
        config=imported.config,
        sampling={**imported.sampling, **sampling},
        licence=licence,
        source=f"published weights {file.name}, SHA-256 {_sha256(file)}{how}",
    )
    return description, imported.report


def _label_space(imported: ImportedNetwork, default: str) -> LabelSpace:
    """That of the package which has the classes that the importer knows."""
    labels = share_path("config/labels")
    if imported.class_names is not None:
        for path in sorted(labels.glob("*.yaml")):
            space = LabelSpace.load(path)
            if space.names == imported.class_names:
                return space
    return LabelSpace.load(labels / default)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
