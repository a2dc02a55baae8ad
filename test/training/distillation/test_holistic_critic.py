# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The critic of segmentation maps: its losses, and the parts that are no library's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from training.distillation.holistic_critic import HolisticCritic, SelfAttention  # noqa: E402

CLASSES = 3


@pytest.fixture
def maps():
    """Logits of student and teacher, covered cells; nothing of image 1 is covered."""
    draw = torch.Generator().manual_seed(6)
    covered = torch.rand(3, 6, 5, generator=draw) < 0.5
    covered[1] = False
    student, teacher = 2 * torch.randn(2, 3, CLASSES, 6, 5, generator=draw)
    return student, teacher, covered


@pytest.fixture
def critic():
    torch.manual_seed(7)
    made = HolisticCritic(CLASSES, width=4, penalty=3.0)
    for layer in made.modules():
        if isinstance(layer, SelfAttention):
            torch.nn.init.constant_(layer.gamma, 0.7)
    return made.eval()  # so that the estimates of spectral norms stay


def masked(logits, covered, image):
    """An image's probabilities, cell by cell."""
    result = torch.zeros(1, *logits.shape[1:])
    for y, x in covered[image].nonzero().tolist():
        result[0, :, y, x] = torch.softmax(logits[image, :, y, x], 0)
    return result


def test_critic_learns_the_penalised_distance_of_images_with_covered_cells(critic, maps):
    student, teacher, covered = maps
    mixing = torch.tensor([0.2, 0.5, 0.9])
    total = 0.0
    for image in (0, 2):
        fake, real = (masked(each, covered, image) for each in (student, teacher))
        mixed = (mixing[image] * real + (1 - mixing[image]) * fake).requires_grad_()
        gradient = torch.autograd.grad(critic(mixed)[0], mixed, create_graph=True)[0]
        length = torch.sqrt(sum(value**2 for value in gradient.flatten()))
        total = total - critic(real)[0] + critic(fake)[0] + 3.0 * (length - 1) ** 2
    total.backward()
    expected = [parameter.grad.clone() for parameter in critic.parameters()]
    critic.zero_grad()
    found = critic.critic_sum(student.requires_grad_(), teacher, covered, mixing)
    assert float(found.total.detach()) == pytest.approx(float(total.detach()), rel=1e-4)
    assert int(found.count) == 2
    found.total.backward()
    assert student.grad is None
    for parameter, gradient in zip(critic.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-5)
    assert sum(float(gradient.abs().sum()) for gradient in expected) > 0


def test_student_learns_to_score_high_and_the_critic_stays(critic, maps):
    student, teacher, covered = maps
    found = critic.student_sum(student.requires_grad_(), teacher, covered)
    expected = -sum(float(critic(masked(student.detach(), covered, k)).detach()) for k in (0, 2))
    assert float(found.total.detach()) == pytest.approx(expected, rel=1e-4)
    assert int(found.count) == 2
    found.total.backward()
    assert all(p.grad is None and p.requires_grad for p in critic.parameters())
    at_cells = student.grad.abs().sum(1) > 0
    assert not at_cells[~covered].any() and at_cells[covered].any()


def test_without_covered_cells_everything_is_0(critic, maps):
    student, teacher, covered = maps
    nothing = torch.zeros_like(covered)
    for found in (
        critic.critic_sum(student, teacher, nothing, torch.rand(3)),
        critic.student_sum(student.requires_grad_(), teacher, nothing),
    ):
        found.total.backward()
        assert float(found.total.detach()) == 0 and int(found.count) == 0
    assert torch.equal(student.grad, torch.zeros_like(student))
    for parameter in critic.parameters():
        assert torch.equal(parameter.grad, torch.zeros_like(parameter))


def test_self_attention_is_its_formula():
    torch.manual_seed(8)
    attention = SelfAttention(16)
    torch.nn.init.constant_(attention.gamma, 0.5)
    maps = torch.randn(2, 16, 3, 2)
    found = attention(maps)
    for n in range(2):
        places = [maps[n, :, y, x] for y in range(3) for x in range(2)]
        query, key, value = (
            [conv.weight[:, :, 0, 0] @ place + conv.bias for place in places]
            for conv in (attention.query, attention.key, attention.value)
        )
        for i in range(6):
            weights = torch.softmax(torch.stack([query[i] @ key[j] for j in range(6)]), 0)
            expected = places[i] + 0.5 * sum(weights[j] * value[j] for j in range(6))
            torch.testing.assert_close(found[n, :, i // 2, i % 2], expected)


@pytest.mark.parametrize("size", [(1, 1), (13, 13), (60, 61)])
def test_maps_of_any_size_have_a_score(size):
    critic = HolisticCritic(CLASSES, width=4)
    assert critic(torch.rand(2, CLASSES, *size)).shape == (2,)


def test_critic_learns_to_tell_maps_apart_and_the_student_to_near_the_teacher():
    torch.manual_seed(9)
    critic = HolisticCritic(CLASSES, width=8)
    covered = torch.ones(8, 8, 8, dtype=torch.bool)
    teacher = torch.zeros(8, CLASSES, 8, 8)
    teacher[:, 0, :4], teacher[:, 1, 4:] = 5.0, 5.0  # a wall above a floor
    student = torch.randn(8, CLASSES, 8, 8, requires_grad=True)
    teach = torch.optim.Adam(critic.parameters(), 2e-3, betas=(0.0, 0.9))
    deceive = torch.optim.Adam([student], 0.1)

    def distance():
        return float((student.softmax(1) - teacher.softmax(1)).abs().mean().detach())

    before = distance()
    for _ in range(40):
        teach.zero_grad()
        (critic.critic_sum(student, teacher, covered, torch.rand(8)).total / 8).backward()
        teach.step()
        deceive.zero_grad()
        (critic.student_sum(student, teacher, covered).total / 8).backward()
        deceive.step()
    assert distance() < 0.7 * before
