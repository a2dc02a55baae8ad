# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From a file of published weights to a point model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from training.points.point_model import DESCRIPTION, PointModelDescription, save_point_model
from training.published_weights.checkpoint_file import file_sha256
from training.published_weights.imported_network import ImportedNetwork
from training.published_weights.published_weights_error import PublishedWeightsError


def import_model(
    file: Path,
    read: Callable[[], ImportedNetwork],
    out: Path,
    *,
    licence: str,
    sampling: Mapping[str, Any],
    how: str = "",
) -> tuple[PointModelDescription, str]:
    """Write published weights as a point model.

    Args:
        file: of the weights.
        read: the importer of their kind, called once.
        out: folder to write.
        licence: of the weights.
        sampling: settings that differ from what the importer says.
        how: what else the model should tell of its source, added to the sentence.

    Returns:
        The model's description, and what was done with the weights, a sentence a line.

    Raises:
        PublishedWeightsError: if the weights can't be used, or the folder holds a model already.
        PointNetworkError: if the folder holds something else.
        LabelSpaceError: if the label space can't be read.
        OSError: if something can't be written.
    """
    if (out / DESCRIPTION).exists():
        raise PublishedWeightsError(
            f"{out} holds a point model already; name another folder, or remove that one"
        )
    imported = read()
    description = save_point_model(
        out,
        imported.network,
        imported.label_space,
        network_name=imported.network_name,
        config=imported.config,
        sampling={**imported.sampling, **sampling},
        licence=licence,
        source=f"published weights {file.name}, SHA-256 {file_sha256(file)}{how}",
    )
    return description, imported.report
