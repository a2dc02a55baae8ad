# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Import of published Res16UNet weights, with the kernels of MinkowskiEngine 0.4 put in order.

Weights of chrischoy/SpatioTemporalSegmentation were trained with MinkowskiEngine 0.4, whose region
HYBRID numbers the offsets of a 3x3x3 kernel from the centre outwards, axis by axis. Versions from
0.5 on know only HYPERCUBE, x fastest: they accept the same file and compute something else. Only
the kernels inside the blocks are HYBRID; all others were HYPERCUBE from the start.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from torch import Tensor

from seg3d2d_ros.labels import LabelSpace
from training.points.networks.point_network import PointNetworkError
from training.points.networks.res16unet import RES16UNET_SHAPES, Res16UNet, Res16UNetShape
from training.published_weights.checkpoint_file import Checkpoint, read_checkpoint
from training.published_weights.classes_in_order import PublishedClasses, classes_in_order
from training.published_weights.imported_network import ImportedNetwork
from training.published_weights.kernel_orders import HYBRID_OF_HYPERCUBE, KERNEL_ORDERS
from training.published_weights.published_weights_error import PublishedWeightsError

_BLOCK_KERNEL = re.compile(r"(block[1-8])\.\d+\.conv[12]\.kernel")
STANFORD = PublishedClasses(
    "the published networks for S3DIS",
    "s3dis13",
    (
        *("clutter", "beam", "board", "bookcase", "ceiling", "chair", "column", "door", "floor"),
        *("sofa", "table", "wall", "window"),
    ),
)
"""Their order: clutter, then by name, without stairs
(``lib/datasets/preprocessing/stanford.py``, ``lib/datasets/stanford.py``)."""
_SCANNET = PublishedClasses("the published networks for ScanNet", "scannet20")
_COLOR_CHANNELS = 3
_POSITION_CHANNELS = 6
_PUBLISHED = {(_COLOR_CHANNELS, 20): _SCANNET, (_POSITION_CHANNELS, 13): STANFORD}
"""By input channels and classes."""
_SIZES = {27: 3, 125: 5}


def import_res16unet(
    file: Path, label_space: LabelSpace | None = None, *, kernel_order: str = "hybrid"
) -> ImportedNetwork:
    """A Res16UNet with the weights of a published checkpoint.

    Which network of the family it is, the first kernel's size, the channels of the input and the
    number of classes are read from the weights' shapes. Where no label space is named, twenty
    classes with three input channels are those of the published networks for ScanNet, in the order
    of ``config/labels/scannet20.yaml``, and thirteen with six those for S3DIS: the classifier's
    columns are put in the order of ``config/labels/s3dis13.yaml`` by name.

    Args:
        file: of ``torch.save``; a mapping with ``state_dict``, or the weights themselves.
        label_space: classes in the order of the file's classifier; None for the published ones.
        kernel_order: of the blocks' 3x3x3 kernels: ``hybrid`` where the network was trained with
            MinkowskiEngine before 0.5, as all weights of SpatioTemporalSegmentation were;
            ``hypercube`` where with a later one.

    Raises:
        PublishedWeightsError: if the file is missing, damaged, no checkpoint, needs code to be
            read, or is of another architecture; if the order is unknown; if its classes are not
            known, or not as many as the label space's.
        LabelSpaceError: if the known label space can't be read.
    """
    if kernel_order not in KERNEL_ORDERS:
        raise PublishedWeightsError(
            f"there is no kernel order '{kernel_order}'; there are {', '.join(KERNEL_ORDERS)}"
        )
    checkpoint = read_checkpoint(file)
    name, network = _build(file, checkpoint)
    permuted: Counter[str] = Counter()
    weights = network.state_dict()
    for weight, tensor in checkpoint.tensors.items():
        block = _BLOCK_KERNEL.fullmatch(weight)
        if block and kernel_order == "hybrid":
            permuted[block[1]] += 1
            weights[weight] = hybrid_to_hypercube(tensor)
        else:
            weights[weight] = tensor
    config = {
        "in_channels": network.in_channels,
        "conv1_kernel_size": network.conv0p1s1.kernel_size,
    }
    positions = network.in_channels == _POSITION_CHANNELS
    published = _PUBLISHED.get((network.in_channels, network.num_classes))
    classes = classes_in_order(file, network.num_classes, published, label_space)
    for weight in ("final.kernel", "final.bias"):
        weights[weight] = weights[weight][:, classes.order]
    network.load_state_dict(weights)
    return ImportedNetwork(
        network.eval(),
        name,
        config,
        {"voxel_size": 0.05, "positions": "voxels"} if positions else {"voxel_size": 0.02},
        classes.label_space,
        "\n".join(_report(file, checkpoint, name, network, permuted, classes.report)),
    )


