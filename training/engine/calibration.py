# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Confidence calibration by temperature scaling (Guo et al., ICML 2017)."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from training.data.labelled_frames import LabelledFrames
from training.engine.predictor import NetworkPredictor


def collect_logits(
    predict: NetworkPredictor, dataset: LabelledFrames, unlabeled: int, per_frame: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Logits [n, classes] and true ids [n] of random labelled output positions of every frame.

    The truth of a position is the label where its feature lies, see
    :class:`seg3d2d_ros.networks.registry.ParsingNetwork`.
    """
    graph = predict.graph
    centre = 0.5 / graph.stride if graph.align_corners else 0.5
    rng = np.random.default_rng(seed)
    logits, truth = [], []
    for index in tqdm(range(len(dataset)), desc="fitting the confidence", unit="frame"):
        image, labels = dataset.load(index)
        maps = predict.logits(image)
        height, width = maps.shape[1:]
        rows = (np.arange(height) + centre) * labels.shape[0] / height
        columns = (np.arange(width) + centre) * labels.shape[1] / width
        coarse = labels[np.ix_(rows.astype(int), columns.astype(int))].reshape(-1)
        places = np.flatnonzero(coarse != unlabeled)
        places = rng.permutation(places)[:per_frame]
        logits.append(maps.flatten(1).T[torch.from_numpy(places)])
        truth.append(torch.from_numpy(coarse[places].astype(np.int64)))
    return torch.cat(logits), torch.cat(truth)


def fit_temperature(logits: Tensor, truth: Tensor) -> float:
    """Temperature in [0.2, 5] that minimises the negative log-likelihood.

    The likelihood is unimodal in the temperature's logarithm, which a golden-section search uses.

    Args:
        logits: [n, classes].
        truth: [n] ids.
    """

    def cost(exponent: float) -> float:
        return float(F.cross_entropy(logits / math.exp(exponent), truth))

    low, high = math.log(0.2), math.log(5.0)
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    cost_left, cost_right = cost(left), cost(right)
    while high - low > 1e-3:
        if cost_left < cost_right:
            high, right, cost_right = right, left, cost_left
            left = high - ratio * (high - low)
            cost_left = cost(left)
        else:
            low, left, cost_left = left, right, cost_right
            right = low + ratio * (high - low)
            cost_right = cost(right)
    return math.exp((low + high) / 2)


def expected_calibration_error(logits: Tensor, truth: Tensor, temperature: float) -> float:
    """Mean difference of confidence and accuracy over 15 equal bins of confidence, in [0, 1]."""
    confidence, winner = torch.softmax(logits / temperature, 1).max(1)
    correct = (winner == truth).double()
    bins = (confidence * 15).long().clamp(max=14)
    error = 0.0
    for index in bins.unique():
        inside = bins == index
        gap = (confidence[inside].double().mean() - correct[inside].mean()).abs()
        error += float(gap) * float(inside.double().mean())
    return error
