# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""An encoder's start from a file of weights, such as those trained on ImageNet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from seg3d2d_ros.networks.resnet import DilatedResNet, semseg_name
from training.engine.settings import ExperimentError
from training.published_weights.checkpoint_file import read_checkpoint
from training.published_weights.published_weights_error import PublishedWeightsError

_CLASSIFIER = ("fc.weight", "fc.bias")
"""Of ImageNet's classes, which are not the network's."""


def load_encoder_weights(network: nn.Module, file: str, name: str) -> None:
    """Give a network's encoder the weights in a file; no code is run from it.

    Args:
        network: whose encoder is a :class:`~seg3d2d_ros.networks.resnet.DilatedResNet`.
        file: of ``torch.save``, with the names of semseg's ResNets with a deep stem; the setting
            ``network.encoder_weights``.
        name: of the network, for messages.

    Raises:
        ExperimentError: if the network has another encoder, or the file can't be read or is of
            another network.
    """
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, DilatedResNet):
        raise ExperimentError(
            f"network.encoder_weights is for ResNets, which network '{name}' has none of; leave it "
            "out"
        )
    try:
        checkpoint = read_checkpoint(Path(file))
    except PublishedWeightsError as error:
        raise ExperimentError(f"network.encoder_weights: {error}") from error
    own = DilatedResNet(encoder.depth).state_dict()  # of colours alone, as the file is
    expected: Mapping[str, Tensor] = {semseg_name(ours): own[ours] for ours in own}
    differences = [
        difference
        for difference in checkpoint.differences(expected)
        if not difference.startswith(tuple(f"'{classifier}'" for classifier in _CLASSIFIER))
    ]
    if differences:
        raise ExperimentError(
            f"network.encoder_weights: {file} is of another network than a ResNet-{encoder.depth} "
            f"with semseg's deep stem: {len(differences)} weights differ, the first: "
            f"{differences[0]}"
        )
    tensors = checkpoint.tensors
    # old files have no counters of batch norm; a channel more completes itself
    encoder.load_state_dict({n: tensors.get(semseg_name(n), own[n]) for n in own})