def hybrid_to_hypercube(kernel: Tensor) -> Tensor:
    """A kernel [27, c_in, c_out] of region HYBRID in the order of HYPERCUBE."""
    return kernel[list(HYBRID_OF_HYPERCUBE)]


def _build(file: Path, checkpoint: Checkpoint) -> tuple[str, Res16UNet]:
    """Name and network of the family whose weights have these shapes."""
    tensors = checkpoint.tensors
    for name, dimensions in (("conv0p1s1.kernel", 3), ("final.kernel", 2)):
        if name not in tensors or tensors[name].ndim != dimensions:
            found = f"is {list(tensors[name].shape)} there" if name in tensors else "is missing"
            raise PublishedWeightsError(f"{file} is no Res16UNet: its weight '{name}' {found}")
    volume, in_channels = tensors["conv0p1s1.kernel"].shape[:2]
    if volume not in _SIZES:
        raise PublishedWeightsError(
            f"{file} is no Res16UNet: its first kernel has {volume} offsets, not 27 or 125"
        )
    num_classes = int(tensors["final.kernel"].shape[1])
    name = max(RES16UNET_SHAPES, key=lambda shape: _likeness(RES16UNET_SHAPES[shape], tensors))
    try:
        network = Res16UNet(
            name, num_classes, in_channels=in_channels, conv1_kernel_size=_SIZES[volume]
        )
    except PointNetworkError as error:
        raise PublishedWeightsError(f"{file} is no Res16UNet: {error}") from error
    differences = checkpoint.differences(network.state_dict())
    if differences:
        raise PublishedWeightsError(
            f"{file} is of another architecture than {', '.join(RES16UNET_SHAPES)}; compared with "
            f"{name}, {len(differences)} weights differ, the first: {differences[0]}"
        )
    return name, network


def _likeness(shape: Res16UNetShape, tensors: dict[str, Tensor]) -> int:
    """How many of the eight blocks' lengths and widths agree."""
    agreeing = 0
    for number, (planes, layers) in enumerate(zip(shape.planes, shape.layers, strict=True), 1):
        kernels = [
            tensor
            for name, tensor in tensors.items()
            if re.fullmatch(rf"block{number}\.\d+\.conv2\.kernel", name)
        ]
        agreeing += len(kernels) == layers
        agreeing += bool(kernels) and kernels[0].shape[-1:] == (planes,)
    return agreeing


def _report(
    file: Path,
    checkpoint: Checkpoint,
    name: str,
    network: Res16UNet,
    permuted: Counter[str],
    classes: str,
) -> list[str]:
    size = network.conv0p1s1.kernel_size
    lines = [
        f"{file} is {name}: {network.in_channels} input channels, first kernel "
        f"{size}x{size}x{size}, {network.num_classes} classes."
    ]
    kernels = sum(weight.endswith(".kernel") for weight in checkpoint.tensors)
    if permuted:
        layers = ", ".join(f"{block} {count}" for block, count in sorted(permuted.items()))
        lines.append(
            f"{permuted.total()} kernels of 3x3x3 inside the blocks were put from the order of "
            f"region HYBRID (MinkowskiEngine before 0.5) into that of HYPERCUBE: {layers}; the "
            f"other {kernels - permuted.total()} kernels were taken as they are."
        )
    else:
        lines.append(f"All {kernels} kernels were taken as they are, in the order of HYPERCUBE.")
    lines += [classes, *checkpoint.remarks()]
    if network.in_channels == _POSITION_CHANNELS:
        lines.append(
            "Three of the input channels are positions, given as the published training code does "
            "(sampling's positions: voxels); the published demonstration gives metres, so try both."
        )
    return lines
