# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Pixel-wise and pair-wise terms, each against a literal transcription."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from training.distillation.structured_distillation import (  # noqa: E402
    pair_wise_sum,
    pixel_wise_sum,
    teacher_logits,
)


@pytest.fixture
def maps():
    """Student's logits and features, the teacher's features and classifier, covered cells."""
    draw = torch.Generator().manual_seed(5)
    covered = torch.rand(2, 5, 7, generator=draw) < 0.4
    covered[0, :2, :2] = False
    features = torch.randn(2, 6, 5, 7, generator=draw).clamp(min=0)
    return {
        "logits": 2 * torch.randn(2, 3, 5, 7, generator=draw),
        "student": torch.randn(2, 4, 5, 7, generator=draw),
        "features": torch.where(covered[:, None], features, math.nan),
        "weight": torch.randn(3, 6, generator=draw),
        "bias": torch.randn(3, generator=draw),
        "covered": covered,
    }


def teacher_of(maps):
    return teacher_logits(maps["features"], maps["weight"], maps["bias"])


def test_teacher_logits_are_its_last_layer_at_each_cell(maps):
    found = teacher_of(maps)
    for n, y, x in maps["covered"].nonzero().tolist():
        expected = maps["weight"] @ maps["features"][n, :, y, x] + maps["bias"]
        torch.testing.assert_close(found[n, :, y, x], expected)


def test_pixel_wise_term_is_the_divergence_at_covered_cells(maps):
    logits, teacher = maps["logits"].requires_grad_(), teacher_of(maps)
    total, count = 0.0, 0
    for n, y, x in maps["covered"].nonzero().tolist():
        count += 1
        q = torch.softmax(teacher[n, :, y, x].double(), 0)
        p = torch.softmax(logits[n, :, y, x].double(), 0)
        for c in range(3):
            total = total + q[c] * torch.log(q[c] / p[c])
    found = pixel_wise_sum(logits, teacher, maps["covered"])
    assert float(found.total.detach()) == pytest.approx(float(total.detach()), rel=1e-5)
    assert int(found.count) == count > 0
    found.total.backward()
    mine, logits.grad = logits.grad, None
    total.backward()
    torch.testing.assert_close(mine, logits.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("patch", [1, 2, 3, 9])
def test_pair_wise_term_compares_similarities_of_nodes_with_covered_cells(maps, patch):
    student = maps["student"].requires_grad_()
    total, count = 0.0, 0
    for n in range(2):
        nodes = []
        for top in range(0, 5, patch):
            for left in range(0, 7, patch):
                cells = [
                    (y, x)
                    for y in range(top, min(top + patch, 5))
                    for x in range(left, min(left + patch, 7))
                    if maps["covered"][n, y, x]
                ]
                if cells:
                    nodes.append(
                        [
                            sum(each[n, :, y, x].double() for y, x in cells) / len(cells)
                            for each in (student, maps["features"])
                        ]
                    )
        for mine in nodes:
            for other in nodes:
                count += 1
                a_student, a_teacher = (
                    mine[k] @ other[k] / (mine[k].norm() * other[k].norm()) for k in range(2)
                )
                total = total + (a_student - a_teacher) ** 2
    found = pair_wise_sum(student, maps["features"], maps["covered"], patch)
    assert int(found.count) == count > 0
    assert float(found.total.detach()) == pytest.approx(float(total.detach()), rel=1e-5, abs=1e-10)
    found.total.backward()
    mine, student.grad = student.grad, None
    total.backward()
    torch.testing.assert_close(mine, student.grad, rtol=1e-4, atol=1e-6)


def test_without_covered_cells_terms_and_gradients_are_0(maps):
    covered = torch.zeros_like(maps["covered"])
    logits, student = maps["logits"].requires_grad_(), maps["student"].requires_grad_()
    for found, source in (
        (pixel_wise_sum(logits, teacher_of(maps), covered), logits),
        (pair_wise_sum(student, maps["features"], covered, 2), student),
    ):
        found.total.backward()
        assert float(found.total.detach()) == 0 and int(found.count) == 0
        assert torch.equal(source.grad, torch.zeros_like(source))


def test_what_does_not_fit_is_refused(maps):
    with pytest.raises(ValueError, match="take the one that is stored beside these features"):
        teacher_logits(maps["features"], maps["weight"][:, :5], maps["bias"])
    with pytest.raises(ValueError, match="both must be of the same classes"):
        pixel_wise_sum(maps["logits"][:, :2], teacher_of(maps), maps["covered"])
    with pytest.raises(ValueError, match="patch is 0"):
        pair_wise_sum(maps["student"], maps["features"], maps["covered"], 0)
    with pytest.raises(ValueError, match="the covered cells are"):
        pair_wise_sum(maps["student"][:, :, :4], maps["features"], maps["covered"], 2)
