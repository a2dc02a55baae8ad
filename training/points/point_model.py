# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Point models: a folder with a 3D network's weights and all that is needed to use them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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
from training.engine.checkpoint import first_line
from training.points.networks.point_network import PointNetwork, PointNetworkError
from training.points.networks.registry import build_point_network, build_sampling
from training.points.sampling.scene_sampling import SceneSampling

FORMAT = "seg3d2d point model 1"
DESCRIPTION = "point_model.yaml"
WEIGHTS = "weights.safetensors"
LABEL_SPACE = "label_space.yaml"
_MAPPINGS = ("config", "sampling", "metrics")


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
        credits: whose work the weights build on, a line each.
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
    credits: list[str] = field(default_factory=list)
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
    credits: Sequence[str] = (),
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
        credits: whose work they build on, a line each.

    Raises:
        PointNetworkError: if the network's classes are not as many as the label space's, or the
            folder holds something else than a point model.
        OSError: if it can't be written.
    """
    if network.num_classes != label_space.num_classes:
        raise PointNetworkError(
            f"the network tells {network.num_classes} classes apart, the label space "
            f"'{label_space.name}' has {label_space.num_classes}"
        )
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    # the weights alone are of a model whose writing was interrupted
    if not {DESCRIPTION, WEIGHTS} & set(names) and any(not name.startswith(".") for name in names):
        raise PointNetworkError(
            f"{folder} holds something else than a point model; name a folder of its own"
        )
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
        credits=list(credits),
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
    description = _read_description(folder)
    space = LabelSpace.load(folder / LABEL_SPACE)
    try:
        network = build_point_network(description.network, description.config, space.num_classes)
        sampling = build_sampling(description.network, description.sampling)
    except (PointNetworkError, TypeError, ValueError, RuntimeError) as error:
        raise PointNetworkError(f"{folder / DESCRIPTION}: {first_line(error)}") from error
    weights = folder / WEIGHTS
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise PointNetworkError(f"{weights} can't be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != description.sha256:
        raise PointNetworkError(
            f"{weights} is not the file that {DESCRIPTION} names (its SHA-256 differs); copy the "
            "folder again"
        )
    try:
        fill_from_safetensors(network, content)
    except StoredWeightsError as error:
        raise PointNetworkError(f"{weights}: {error}") from error
    return PointModel(description, network.eval(), sampling, space)


def _read_description(folder: Path) -> PointModelDescription:
    path = folder / DESCRIPTION
    try:
        mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PointNetworkError(
            f"{folder} holds no point model ({path.name}: {error.strerror}); 'python -m training "
            "points export' or 'import' make one"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PointNetworkError(f"{path} is malformed; export or import the model anew") from error
    if isinstance(mapping, dict) and mapping.get("format") != FORMAT:
        raise PointNetworkError(
            f"{path} is of the format '{mapping.get('format')}', this version reads '{FORMAT}'"
        )
    try:
        description = PointModelDescription(**mapping)
    except TypeError as error:
        raise PointNetworkError(
            f"{path} is malformed: a field is missing or unknown; export or import the model anew"
        ) from error
    for name, value in asdict(description).items():
        kind = dict if name in _MAPPINGS else list if name == "credits" else str
        if not isinstance(value, kind):
            raise PointNetworkError(
                f"{path} is malformed: '{name}' is a {type(value).__name__}, not a {kind.__name__};"
                " export or import the model anew"
            )
    return description
