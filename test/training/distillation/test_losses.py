# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The paper's sums, their means, and what processes that train together make of them."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from training.distillation.losses import PROJECTION, projection_sum  # noqa: E402
from training.engine.loss_sums import (  # noqa: E402
    SEGMENTATION,
    LossSum,
    divisors,
    segmentation_sum,
    weighted_loss,
)

UNLABELED = 255


def alone(value):
    return value


@pytest.fixture
def batch():
    """Logits, labels, simulated and projected features, and cells of which some are covered."""
    draw = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 4, (3, 6, 5), generator=draw)
    labels[torch.rand(labels.shape, generator=draw) < 0.3] = UNLABELED
    return {
        "logits": 3 * torch.randn(3, 4, 6, 5, generator=draw),
        "labels": labels,
        "simulated": torch.randn(3, 7, 3, 2, generator=draw),
        "features": torch.randn(3, 7, 3, 2, generator=draw),
        "covered": torch.rand(3, 3, 2, generator=draw) < 0.5,
    }


def equation_1(simulated, features, covered):
    total, count = 0.0, 0
    for n, y, x in covered.nonzero().tolist():
        count += 1
        for c in range(simulated.shape[1]):
            total += (features[n, c, y, x] - simulated[n, c, y, x]) ** 2
    return total, count


def test_projection_sum_is_equation_1_with_its_gradient(batch):
    simulated = batch["simulated"].requires_grad_()
    features = batch["features"].requires_grad_()
    found = projection_sum(simulated, features, batch["covered"])
    total, count = equation_1(simulated.detach(), features.detach(), batch["covered"])
    assert float(found.total.detach()) == pytest.approx(float(total), rel=1e-5)
    assert int(found.count) == count > 0
    found.total.backward()
    expected = 2 * (simulated - features) * batch["covered"][:, None]
    torch.testing.assert_close(simulated.grad, expected.detach())
    assert features.grad is None


def test_cells_that_are_not_covered_play_no_part_even_as_nan(batch):
    simulated = batch["simulated"].requires_grad_()
    before = projection_sum(simulated, batch["features"], batch["covered"]).total
    features = torch.where(batch["covered"][:, None], batch["features"], math.nan)
    after = projection_sum(simulated, features, batch["covered"]).total
    assert float(after.detach()) == float(before.detach())
    after.backward()
    assert simulated.grad.isfinite().all()
    # and it is not hidden where it does
    features = torch.full_like(features, math.nan)
    assert projection_sum(simulated, features, batch["covered"]).total.isnan()


def test_sums_of_parts_add_up_to_the_sum_of_the_whole(batch):
    whole = projection_sum(batch["simulated"], batch["features"], batch["covered"])
    names = ("simulated", "features", "covered")
    parts = [projection_sum(*(batch[name][k : k + 1] for name in names)) for k in range(3)]
    joined = parts[0] + parts[1] + parts[2]
    torch.testing.assert_close(joined.total, whole.total)
    assert int(joined.count) == int(whole.count)


def test_features_of_another_width_and_masks_that_do_not_fit_are_refused(batch):
    with pytest.raises(ValueError, match="set the branch's feature_width"):
        projection_sum(batch["simulated"][:, :5], batch["features"], batch["covered"])
    for covered in (batch["covered"][:, :2], batch["covered"].float()):
        with pytest.raises(ValueError, match="the covered cells are"):
            projection_sum(batch["simulated"], batch["features"], covered)


def combined(terms, reduction, average_over_processes):
    counts = {name: part.count for name, (part, _) in terms.items()}
    return weighted_loss(terms, divisors(counts, reduction, average_over_processes))


