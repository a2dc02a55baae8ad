# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""An encoder's start from a file of weights, such as those trained on ImageNet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from seg3d2d_ros.networks.hrnet import HRNet
from seg3d2d_ros.networks.layer_features import first_convolution
from seg3d2d_ros.networks.resnet import DilatedResNet, semseg_name
from training.engine.settings import ExperimentError
from training.published_weights.checkpoint_file import read_checkpoint
from training.published_weights.published_weights_error import PublishedWeightsError


@dataclass(frozen=True)
class _PublishedEncoder:
    """A published network that has the layers of an encoder.

    Attributes:
        words: what it is.
        name: what it calls a weight that the encoder calls so.
        left_out: how its other weights begin: of the classifier of ImageNet's classes, and of what
            prepares features for that.
    """

    words: str
    name: Callable[[str], str]
    left_out: tuple[str, ...]


_TIMM_HEADS = ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier.")


def _published(encoder: object) -> _PublishedEncoder | None:
    if isinstance(encoder, DilatedResNet):
        words = f"a ResNet-{encoder.depth} with semseg's deep stem"
        return _PublishedEncoder(words, semseg_name, ("fc.weight", "fc.bias"))
    if isinstance(encoder, HRNet):
        return _PublishedEncoder(
            f"timm's {encoder.timm_name}", lambda ours: ours.removeprefix("layers."), _TIMM_HEADS
        )
    return None


def load_encoder_weights(network: nn.Module, file: str, name: str) -> None:
    """Give a network's encoder the weights in a file; no code is run from it.

    Args:
        network: whose encoder is a :class:`~seg3d2d_ros.networks.resnet.DilatedResNet` or a
            :class:`~seg3d2d_ros.networks.hrnet.HRNet`.
        file: of ``torch.save`` or safetensors, the setting ``network.encoder_weights``. For a
            ResNet with the names of semseg's with a deep stem, for HRNet with those of timm's.
        name: of the network, for messages.

    Raises:
        ExperimentError: if the network has another encoder, or the file can't be read or is of
            another network.
    """
    encoder = getattr(network, "encoder", None)
    published = _published(encoder)
    if published is None:
        raise ExperimentError(
            f"network.encoder_weights is for ResNets and HRNet, which network '{name}' has none "
            "of; leave it out"
        )
    assert isinstance(encoder, nn.Module)
    try:
        checkpoint = read_checkpoint(Path(file))
    except PublishedWeightsError as error:
        raise ExperimentError(
            f"network.encoder_weights: {error}; name a file that docs/published_weights.md speaks "
            "of, or none ('--set network.encoder_weights=') to begin with random numbers"
        ) from error
    own = _of_colours(encoder)
    expected = {published.name(ours): weight for ours, weight in own.items()}
    beside = tuple(f"'{beginning}" for beginning in published.left_out)
    differences = [each for each in checkpoint.differences(expected) if not each.startswith(beside)]
    if differences:
        raise ExperimentError(
            f"network.encoder_weights: {file} is of another network than {published.words}: "
            f"{len(differences)} weights differ, the first: {differences[0]}"
        )
    tensors = checkpoint.tensors
    # old files have no counters of batch norm; a channel more completes itself
    encoder.load_state_dict({ours: tensors.get(published.name(ours), own[ours]) for ours in own})


def _of_colours(encoder: nn.Module) -> dict[str, Tensor]:
    """An encoder's weights for images of colours alone, which files have; it may see depth, too."""
    weights = dict(encoder.state_dict())
    first = first_convolution(encoder)
    name = next(name for name, module in encoder.named_modules() if module is first)
    weights[f"{name}.weight"] = weights[f"{name}.weight"][:, :3]
    return weights
