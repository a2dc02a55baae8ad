# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Networks by name: what a bundle or an experiment names is built here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from torch import Tensor, nn

from seg3d2d_ros.networks.depth_cascade import DepthCascade
from seg3d2d_ros.networks.depth_multitask import DepthMultitask
from seg3d2d_ros.networks.hrnet_ocr import HRNetOCR
from seg3d2d_ros.networks.parsing_network import EfficientNetLiteFPN
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs
from seg3d2d_ros.networks.pspnet import PSPNet


class NetworkError(ValueError):
    """No such network or configuration; the message says what there is."""


class MissingPackageError(NetworkError):
    """A package is missing from which a network's layers come."""


Rgb = tuple[float, float, float]


class Encoder(Protocol):
    """What every encoder offers besides being a module.

    Attributes:
        pixel_mean: by which images are normalised, of red, green and blue, 0 to 255.
        pixel_std: likewise.
    """

    pixel_mean: Rgb
    pixel_std: Rgb


class ParsingNetwork(Protocol):
    """What every registered network offers besides being a module.

    Attributes:
        encoder: its first part.
        num_classes: unlabeled not counted.
        output_stride: pixels from one of its features to the next.
        multiple: of which both sides of an image are a multiple, in use.
        align_corners: whether feature i lies at pixel i * output_stride, as convolutions with
            strides and odd kernels put it; else in the middle of its output_stride pixels. Where it
            does, training images may be of any multiple and one more pixels as well.
        feature_width: channels of what its classifier sees.
    """

    encoder: Encoder
    num_classes: int
    output_stride: int
    multiple: int
    align_corners: bool
    feature_width: int

    def __call__(self, image: Tensor) -> Tensor:
        """Logits [N, classes, ceil(H / output_stride), ceil(W / ...)] of [N, 3, H, W]."""

    def outputs(self, image: Tensor) -> ParsingOutputs:
        """Everything that training needs, of the same."""


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "depth_cascade": DepthCascade,
    "depth_multitask": DepthMultitask,
    "efficientnet_lite_fpn": EfficientNetLiteFPN,
    "hrnet_ocr": HRNetOCR,
    "pspnet": PSPNet,
}


def build_network(name: str, config: Mapping[str, Any], num_classes: int) -> nn.Module:
    """Build a network with random weights.

    Args:
        name: a key of NETWORKS.
        config: keyword arguments of the network besides ``num_classes``.
        num_classes: number of classes, unlabeled not counted.

    Raises:
        NetworkError: if the name or a configuration key is unknown, or a setting impossible.
        MissingPackageError: if layers come from a package that is not installed.
    """
    if name not in NETWORKS:
        raise NetworkError(f"there is no network '{name}'; known are {', '.join(sorted(NETWORKS))}")
    known = set(inspect.signature(NETWORKS[name]).parameters) - {"num_classes"}
    unknown = sorted(set(config) - known)
    if unknown:
        raise NetworkError(
            f"network '{name}' has no setting '{unknown[0]}'; it has {', '.join(sorted(known))}"
        )
    try:
        return NETWORKS[name](num_classes=num_classes, **config)
    except MissingPackageError:  # of a network within this one
        raise
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"network '{name}' can't be built: {error}") from error
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise NetworkError(f"network '{name}' can't be built: {reason}") from error


def geometry(network: nn.Module) -> tuple[int, int]:
    """Output stride and the number that both input sides must be a multiple of, in pixels."""
    described = cast(ParsingNetwork, network)
    return described.output_stride, described.multiple


def pixel_statistics(network: nn.Module) -> tuple[Rgb, Rgb]:
    """Mean and deviation by which its images are normalised, of red, green and blue, 0 to 255."""
    encoder = cast(ParsingNetwork, network).encoder
    return encoder.pixel_mean, encoder.pixel_std


def aligns_corners(network: nn.Module) -> bool:
    """Whether feature i lies at pixel i times the output stride."""
    return cast(ParsingNetwork, network).align_corners


def feature_width(network: nn.Module) -> int:
    """Channels of the features that the network's classifier sees."""
    return cast(ParsingNetwork, network).feature_width


def count_classes(network: nn.Module) -> int:
    """Number of classes a network tells apart, unlabeled not counted."""
    return cast(ParsingNetwork, network).num_classes