def terms_of(batch):
    return {
        SEGMENTATION: (segmentation_sum(batch["logits"], batch["labels"], UNLABELED), 1.0),
        PROJECTION: (
            projection_sum(batch["simulated"], batch["features"], batch["covered"]),
            0.03,
        ),
    }


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_combined_loss_is_the_weighted_sum_of_means_or_of_sums_over_valid_pixels(
    batch, equation_2, reduction
):
    found = combined(terms_of(batch), reduction, alone)
    segmentation, valid = equation_2(batch["logits"].double(), batch["labels"])
    projection, covered = equation_1(
        batch["simulated"].double(), batch["features"], batch["covered"]
    )
    assert valid != covered
    divisor = covered if reduction == "mean" else valid
    expected = segmentation / valid + 0.03 * float(projection) / divisor
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_without_a_covered_cell_the_loss_is_that_of_segmentation(batch, equation_2, reduction):
    batch["covered"][:] = False
    simulated = batch["simulated"].requires_grad_()
    logits = batch["logits"].requires_grad_()
    loss = combined(terms_of(batch), reduction, alone)
    loss.backward()
    total, count = equation_2(logits.detach().double(), batch["labels"])
    assert float(loss.detach()) == pytest.approx(total / count, rel=1e-5)
    assert torch.equal(simulated.grad, torch.zeros_like(simulated))
    assert math.isnan(terms_of(batch)[PROJECTION][0].mean)


def test_without_a_valid_pixel_means_are_of_the_rest_and_sums_are_0(batch):
    batch["labels"][:] = UNLABELED
    logits, simulated = batch["logits"].requires_grad_(), batch["simulated"].requires_grad_()
    mean = combined(terms_of(batch), "mean", alone)
    projection, covered = equation_1(simulated.detach(), batch["features"], batch["covered"])
    assert float(mean.detach()) == pytest.approx(0.03 * float(projection) / covered, rel=1e-5)
    mean.backward()
    assert torch.equal(logits.grad, torch.zeros_like(logits))
    assert simulated.grad.abs().sum() > 0
    simulated.grad = None
    combined(terms_of(batch), "sum", alone).backward()
    assert torch.equal(simulated.grad, torch.zeros_like(simulated))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("uncovered", [[], [0]])
def test_averaged_gradients_of_parts_of_other_coverage_are_those_of_the_batch(
    batch, reduction, uncovered
):
    """Image 0 is one process's batch, 1 and 2 are the other's."""
    batch["covered"][uncovered] = False
    names = ("logits", "simulated")
    for name in names:
        batch[name].requires_grad_()
    combined(terms_of(batch), reduction, alone).backward()
    expected = {name: batch[name].grad.clone() for name in names}
    assert expected["simulated"].abs().sum() > 0
    halves = [{name: value[part] for name, value in batch.items()} for part in ([0], [1, 2])]
    terms = [terms_of(half) for half in halves]
    counts = [[float(each[name][0].count) for name in each] for each in terms]
    assert counts[0][1] != counts[1][1] or not uncovered
    for name in names:
        batch[name].grad = None
    for each in terms:
        called = iter(zip(*counts, strict=True))
        # what all processes have to say at the same call
        loss = combined(each, reduction, lambda _, c=called: sum(next(c)) / 2)
        (loss / 2).backward()
    for name in names:
        torch.testing.assert_close(batch[name].grad, expected[name])


def test_a_batch_taken_in_parts_has_the_gradient_of_the_whole(batch):
    simulated = batch["simulated"].requires_grad_()
    combined(terms_of(batch), "mean", alone).backward()
    expected, simulated.grad = simulated.grad, None
    terms = [terms_of({name: v[k : k + 1] for name, v in batch.items()}) for k in range(3)]
    counts = {name: sum(each[name][0].count for each in terms) for name in terms[0]}
    divided_by = divisors(counts, "mean", alone)
    for each in terms:
        weighted_loss(each, divided_by).backward()
    torch.testing.assert_close(simulated.grad, expected)


def test_unknown_reductions_and_sums_without_pixels_are_refused(batch):
    terms = terms_of(batch)
    with pytest.raises(ValueError, match="must be of mean, sum"):
        combined(terms, "average", alone)
    del terms[SEGMENTATION]
    with pytest.raises(ValueError, match="valid pixels of the term 'segmentation'"):
        combined(terms, "sum", alone)
    assert combined(terms, "mean", alone) > 0


def test_a_weight_of_0_leaves_gradients_of_0(batch):
    simulated = batch["simulated"].requires_grad_()
    part = projection_sum(simulated, batch["features"], batch["covered"])
    combined({PROJECTION: (part, 0.0)}, "mean", alone).backward()
    assert torch.equal(simulated.grad, torch.zeros_like(simulated))
    assert isinstance(part, LossSum)
