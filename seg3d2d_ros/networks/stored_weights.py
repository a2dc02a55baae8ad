# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A network's weights as safetensors: plain numbers by name, no code."""

from __future__ import annotations

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

_LARGEST_HALF = 65504.0


class StoredWeightsError(ValueError):
    """Stored weights can't be used; the message is part of a sentence."""


def weights_to_safetensors(network: nn.Module) -> bytes:
    """All weights and buffers of a network.

    Kernels are stored in half precision, which halves the file and rounds each to eleven
    significant bits. What belongs to channels (biases, scales, running statistics) stays as it is:
    a small variance would round to nothing.
    """

    def stored(tensor: Tensor) -> Tensor:
        tensor = tensor.detach().cpu().contiguous()
        kernel = tensor.is_floating_point() and tensor.ndim > 1
        if kernel and float(tensor.abs().amax()) < _LARGEST_HALF:
            return tensor.to(torch.float16)
        return tensor

    return save({name: stored(tensor) for name, tensor in network.state_dict().items()})


def fill_from_safetensors(network: nn.Module, content: bytes) -> None:
    """Fill a network with what :func:`weights_to_safetensors` gave; it computes in fp32.

    Raises:
        StoredWeightsError: if the content is no safetensors, or of another network.
    """
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise StoredWeightsError(f"no safetensors ({' '.join(str(error).split())})") from error
    state = network.state_dict()
    others = sorted(state.keys() ^ tensors.keys())
    others += [
        name
        for name in sorted(state.keys() & tensors.keys())
        if state[name].shape != tensors[name].shape
    ]
    if others:
        raise StoredWeightsError(
            f"the weights of another network: {len(others)} of them differ, such as '{others[0]}'"
        )
    network.load_state_dict(tensors)
