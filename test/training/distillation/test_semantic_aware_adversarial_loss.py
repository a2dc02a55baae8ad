# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Equations 3 and 4, against a discriminator of plain layers for each class."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from training.distillation.class_tiles import class_tiles  # noqa: E402
from training.distillation.semantic_aware_adversarial_loss import (  # noqa: E402
    SemanticAwareAdversarialLoss,
)

CLASSES, WIDTH, HIDDEN = 4, 6, 5
UNLABELED = 255


@pytest.fixture
def vectors():
    """Simulated and real vectors; class 2 is absent in 3D, class 3 in 2D, some are unlabeled."""
    draw = torch.Generator().manual_seed(1)
    classes = torch.tensor([0, 0, 1, 0, 2, 2, UNLABELED, 0, 1, 0, 0, -1])
    real_classes = torch.tensor([3, 0, 1, 1, 1, 3, UNLABELED])
    return (
        torch.randn(len(classes), WIDTH, generator=draw),
        classes,
        1 + torch.randn(len(real_classes), WIDTH, generator=draw),
        real_classes,
    )


def new_loss(**settings):
    torch.manual_seed(2)
    loss = SemanticAwareAdversarialLoss(CLASSES, WIDTH, HIDDEN, **settings)
    for bias in loss.biases:
        nn.init.normal_(bias, std=0.3)
    return loss


def plain_discriminators(loss):
    """N networks of six fully-connected layers each, of the same weights, in double precision."""
    networks = []
    for k in range(len(loss.weights[0])):
        layers = []
        for weight, bias in zip(loss.weights, loss.biases, strict=True):
            linear = nn.Linear(*weight.shape[1:]).double()
            linear.weight.data = weight[k].detach().T.double()
            linear.bias.data = bias[k].detach().double()
            layers += [linear, nn.LeakyReLU(0.2)]
        networks.append(nn.Sequential(*layers[:-1], nn.Sigmoid()))
    assert sum(isinstance(layer, nn.Linear) for layer in networks[0]) == 6
    return networks


def equation_3(networks, simulated, classes, real, real_classes, weight=lambda c, side: 1.0):
    total = 0.0
    for c in range(CLASSES):
        network = networks[c % len(networks)]
        for vector, k in zip(simulated.detach(), classes.tolist(), strict=True):
            if k == c:
                total = total - weight(c, 0) * torch.log(1 - network(vector.double())[0])
        for vector, k in zip(real, real_classes.tolist(), strict=True):
            if k == c:
                total = total - weight(c, 1) * torch.log(network(vector.double())[0])
    return total


def equation_4(networks, simulated, classes, weight=lambda c: 1.0):
    total = 0.0
    for vector, k in zip(simulated, classes.tolist(), strict=True):
        for c in range(CLASSES):
            if k == c:
                network = networks[c % len(networks)]
                total = total - weight(c) * torch.log(network(vector.double())[0])
    return total


def assert_same_gradients(loss, networks):
    for k, network in enumerate(networks):
        linears = [layer for layer in network if isinstance(layer, nn.Linear)]
        for layer, weight, bias in zip(linears, loss.weights, loss.biases, strict=True):
            for found, plain in (
                (weight.grad[k].mT, layer.weight.grad),
                (bias.grad[k], layer.bias.grad),
            ):
                # a network without vectors has none
                expected = torch.zeros_like(found) if plain is None else plain.float()
                torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
def test_discriminators_learn_equation_3_by_class(vectors, shared):
    loss = new_loss(shared=shared)
    networks = plain_discriminators(loss)
    assert len(networks) == (1 if shared else CLASSES)
    vectors[0].requires_grad_()
    found = loss.discriminator_sum(*vectors)
    expected = equation_3(networks, *vectors)
    assert float(found.total) == pytest.approx(float(expected), rel=1e-5)
    assert int(found.count) == 10 + 6
    found.total.backward()
    expected.backward()
    assert_same_gradients(loss, networks)
    assert vectors[0].grad is None


@pytest.mark.parametrize("shared", [False, True])
def test_the_2d_network_learns_equation_4_and_discriminators_stay(vectors, shared):
    loss = new_loss(shared=shared)
    simulated, classes = vectors[0].requires_grad_(), vectors[1]
    found = loss.generator_sum(simulated, classes)
    found.total.backward()
    mine, simulated.grad = simulated.grad, None
    expected = equation_4(plain_discriminators(loss), simulated, classes)
    expected.backward()
    assert float(found.total) == pytest.approx(float(expected), rel=1e-5)
    assert int(found.count) == 10
    torch.testing.assert_close(mine, simulated.grad, rtol=1e-4, atol=1e-6)
    assert all(parameter.grad is None for parameter in loss.parameters())


