# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The 3D networks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

from training.engine.settings import build_section
from training.points.networks.point_network import PointNetwork, PointNetworkError
from training.points.networks.pointweb import PointWeb
from training.points.networks.res16unet import RES16UNET_SHAPES, Res16UNet
from training.points.sampling.blocks import BlockSampling
from training.points.sampling.scene_sampling import SceneSampling
from training.points.sampling.voxels import VoxelSampling


@dataclass(frozen=True)
class PointNetworkKind:
    """A kind of 3D network.

    Attributes:
        build: from the number of classes and settings by name.
        sampling: class of what makes its inputs; the settings are its fields.
    """

    build: Callable[..., PointNetwork]
    sampling: type[SceneSampling]


def point_network_kinds() -> dict[str, PointNetworkKind]:
    """All kinds by name."""
    return {
        **{
            shape: PointNetworkKind(partial(Res16UNet, shape), VoxelSampling)
            for shape in RES16UNET_SHAPES
        },
        "pointweb": PointNetworkKind(PointWeb, BlockSampling),
    }


def point_network_kind(name: str) -> PointNetworkKind:
    """One kind.

    Raises:
        PointNetworkError: if there is none of that name.
    """
    kinds = point_network_kinds()
    if name not in kinds:
        raise PointNetworkError(f"there is no 3D network '{name}'; there are {', '.join(kinds)}")
    return kinds[name]


def _refuse_unknown(name: str, kind: PointNetworkKind, config: Mapping[str, Any]) -> None:
    there = [setting for setting in signature(kind.build).parameters if setting != "num_classes"]
    unknown = sorted(str(setting) for setting in config if setting not in there)
    if unknown:
        raise PointNetworkError(
            f"3D network '{name}' has no setting '{unknown[0]}'; it has {', '.join(there)}"
        )


def build_point_network(name: str, config: Mapping[str, Any], num_classes: int) -> PointNetwork:
    """A network with random weights.

    Raises:
        PointNetworkError: if the name or a setting is unknown, or a setting impossible.
    """
    kind = point_network_kind(name)
    _refuse_unknown(name, kind, config)
    try:
        return kind.build(num_classes=num_classes, **config)
    except TypeError as error:
        raise PointNetworkError(f"3D network '{name}': {error}") from error


def resolved_config(name: str, config: Mapping[str, Any], num_classes: int) -> dict[str, Any]:
    """Settings of a network with those that are not given at their defaults, the classes too.

    Raises:
        PointNetworkError: if the name or a setting is unknown.
    """
    kind = point_network_kind(name)
    _refuse_unknown(name, kind, config)
    try:
        given = signature(kind.build).bind(num_classes=num_classes, **config)
    except TypeError as error:
        raise PointNetworkError(f"3D network '{name}': {error}") from error
    given.apply_defaults()
    return given.arguments


def build_sampling(name: str, settings: Mapping[str, Any]) -> SceneSampling:
    """The sampling of a network.

    Raises:
        PointNetworkError: if the name or a setting is unknown, or a setting impossible.
    """
    kind = point_network_kind(name)
    try:
        return build_section(kind.sampling, settings, "sampling")
    except ValueError as error:
        raise PointNetworkError(f"sampling of 3D network '{name}': {error}") from error
