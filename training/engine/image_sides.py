# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Sides of the images and crops that a network takes."""

from __future__ import annotations

from torch import nn

from seg3d2d_ros.networks.registry import aligns_corners, geometry
from training.engine.settings import ExperimentError


def takes_side(network: nn.Module, side: int) -> bool:
    """Whether an image may have a side of so many pixels.

    It may be a multiple of the network's. Where the network aligns corners it may also be one more
    than a multiple of its output stride, so that the last feature lies at the last pixel.
    """
    stride, multiple = geometry(network)
    if side < 1:
        return False
    return side % multiple == 0 or (aligns_corners(network) and (side - 1) % stride == 0)


def side_from(network: nn.Module, side: int) -> int:
    """The smallest side of at least so many pixels that a network takes."""
    while not takes_side(network, side):
        side += 1
    return side


def check_sides(network: nn.Module, sides: tuple[int, int], what: str) -> None:
    """Whether a network takes images of this height and width.

    Args:
        network: of the registry.
        sides: height and width, pixels.
        what: has them, the start of the message.

    Raises:
        ExperimentError: if not; the message names sides that it takes.
    """
    if all(takes_side(network, side) for side in sides):
        return
    stride, multiple = geometry(network)
    also = f", or of {stride} and one more pixel" if aligns_corners(network) else ""
    height, width = (side_from(network, max(side, 1)) for side in sides)
    raise ExperimentError(
        f"{what} is {sides[0]} x {sides[1]}, but sides must be multiples of {multiple}{also}, such "
        f"as {height} x {width}"
    )