def test_every_class_that_is_there_counts_the_same_where_classes_are_treated_so(vectors):
    loss = new_loss(class_treatment="classes")
    networks = plain_discriminators(loss)
    simulated, classes = vectors[:2]
    counts = [torch.bincount(ids[ids.clamp(0, 3) == ids], minlength=4) for ids in vectors[1::2]]
    assert counts[0].tolist() == [6, 2, 2, 0] and counts[1].tolist() == [1, 3, 0, 2]
    # 16 vectors in 6 groups; 10 in 3
    expected = equation_3(networks, *vectors, lambda c, side: 16 / 6 / float(counts[side][c]))
    found = loss.discriminator_sum(*vectors)
    found.total.backward()
    expected.backward()
    assert float(found.total) == pytest.approx(float(expected), rel=1e-5)
    assert int(found.count) == 16
    assert_same_gradients(loss, networks)
    simulated.requires_grad_()
    found = loss.generator_sum(simulated, classes)
    expected = equation_4(networks, simulated, classes, lambda c: 10 / 3 / float(counts[0][c]))
    assert float(found.total) == pytest.approx(float(expected), rel=1e-5)
    assert int(found.count) == 10
    # the mean is that of the classes' means
    means = [
        float(equation_4(networks, simulated, classes, lambda c, k=k: c == k)) for k in range(3)
    ]
    means = [value / float(n) for value, n in zip(means, counts[0], strict=False)]
    assert found.mean == pytest.approx(sum(means) / 3, rel=1e-5)


def test_of_a_class_absent_on_one_side_only_the_other_side_is_learnt(vectors):
    loss = new_loss()
    loss.discriminator_sum(*vectors).total.backward()
    simulated, classes, real, real_classes = vectors
    for class_id, side in ((2, (simulated, classes)), (3, (real, real_classes))):
        alone = new_loss()
        chosen = side[1] == class_id
        some, ids = side[0][chosen], side[1][chosen]
        nothing = (torch.empty(0, WIDTH), torch.empty(0, dtype=torch.int64))
        given = (some, ids, *nothing) if class_id == 2 else (*nothing, some, ids)
        alone.discriminator_sum(*given).total.backward()
        for mine, other in zip(loss.weights, alone.weights, strict=True):
            torch.testing.assert_close(mine.grad[class_id], other.grad[class_id])


def test_vectors_of_classes_without_any_real_one_are_left_out_and_counted(vectors):
    simulated, classes = vectors[:2]
    loss = new_loss(without_real=[2])
    simulated.requires_grad_()
    found = loss.generator_sum(simulated, classes)
    found.total.backward()
    assert int(found.count) == 8
    left_out = (classes == 2) | (classes == UNLABELED) | (classes < 0)
    assert torch.equal(simulated.grad.abs().sum(1) == 0, left_out)
    found = loss.discriminator_sum(*vectors)
    assert int(found.count) == 8 + 6
    found.total.backward()
    assert all(weight.grad[2].abs().sum() == 0 for weight in loss.weights)
    accuracy = loss.accuracy(*vectors)
    assert accuracy.simulated.tolist() == [6, 2, 0, 0]
    assert accuracy.real.tolist() == [1, 3, 0, 2]
    assert int(accuracy.left_out) == 5
    assert torch.equal(accuracy.by_class.isnan(), torch.tensor([False, False, True, False]))


@pytest.mark.parametrize("shared", [False, True])
def test_accuracy_counts_what_the_plain_discriminators_tell_rightly(vectors, shared):
    loss = new_loss(shared=shared)
    networks = plain_discriminators(loss)
    right, total = [0] * CLASSES, [0] * CLASSES
    for side, (some, ids) in enumerate((vectors[:2], vectors[2:])):
        for vector, k in zip(some, ids.tolist(), strict=True):
            if 0 <= k < CLASSES:
                total[k] += 1
                says_real = float(networks[k % len(networks)](vector.double())) > 0.5
                right[k] += says_real == bool(side)
    found = loss.accuracy(*vectors)
    assert found.by_class.tolist() == pytest.approx(
        [a / b for a, b in zip(right, total, strict=True)]
    )
    assert (found + found).by_class.tolist() == pytest.approx(found.by_class.tolist())
    assert int((found + found).simulated.sum()) == 20


