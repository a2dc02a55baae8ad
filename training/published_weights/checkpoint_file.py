# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reading a published checkpoint: tensors by name, and never code."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.published_weights.imported_network import PublishedWeightsError

_STATE_DICT = "state_dict"
_PARALLEL_PREFIX = "module."
_SCALAR = np.float64(0).__reduce__()[0]
_NUMPY_SCALARS: list[Any] = [
    *((_SCALAR, f"numpy.{package}.multiarray.scalar") for package in ("core", "_core")),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?")),
]
"""Plain numbers, which trainers store beside the weights as their best score."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        tensors: weights and buffers by name, without the prefix of parallel training.
        ignored: names of what lies beside the weights, such as an optimiser's state.
        prefixed: whether the names had that prefix.
    """

    tensors: dict[str, Tensor]
    ignored: tuple[str, ...]
    prefixed: bool


def read_checkpoint(file: Path) -> Checkpoint:
    """Read a file of ``torch.save``, in the zip format or the one before; no code is run from it.

    Args:
        file: a mapping with the weights under ``state_dict``, or the weights themselves.

    Raises:
        PublishedWeightsError: if it is missing, damaged, no checkpoint, or needs code to be read.
    """
    loaded = _load(file)
    if not isinstance(loaded, Mapping):
        raise PublishedWeightsError(
            f"{file} holds no weights by name but a {type(loaded).__name__}; it must be a "
            "checkpoint with a state_dict"
        )
    state = loaded.get(_STATE_DICT, loaded)
    ignored = () if state is loaded else tuple(str(key) for key in loaded if key != _STATE_DICT)
    if not isinstance(state, Mapping) or not state:
        raise PublishedWeightsError(f"{file} has no weights under '{_STATE_DICT}'")
    prefixed = all(str(name).startswith(_PARALLEL_PREFIX) for name in state)
    tensors: dict[str, Tensor] = {}
    for key, tensor in state.items():
        name = str(key).removeprefix(_PARALLEL_PREFIX) if prefixed else str(key)
        if not isinstance(tensor, Tensor):
            raise PublishedWeightsError(
                f"{file}: '{name}' is a {type(tensor).__name__} and no tensor; it must be a "
                "checkpoint with a state_dict"
            )
        if not tensor.dtype.is_floating_point:
            tensors[name] = tensor
            continue
        tensors[name] = tensor.detach().to(torch.float32)
        if not bool(torch.isfinite(tensors[name]).all()):
            raise PublishedWeightsError(
                f"{file}: weight '{name}' has values that are no finite numbers; the file is "
                "damaged, or its training failed"
            )
    return Checkpoint(tensors, ignored, prefixed)


def _load(file: Path) -> Any:
    try:
        # not a path: the file's name must not choose how it is read
        with (
            file.open("rb") as stream,
            warnings.catch_warnings(),
            torch.serialization.safe_globals(_NUMPY_SCALARS),
        ):
            warnings.simplefilter("ignore")  # of what is refused or read in any case
            return torch.load(stream, map_location="cpu", weights_only=True)
    except OSError as error:
        raise PublishedWeightsError(f"{file} can't be read: {error.strerror or error}") from error
    # everything that the reader can meet in a damaged file, whatever it raises then
    except Exception as error:
        code = _code_needed(file, str(error))
        if code:
            raise PublishedWeightsError(
                f"{file} is pickled with code ({code}), which is not run; where you trust the "
                "file, open it in the program that made it and save the tensors alone: "
                "torch.save({'state_dict': model.state_dict()}, ...)"
            ) from error
        raise PublishedWeightsError(
            f"{file} is no PyTorch checkpoint, or damaged; download it again"
        ) from error


def _code_needed(file: Path, message: str) -> str | None:
    """Name of what a refused file would have run; None where it was refused for other reasons."""
    found = re.search(r"GLOBAL (\S+)", message)
    if found is None:
        return None
    # a name that the file's end cuts short looks like an unknown one
    ending = f"\n{found[1].rpartition('.')[2]}\n".encode()
    with file.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
        return found[1] if content.find(ending) >= 0 else None
