# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Data-parallel training: one process per device or core, started by torchrun.

On a CPU shared with other programs, processes of one thread each that meet once a step are far
faster than one process whose threads meet in every layer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.engine.device import check_device
from training.engine.settings import ExperimentError

_LONGEST_WAIT = timedelta(days=7)
"""For the others, which in the meantime evaluate; torchrun itself ends all where one fails."""


def own_device(device: str, environment: Mapping[str, str]) -> str:
    """The device of this process: of several on a machine, each has a GPU of its own.

    Args:
        device: what all processes were told.
        environment: has what torchrun says.

    Raises:
        ExperimentError: if several processes were told one and the same GPU.
    """
    count = int(environment.get("WORLD_SIZE", "1"))
    kind, _, index = device.partition(":")
    if count == 1 or kind != "cuda":
        return device
    if index:
        raise ExperimentError(
            f"--device {device} is one GPU for {count} processes; write --device cuda, and each "
            "process takes its own"
        )
    return f"cuda:{environment.get('LOCAL_RANK', '0')}"


class Workers:
    """The processes that train together; alone when not started by torchrun.

    Args:
        device: what all of them were told, ``cpu`` or ``cuda``.

    Attributes:
        device: this process's own.
        rank: its number.
        count: how many they are.

    Raises:
        ExperimentError: if there is no such device.
    """

    def __init__(self, device: str) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.device = own_device(device, os.environ)
        check_device(self.device)
        if self.count > 1 and not dist.is_initialized():
            on_gpu = self.device.startswith("cuda")
            if on_gpu:  # NCCL uses the current one
                torch.cuda.set_device(self.device)
            dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_LONGEST_WAIT)

    @property
    def leads(self) -> bool:
        """Whether this process writes files and evaluates."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes, in one exchange."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        offset = 0
        for gradient in gradients:
            gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
            offset += gradient.numel()

    def agree(self, value: float) -> float:
        """The leading process's value, in all of them."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    def mean(self, value: float) -> float:
        """The mean of all processes' values, in all of them."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(shared)
        return float(shared) / self.count

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()

    def same_start(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the leading one's values."""
        if self.count > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def part(self) -> None:
        """Wait for the others, and end what was begun with them."""
        if self.count > 1:
            dist.barrier()
            dist.destroy_process_group()
