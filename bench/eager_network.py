# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle's network in eager PyTorch, as who has PyTorch and the network's code would run it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.bundle_files import BundleError
from seg3d2d_ros.networks.registry import build_network, geometry
from seg3d2d_ros.parser import resize_nearest, resize_to_network

Layer = tuple[nn.Conv2d, nn.BatchNorm2d | None]
"""A convolution and the normalisation of its output, if there is one."""


class EagerNetwork:
    """The network built by the bundle's name and configuration, filled from the bundle's weights.

    They are taken from its safetensors where it holds some, else from its ONNX graph.

    Args:
        bundle: the model.
        device: of PyTorch.
        autocast: arithmetic of what PyTorch's autocast converts; fp32 where not given.

    Attributes:
        name: for tables.
        device: ``cpu`` or ``cuda``.
        weights_from: format of the weights taken.

    Raises:
        BundleError: if it holds neither, or they don't fit the network.
    """

    def __init__(
        self, bundle: ModelBundle, device: str = "cpu", autocast: torch.dtype | None = None
    ) -> None:
        self._bundle = bundle
        self.device = device
        self._autocast = autocast
        precision = {torch.float16: "fp16", torch.bfloat16: "bf16"}.get(
            autocast or torch.float32, "fp32"
        )
        self.name = f"eager PyTorch {precision} ({device})"
        network = build_network(
            bundle.network["name"],
            bundle.network.get("config", {}),
            bundle.label_space.num_classes,
        ).eval()
        self.weights_from = fill_network(network, bundle)
        self._network = network.to(device)
        self._mean, self._std = (
            torch.tensor(values, device=device).view(1, 3, 1, 1)
            for values in (bundle.input.mean, bundle.input.std)
        )

    def labels(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Labels (H, W) of an RGB image (H, W, 3) uint8, resized before and after as parsers do."""
        given = torch.from_numpy(resize_to_network(image, self._bundle.input)).to(self.device)
        with (
            torch.inference_mode(),
            torch.autocast(
                self.device, self._autocast or torch.bfloat16, enabled=self._autocast is not None
            ),
        ):
            planes = given[None].permute(0, 3, 1, 2).to(torch.float32)
            logits = self._network((planes - self._mean) / self._std)
            stride = float(self._bundle.output_stride)
            full = F.interpolate(logits, scale_factor=stride, mode="bilinear", align_corners=False)
            found = full.argmax(1)[0].to(torch.int32).cpu().numpy()
        return resize_nearest(
            found.astype(self._bundle.label_space.dtype), image.shape[0], image.shape[1]
        )


def fill_network(network: nn.Module, bundle: ModelBundle) -> str:
    """Fill a network in evaluation mode. Returns the format of the weights taken.

    Raises:
        BundleError: if the bundle has none, or they don't fit.
    """
    weights = bundle.find_weights("safetensors", "onnx")
    try:
        if weights.format == "safetensors":
            from safetensors.torch import load

            network.load_state_dict(load(weights.read()))
        else:
            side = 2 * geometry(network)[1]
            example = torch.zeros(1, 3, side, side)
            _fill_from_onnx(network, onnx.load_from_string(weights.read()), example)
    except (RuntimeError, _UnfitError) as error:
        raise BundleError(
            f"{weights.path} does not fit network '{bundle.network['name']}' of the bundle "
            f"({' '.join(str(error).split())}); export the model again"
        ) from error
    return weights.format


class _UnfitError(ValueError):
    """Weights of another network."""


def _fill_from_onnx(network: nn.Module, model: onnx.ModelProto, example: Tensor) -> None:
    """Take kernels and biases from the graph's convolutions, which come in the order of execution.

    The export has merged each batch normalisation into the convolution before it; here it stays a
    layer of its own, as eager PyTorch has it, and adds no more than the bias.
    """
    values = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in values:  # weights stored in half precision
            values[node.output[0]] = values[node.input[0]].astype(np.float32)
    stored = [node.input for node in model.graph.node if node.op_type == "Conv"]
    layers = _layers_in_order(network, example)
    if len(stored) != len(layers):
        raise _UnfitError(f"it has {len(stored)} convolutions, the network {len(layers)}")
    filled: set[int] = set()
    with torch.no_grad():
        for (convolution, norm), (_, *names) in zip(layers, stored, strict=True):
            kernel, *bias = (torch.from_numpy(values[name].copy()) for name in names)
            if kernel.shape != convolution.weight.shape:
                raise _UnfitError(
                    f"kernel {tuple(kernel.shape)}, expected {convolution.weight.shape}"
                )
            convolution.weight.copy_(kernel)
            filled.add(id(convolution.weight))
            if norm is not None:
                assert norm.running_mean is not None and norm.running_var is not None
                norm.running_mean.zero_()
                norm.running_var.fill_(1 - norm.eps)
                norm.weight.fill_(1)
                norm.bias.copy_(bias[0])
                filled |= {id(norm.weight), id(norm.bias)}
            elif bias and convolution.bias is not None:
                convolution.bias.copy_(bias[0])
                filled.add(id(convolution.bias))
    left = [name for name, parameter in network.named_parameters() if id(parameter) not in filled]
    if left:
        raise _UnfitError(f"it has no weights for {len(left)} of the network's, such as {left[0]}")


def _layers_in_order(network: nn.Module, example: Tensor) -> list[Layer]:
    """Convolutions in the order in which they run, each with the normalisation that follows."""
    layers: list[Layer] = []
    outputs: dict[int, int] = {}
    kept: list[Tensor] = []  # a freed tensor's id may be given to the next one

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            outputs[id(output)] = len(layers)
            kept.append(output)
            layers.append((module, None))
        elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in outputs:
            index = outputs[id(inputs[0])]
            layers[index] = layers[index][0], module

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    try:
        with torch.inference_mode():
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    return layers