def test_a_batch_without_any_vector_of_a_class_has_gradients_of_0(vectors):
    loss = new_loss(class_treatment="classes")
    simulated = vectors[0].requires_grad_()
    none = torch.full_like(vectors[1], UNLABELED)
    found = loss.discriminator_sum(simulated, none, vectors[2], vectors[3] * 0 + UNLABELED)
    found.total.backward()
    assert float(found.total) == 0 and int(found.count) == 0
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in loss.parameters())
    found = loss.generator_sum(simulated, none)
    found.total.backward()
    assert torch.equal(simulated.grad, torch.zeros_like(simulated))


def test_losses_stay_finite_and_exact_for_vectors_that_are_told_with_certainty():
    loss = SemanticAwareAdversarialLoss(1, 1, 1)
    for weight in loss.weights:
        nn.init.ones_(weight)
    for value in (300.0, -300.0 / 0.2**5):  # logits of 300 and -300
        vector, ids = torch.tensor([[value]], requires_grad=True), torch.zeros(1, dtype=torch.int64)
        total = loss.generator_sum(vector, ids).total
        total.backward()
        assert float(total) == pytest.approx(0.0 if value > 0 else 300.0, rel=1e-5)
        assert vector.grad.isfinite().all()


def test_computation_is_in_single_precision_under_autocast(vectors):
    loss = new_loss()
    plain = loss.discriminator_sum(*vectors).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss.discriminator_sum(*vectors).total
    assert inside.dtype == torch.float32 and float(inside) == float(plain)


def test_impossible_settings_and_vectors_that_do_not_fit_are_refused(vectors):
    with pytest.raises(ValueError, match="must be of pixels, classes"):
        SemanticAwareAdversarialLoss(2, 3, class_treatment="all")
    with pytest.raises(ValueError, match="hidden is 0, it must be above 0"):
        SemanticAwareAdversarialLoss(2, 3, 0)
    with pytest.raises(ValueError, match="set their width to that of the 3D features"):
        new_loss().generator_sum(vectors[0][:, :5], vectors[1])


def test_discriminators_learn_to_tell_and_the_2d_side_to_deceive():
    torch.manual_seed(0)
    loss = SemanticAwareAdversarialLoss(2, WIDTH)
    classes = torch.arange(64) % 2
    real = torch.randn(64, WIDTH) + torch.where(classes[:, None] == 0, 2.0, -2.0)
    simulated = torch.randn(64, WIDTH, requires_grad=True)
    teach = torch.optim.Adam(loss.parameters(), 3e-3)
    for _ in range(60):
        teach.zero_grad()
        (loss.discriminator_sum(simulated, classes, real, classes).total / 128).backward()
        teach.step()
    assert (loss.accuracy(simulated, classes, real, classes).by_class > 0.9).all()
    deceive = torch.optim.Adam([simulated], 0.1)
    before = simulated.detach().clone()
    for _ in range(60):
        deceive.zero_grad()
        (loss.generator_sum(simulated, classes).total / 64).backward()
        deceive.step()
    assert float(loss.accuracy(simulated, classes, real, classes).simulated_right.sum()) < 16
    # each class went towards its own real features
    moved = (simulated.detach() - before).mean(1)
    assert moved[classes == 0].mean() > 0 > moved[classes == 1].mean()


def test_memory_grows_with_vectors_and_not_with_the_most_frequent_class():
    count, classes = 4000, 20
    loss = SemanticAwareAdversarialLoss(classes, WIDTH)
    ids = torch.zeros(count, dtype=torch.int64)  # all are wall
    kept = {}

    def keep(tensor):
        if tensor.is_floating_point():
            kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    vectors = torch.randn(count, WIDTH, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        total = loss.generator_sum(vectors, ids).total
    # what goes into each layer and into its leaky ReLU, and the layers' matrices; padded to the
    # most frequent class, every one of them would take 20 times as much
    assert sum(kept.values()) < 20 * count * WIDTH
    assert total.requires_grad


def test_tiles_hold_every_vector_once_beside_its_class_and_little_else():
    draw = torch.Generator().manual_seed(4)
    for count, num_classes in ((0, 3), (1, 3), (57, 5), (5000, 20)):
        # most are of one class, as pixels of walls are
        classes = torch.randint(0, num_classes, (count,), generator=draw)
        classes[torch.rand(count, generator=draw) < 0.8] = 1
        tiles = class_tiles(classes, num_classes)
        vectors = torch.randn(count, 3, generator=draw)
        filled = tiles.fill(vectors)
        assert filled.shape[:2] == (count // tiles.rows + num_classes, tiles.rows)
        assert torch.equal(tiles.take(filled), vectors)
        assert len(tiles.slot.unique()) == count
        own = tiles.tile_class[:, None].expand(-1, tiles.rows)
        assert torch.equal(own.flatten()[tiles.slot], classes)
        assert math.prod(filled.shape[:2]) <= 2 * count + 8 * num_classes
