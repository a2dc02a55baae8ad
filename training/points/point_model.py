# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Point models: a folder with a 3D network's weights and all that is needed to use them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.stored_weights import (
    StoredWeightsError,
    fill_from_safetensors,
    weights_to_safetensors,
)
from training.points.networks.point_network import PointNetwork, PointNetworkError
from training.points.networks.registry import build_point_network, build_sampling
from training.points.sampling.scene_sampling import SceneSampling

FORMAT = "seg3d2d point model 1"
DESCRIPTION = "point_model.yaml"
WEIGHTS = "weights.safetensors"
LABEL_SPACE = "label_space.yaml"


@dataclass(frozen=True)
class PointModelDescription:
    """What ``point_model.yaml`` says.

    Attributes:
        name: of the model.
        network: name in the registry.
        config: its settings.
        sampling: settings of how it sees scenes.
        sha256: of the weights' file.
        licence: SPDX identifier or a sentence.
        source: where the weights come from: experiment and commit, or a published file.
        metrics: with the data they were measured on; empty where nothing was measured.
        format: version of the folder's format.
    """

    name: str
    network: str
    config: dict[str, Any]
    sampling: dict[str, Any]
    sha256: str
    licence: str
    source: str
    metrics: dict[str, Any] = field(default_factory=dict)
    format: str = FORMAT


@dataclass(frozen=True, eq=False)
class PointModel:
    """A 3D network ready for use.

    Attributes:
        description: what its folder says of it.
        network: in evaluation mode, on the CPU.
        sampling: how it sees scenes.
        label_space: its classes, in the classifier's order.
    """

    description: PointModelDescription
    network: PointNetwork
    sampling: SceneSampling
    label_space: LabelSpace


def save_point_model(
    folder: Path,
    network: PointNetwork,
    label_space: LabelSpace,
    *,
    network_name: str,
    config: dict[str, Any],
    sampling: dict[str, Any],
    licence: str,
    source: str,
    metrics: dict[str, Any] | None = None,
) -> PointModelDescription:
    """Write a point model; kernels are stored in half precision.

    Args:
        folder: made if absent; its name becomes the model's.
        network: whose weights are stored.
        label_space: its classes.
        network_name: in the registry.
        config: the network's settings.
        sampling: settings of its sampling.
        licence: SPDX identifier or a sentence.
        source: where the weights come from.
        metrics: measured figures and on which data.

    Raises:
        OSError: if it can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = weights_to_safetensors(network)
    description = PointModelDescription(
        name=folder.resolve().name,
        network=network_name,
        config=config,
        sampling=sampling,
        sha256=hashlib.sha256(content).hexdigest(),
        licence=licence,
        source=source,
        metrics=metrics or {},
    )
    write_file(folder / WEIGHTS, content)
    space = yaml.safe_dump(label_space.to_mapping(), sort_keys=False, allow_unicode=True)
    write_file(folder / LABEL_SPACE, space.encode())
    text = yaml.safe_dump(asdict(description), sort_keys=False, allow_unicode=True)
    write_file(folder / DESCRIPTION, text.encode())
    return description


def load_point_model(folder: Path) -> PointModel:
    """Read a point model; no code is run from it.

    Raises:
        PointNetworkError: if it is absent, damaged, of another version or of another network.
        LabelSpaceError: if its label space can't be read.
    """
    path = folder / DESCRIPTION
    try:
        mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
        description = PointModelDescription(**mapping)
    except OSError as error:
        raise PointNetworkError(
            f"{folder} holds no point model ({path.name}: {error.strerror}); 'python -m training "
            "points export' or 'import' make one"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise PointNetworkError(f"{path} is malformed; export or import the model anew") from error
    if description.format != FORMAT:
        raise PointNetworkError(
            f"{path} is of the format '{description.format}', this version reads '{FORMAT}'"
        )
    space = LabelSpace.load(folder / LABEL_SPACE)
    network = build_point_network(description.network, description.config, space.num_classes)
    weights = folder / WEIGHTS
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise PointNetworkError(f"{weights} can't be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != description.sha256:
        raise PointNetworkError(
            f"{weights} is not the file that {path.name} names (its SHA-256 differs); copy the "
            "folder again"
        )
    try:
        fill_from_safetensors(network, content)
    except StoredWeightsError as error:
        raise PointNetworkError(f"{weights}: {error}") from error
    sampling = build_sampling(description.network, description.sampling)
    return PointModel(description, network.eval(), sampling, space)
