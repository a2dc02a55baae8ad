# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Measures the 2D features of a trained network over its training frames."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.resizing import resize_to_network
from training.distillation.statistics_2d import FORMAT
from training.engine.components import training_frames
from training.engine.device import check_device
from training.finished_run import load_run


def measure_statistics_2d(
    run: Path, out: Path, device: str, frames: int, commands: Sequence[str] = ()
) -> tuple[float, float]:
    """Write mean and deviation of a network's 2D features, over all channels and cells.

    The features are those of the 2D branch, and where the network has none those that its
    classifier sees, of training frames at the size in use, without augmentation.

    Args:
        run: folder of the run.
        out: JSON file to write.
        device: where to compute.
        frames: evenly spaced training frames, at most.
        commands: lines of shell that do this, for the cards of models that use the statistics.

    Returns:
        Mean and standard deviation.

    Raises:
        CheckpointError, ExperimentError, DatasetError: if the run or its frames can't be used.
        OSError: if the file can't be written.
    """
    check_device(device)
    loaded = load_run(run)
    dataset = training_frames(loaded.experiment, loaded.label_space)
    graph = loaded.graph.to(device).eval()
    total = square = 0.0
    count = 0
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(frames, len(dataset))).astype(int))
    for index in tqdm(chosen.tolist(), unit="frame"):
        image = torch.from_numpy(resize_to_network(dataset.load(index)[0], loaded.spec))
        with torch.inference_mode():
            values = graph.outputs(image[None].to(device)).features_2d.double()
        total += float(values.sum())
        square += float(values.square().sum())
        count += values.numel()
    mean = total / count
    std = math.sqrt(max(square / count - mean**2, 0.0))
    content = {
        "format": FORMAT,
        "mean": mean,
        "std": std,
        "values": count,
        "frames": len(chosen),
        "run": loaded.experiment.name,
        "run_folder": str(run),
        "commands": list(commands),
        "step": loaded.step,
    }
    write_file(out, (json.dumps(content, indent=2) + "\n").encode())
    return mean, std
