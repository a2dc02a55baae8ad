# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Networks by name: what a bundle or an experiment names is built here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from torch import Tensor, nn

from seg3d2d_ros.networks.parsing_network import EfficientNetLiteFPN


class NetworkError(ValueError):
    """No such network or configuration; the message says what there is."""


class ParsingNetwork(Protocol):
    """What every registered network offers besides being a module."""

    num_classes: int
    output_stride: int
    multiple: int
    feature_width: int

    def __call__(self, image: Tensor) -> Tensor:
        """Logits [N, classes, H / output_stride, W / output_stride] of [N, 3, H, W]."""


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "efficientnet_lite_fpn": EfficientNetLiteFPN,
}


def build_network(name: str, config: Mapping[str, Any], num_classes: int) -> nn.Module:
    """Build a network with random weights.

    Args:
        name: a key of NETWORKS.
        config: keyword arguments of the network besides ``num_classes``.
        num_classes: number of classes, unlabeled not counted.

    Raises:
        NetworkError: if the name or a configuration key is unknown.
    """
    if name not in NETWORKS:
        raise NetworkError(f"there is no network '{name}'; known are {', '.join(sorted(NETWORKS))}")
    known = set(inspect.signature(NETWORKS[name]).parameters) - {"num_classes"}
    unknown = sorted(set(config) - known)
    if unknown:
        raise NetworkError(
            f"network '{name}' has no setting '{unknown[0]}'; it has {', '.join(sorted(known))}"
        )
    return NETWORKS[name](num_classes=num_classes, **config)


def geometry(network: nn.Module) -> tuple[int, int]:
    """Output stride and the number that both input sides must be a multiple of, in pixels."""
    described = cast(ParsingNetwork, network)
    return described.output_stride, described.multiple


def feature_width(network: nn.Module) -> int:
    """Channels of the features that the network's classifier sees."""
    return cast(ParsingNetwork, network).feature_width


def count_classes(network: nn.Module) -> int:
    """Number of classes a network tells apart, unlabeled not counted."""
    return cast(ParsingNetwork, network).num_classes
