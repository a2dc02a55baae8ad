# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The cross-entropy as a sum; that sums combine is tested with those of distillation."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional

from training.engine.loss_sums import (  # noqa: E402
    SEGMENTATION,
    divisors,
    segmentation_sum,
    weight_of,
    weighted_loss,
)


@pytest.fixture
def batch():
    """Logits of four classes, and labels of which some are none."""
    draw = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 4, (3, 6, 5), generator=draw)
    labels[torch.rand(labels.shape, generator=draw) < 0.3] = 255
    return {"logits": 3 * torch.randn(3, 4, 6, 5, generator=draw), "labels": labels}


def test_segmentation_sum_is_equation_2(batch, equation_2):
    found = segmentation_sum(batch["logits"], batch["labels"], 255)
    total, count = equation_2(batch["logits"].double(), batch["labels"])
    assert float(found.total) == pytest.approx(total, rel=1e-5)
    assert int(found.count) == count > 0
    assert found.mean == pytest.approx(total / count, rel=1e-5)


def test_segmentation_sum_keeps_one_map_for_its_gradient(batch):
    logits = batch["logits"].half().requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        segmentation_sum(logits, batch["labels"], 255)
    sizes = {t.data_ptr(): t.numel() for t in kept if t.is_floating_point()}
    assert sum(sizes.values()) <= logits.numel() + 2


def test_smoothing_mixes_in_the_mean_over_classes(batch):
    found = segmentation_sum(batch["logits"], batch["labels"], 255, smoothing=0.2)
    valid = batch["labels"] != 255
    logs = batch["logits"].double().log_softmax(1).permute(0, 2, 3, 1)[valid]
    own = logs.gather(1, batch["labels"][valid][:, None]).sum()
    expected = -(0.8 * own + 0.2 * logs.mean(1).sum())
    assert float(found.total) == pytest.approx(float(expected), rel=1e-5)


def test_loss_is_the_weighted_mean_over_labelled_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, generator=generator)
    labels = torch.randint(0, 3, (2, 8, 8), generator=generator)
    labels[:, :, ::3] = 255
    weights = torch.tensor([0.5, 1.0, 3.0])
    found = segmentation_sum(logits, labels, 255, weights)
    total = weight = 0.0
    for n in range(2):
        for y in range(8):
            for x in range(8):
                truth = int(labels[n, y, x])
                if truth == 255:
                    continue
                values = np.exp(logits[n, :, y, x].double().numpy())
                total -= float(weights[truth]) * np.log(values[truth] / values.sum())
                weight += float(weights[truth])
    assert found.mean == pytest.approx(total / weight, rel=1e-5)
    assert float(weight_of(labels, 255, weights)) == pytest.approx(weight, rel=1e-6)


def test_loss_without_any_label_is_zero():
    labels = torch.full((1, 4, 4), 255)
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    found = segmentation_sum(logits, labels, 255, torch.ones(3), smoothing=0.1)
    loss = weighted_loss(
        {SEGMENTATION: (found, 1.0)}, divisors({SEGMENTATION: found.count}, "mean", float)
    )
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert not logits.grad.any()


def test_losses_of_parts_add_up_to_the_weighted_mean_over_all_rows():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 3, generator=generator)
    labels = torch.tensor([0, 1, -1, 2, 2, 0, 1, 1, -1, -1, 2, 0])
    weights = torch.tensor([0.5, 1.0, 3.0])
    total = float(weight_of(labels, -1, weights))
    assert total == pytest.approx(3 * 0.5 + 3 * 1.0 + 3 * 3.0)
    parts = [(0, 3), (3, 9), (9, 12)]

    def total_of(a, b, smoothing):
        return segmentation_sum(logits[a:b], labels[a:b], -1, weights, smoothing).total

    summed = sum(total_of(a, b, 0.1) for a, b in parts) / total
    expected = F.cross_entropy(
        logits, labels, weights, ignore_index=-1, label_smoothing=0.0, reduction="mean"
    )
    plain = sum(total_of(a, b, 0.0) for a, b in parts) / total
    torch.testing.assert_close(plain, expected)
    assert float(summed) != pytest.approx(float(plain))


def test_rows_without_a_class_give_no_gradient():
    logits = torch.randn(4, 3, requires_grad=True)
    labels = torch.tensor([-1, 0, -1, 2])
    segmentation_sum(logits, labels, -1, torch.ones(3)).total.backward()
    assert (logits.grad[[0, 2]] == 0).all() and (logits.grad[[1, 3]] != 0).all()
