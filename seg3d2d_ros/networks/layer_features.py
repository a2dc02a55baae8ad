# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Features within a network, by the names of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

from seg3d2d_ros.networks.distillation_branch import DistillationBranch
from seg3d2d_ros.networks.efficientnet_lite import TAPS
from seg3d2d_ros.networks.hrnet_ocr import HRNetOCR
from seg3d2d_ros.networks.parsing_network import EfficientNetLiteFPN
from seg3d2d_ros.networks.pspnet import PSPNet

BRANCH_2D = "branch-2d"
"""Layer name of the 2D branch beside the simulated 3D features."""
SIMULATED_3D = "simulated-3d"
"""Layer name of f3D_sim."""


def layers_of(network: nn.Module) -> dict[str, nn.Module]:
    """Modules whose outputs are a network's features, from shallow to deep.

    Args:
        network: of the registry; of one that holds a parsing network, that one's are meant.

    Returns:
        PSPNet: stem, res-block-1 to res-block-4, pyramid. EfficientNet-Lite: stride-2 to stride-32
        and decoder. HRNet: encoder and context. With a distillation branch also branch-2d and
        simulated-3d. Each gives [N, C, h, w].

    Raises:
        ValueError: if the network is of another kind.
    """
    parsing = parsing_part(network)
    layers: dict[str, nn.Module]
    if isinstance(parsing, PSPNet):
        encoder = parsing.encoder
        layers = {"stem": encoder.stem}
        layers |= {f"res-block-{k}": stage for k, stage in enumerate(encoder.stages, start=1)}
        layers["pyramid"] = parsing.pyramid
    elif isinstance(parsing, EfficientNetLiteFPN):
        stages = parsing.encoder.stages
        layers = {f"stride-{2 << k}": stages[index] for k, index in enumerate(TAPS)}
        layers["decoder"] = parsing.decoder
    elif isinstance(parsing, HRNetOCR):
        layers = {"encoder": parsing.encoder, "context": parsing.context}
    else:
        raise ValueError(f"the layers of a {type(parsing).__name__} have no names")
    head = head_of(parsing)
    if isinstance(head, DistillationBranch):
        layers |= {BRANCH_2D: head.branch_2d, SIMULATED_3D: head.conv2}
    return layers


def parsing_part(network: nn.Module) -> nn.Module:
    """The network that parses, of one that has others beside it; else the network itself."""
    part = getattr(network, "parsing_network", network)
    assert isinstance(part, nn.Module)
    return part


def head_of(network: nn.Module) -> nn.Module:
    """What a parsing network has on top of its trunk: classifier or distillation branch.

    Raises:
        ValueError: if it is none of the registry's.
    """
    if isinstance(network, PSPNet | HRNetOCR):
        return network.head
    if isinstance(network, EfficientNetLiteFPN):
        return network.classifier
    raise ValueError(f"a {type(network).__name__} has no head that is known")


def trunk_of(network: nn.Module) -> nn.Module:
    """The module whose output the head of a parsing network sees.

    Raises:
        ValueError: if it is none of the registry's.
    """
    if isinstance(network, PSPNet):
        return network.pyramid
    if isinstance(network, EfficientNetLiteFPN):
        return network.decoder
    if isinstance(network, HRNetOCR):
        return network.context
    raise ValueError(f"a {type(network).__name__} has no trunk that is known")


def first_convolution(module: nn.Module) -> nn.Conv2d:
    """The first convolution in a module, in the order in which its parts are listed.

    Raises:
        ValueError: if there is none.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return part
    raise ValueError(f"a {type(module).__name__} has no convolution")


@contextmanager
def captured(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Keep what modules give, of the latest pass within the block.

    Args:
        modules: by the names under which their outputs are kept.
    """
    features: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            features[name] = output

        return hook

    handles = [
        module.register_forward_hook(keep(name))  # type: ignore[arg-type]
        for name, module in modules.items()
    ]
    try:
        yield features
    finally:
        for handle in handles:
            handle.remove()
