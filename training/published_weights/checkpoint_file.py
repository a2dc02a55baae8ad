# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reading a published checkpoint: tensors by name, and never code."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from training.published_weights.published_weights_error import PublishedWeightsError

_STATE_DICT = "state_dict"
_PARALLEL_PREFIX = "module."
_COUNTER = "num_batches_tracked"
"""Of batch norm: the one whole number among weights; the first versions of torch had none."""
_WHOLE = (torch.int64, torch.int32)
_RUN = {"network", "optimiser", "averaged", "step"}
_PLAIN_PICKLES = (b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""How they begin, of the protocols that torch.save does not use."""
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
        tensors: weights and buffers by name, float32 but for the counters of batch norm, without
            the prefix of parallel training.
        ignored: names of what lies beside the weights, such as an optimiser's state.
        prefixed: whether the names had that prefix.
    """

    tensors: dict[str, Tensor]
    ignored: tuple[str, ...]
    prefixed: bool

    def differences(self, expected: Mapping[str, Tensor]) -> list[str]:
        """How the names and shapes differ from a network's, a phrase each, in its order."""
        found = []
        for name, tensor in expected.items():
            if name in self.tensors:
                shape = list(self.tensors[name].shape)
                if shape != list(tensor.shape):
                    found.append(f"'{name}' is {shape} and not {list(tensor.shape)}")
            elif not name.endswith(_COUNTER):
                found.append(f"'{name}' is missing")
        return found + [f"'{name}' is unknown" for name in self.tensors if name not in expected]

    def remarks(self) -> list[str]:
        """What was left out of the file, a sentence each."""
        lines = []
        if self.prefixed:
            lines.append("The names' prefix 'module.' of parallel training was taken off.")
        if self.ignored:
            lines.append(f"Not used: {', '.join(self.ignored)}.")
        return lines


def read_checkpoint(file: Path) -> Checkpoint:
    """Read a file of ``torch.save``, in the zip format or the one before, or safetensors.

    No code is run from it. Which of them it is, its content tells.

    Args:
        file: a mapping with the weights under ``state_dict``, or the weights themselves.

    Raises:
        PublishedWeightsError: if it is missing, damaged, no checkpoint, needs code to be read, or
            a weight is no plain array of finite real numbers.
    """
    loaded = _load(file)
    if not isinstance(loaded, Mapping):
        raise PublishedWeightsError(
            f"{file} holds no weights by name but a {type(loaded).__name__}; it must be a "
            "checkpoint with a state_dict"
        )
    if loaded.keys() >= _RUN:
        raise PublishedWeightsError(
            f"{file} is a checkpoint of a run of this package; 'python -m training points export' "
            "makes a model of the run's folder"
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
        if not _is_plain(tensor):
            raise PublishedWeightsError(
                f"{file}: '{name}' is no plain array of numbers but {_in_words(tensor)}; save the "
                "weights as such"
            )
        counter = name.endswith(_COUNTER) and tensor.dtype in _WHOLE
        if not counter and not tensor.is_floating_point():
            raise PublishedWeightsError(
                f"{file}: weight '{name}' is of the type {_in_words(tensor)}, weights are real "
                "numbers"
            )
        tensors[name] = tensor.detach() if counter else tensor.detach().to(torch.float32)
        if not bool(torch.isfinite(tensors[name]).all()):
            raise PublishedWeightsError(
                f"{file}: weight '{name}' has values that are no finite numbers; the file is "
                "damaged, or its training failed"
            )
    return Checkpoint(tensors, ignored, prefixed)


def file_sha256(file: Path) -> str:
    """SHA-256 of a file, hex."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _is_plain(tensor: Tensor) -> bool:
    """Whether all its numbers lie in memory, each in a place of its own."""
    return (
        tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_nested
        and not tensor.is_quantized
        and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
    )


def _in_words(tensor: Tensor) -> str:
    words = (tensor.dtype, tensor.layout, tensor.device.type)
    return ", ".join(str(word).removeprefix("torch.") for word in words)


def _holds_safetensors(file: Path) -> bool:
    """Whether a file begins as safetensors do: the length of a header, and its first brace."""
    with file.open("rb") as stream:
        beginning = stream.read(9)
    length = int.from_bytes(beginning[:8], "little")
    return beginning[8:] == b"{" and length <= file.stat().st_size


def _load(file: Path) -> Any:
    try:
        if _holds_safetensors(file):
            return load_file(file)
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
    except SafetensorError as error:
        raise PublishedWeightsError(
            f"{file} holds damaged safetensors; download it again"
        ) from error
    # everything that the reader can meet in a damaged file, whatever it raises then
    except Exception as error:
        code = _code_needed(file, str(error))
        if code:
            raise PublishedWeightsError(
                f"{file} is pickled with code ({code}), which is not run; where you trust the "
                "file, open it in the program that made it and save the tensors alone: "
                "torch.save({'state_dict': model.state_dict()}, ...)"
            ) from error
        with file.open("rb") as stream:
            plain = stream.read(2) in _PLAIN_PICKLES
        if plain:
            raise PublishedWeightsError(
                f"{file} is a pickle and no file of torch.save; where you trust it, open it in the "
                "program that made it and save the tensors: torch.save({'state_dict': ...}, ...)"
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
