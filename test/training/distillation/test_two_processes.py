# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Two processes on halves of a batch learn what one learns of all of it."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

GRADIENTS = """
import torch
from torch import nn
from training.distillation.holistic_critic import HolisticCritic
from training.distillation.losses import projection_sum
from training.distillation.semantic_aware_adversarial_loss import SemanticAwareAdversarialLoss
from training.distillation.structured_distillation import pair_wise_sum, pixel_wise_sum
from training.engine.loss_sums import divisors, segmentation_sum, weighted_loss
from training.engine.workers import Workers

workers = Workers("cpu")
assert workers.count == 2
torch.manual_seed(0)
images, features = torch.randn(4, 5, 6, 6), torch.randn(4, 8, 6, 6)
labels = torch.randint(0, 3, (4, 6, 6))
labels[torch.rand(4, 6, 6) < 0.3] = 255
labels[:1][labels[:1] == 2] = 255  # halves have classes in other numbers
covered = torch.rand(4, 6, 6) < 0.5
covered[:1] = False  # the first process has nothing to learn 3D features from
teacher, mixing = torch.randn(4, 3, 6, 6), torch.rand(4)
network = nn.Conv2d(5, 3 + 8, 3, padding=1)
adversarial = {
    treatment: SemanticAwareAdversarialLoss(3, 8, 6, class_treatment=treatment)
    for treatment in ("pixels", "classes")
}
critic = HolisticCritic(3, width=4).eval()
# each process draws its own real features
real = torch.randn(30, 8), torch.arange(30) % 3
real_parts = [slice(0, 12), slice(12, 30)]
parts = [slice(0, 1), slice(1, 4)]


def of_network(some, treatment, real_some):
    outputs = network(images[some])
    logits, simulated = outputs[:, :3], outputs[:, 3:]
    vectors, ids = simulated.permute(0, 2, 3, 1).flatten(0, 2), labels[some].flatten()
    return {
        "segmentation": (segmentation_sum(logits, labels[some], 255), 1.0),
        "projection": (projection_sum(simulated, features[some], covered[some]), 0.03),
        "adversarial": (adversarial[treatment].generator_sum(vectors, ids), 0.01),
        "pixel_wise": (pixel_wise_sum(logits, teacher[some], covered[some]), 10.0),
        "pair_wise": (pair_wise_sum(simulated, features[some], covered[some], 2), 1.0),
        "holistic": (critic.student_sum(logits, teacher[some], covered[some]), 0.1),
    }


def of_discriminators(some, treatment, real_some):
    outputs = network(images[some])
    vectors = outputs[:, 3:].permute(0, 2, 3, 1).flatten(0, 2)
    real_vectors, real_ids = (each[real_some] for each in real)
    loss = adversarial[treatment]
    both = loss.discriminator_sum(vectors, labels[some].flatten(), real_vectors, real_ids)
    scores = critic.critic_sum(outputs[:, :3], teacher[some], covered[some], mixing[some])
    return {"discriminators": (both, 1.0), "critic": (scores, 1.0)}


def gradients(terms_of, modules, some, treatment, real_some, reduction, average):
    parameters = [p for module in modules for p in module.parameters()]
    for p in parameters:
        p.grad = None
    terms = terms_of(some, treatment, real_some)
    counts = {name: each.count for name, (each, _) in terms.items()}
    weighted_loss(terms, divisors(counts, reduction, average)).backward()
    if some != slice(0, 4):
        workers.average_gradients(parameters)
    return [p.grad.clone() for p in parameters]


checked = 0
own, own_real = parts[workers.rank], real_parts[workers.rank]
for treatment in ("pixels", "classes"):
    for terms_of, modules, reductions in (
        (of_network, [network], ("mean", "sum")),
        (of_discriminators, [adversarial[treatment], critic], ("mean",)),
    ):
        for reduction in reductions:
            whole = (slice(0, 4), treatment, slice(0, 30), reduction, lambda value: value)
            expected = gradients(terms_of, modules, *whole)
            mine = (own, treatment, own_real, reduction, workers.mean)
            found = gradients(terms_of, modules, *mine)
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)
                checked += 1
            assert sum(float(each.abs().sum()) for each in expected) > 0

# numbers to be shown are those of all
outputs = network(images)[:, 3:].permute(0, 2, 3, 1)
loss = adversarial["pixels"]
everything = loss.accuracy(outputs.flatten(0, 2), labels.flatten(), *real)
some = outputs[own].flatten(0, 2), labels[own].flatten(), *(each[own_real] for each in real)
shown = loss.accuracy(*some).mean_over_processes()
torch.testing.assert_close(shown.by_class, everything.by_class)
torch.testing.assert_close(2 * shown.left_out, everything.left_out)
workers.part()
print(f"checked {checked} gradients")
"""


def test_gradients_of_halves_of_other_coverage_and_classes_are_those_of_the_batch(
    torchrun, tmp_path
):
    script = tmp_path / "gradients.py"
    script.write_text(GRADIENTS)
    done = torchrun(str(script))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("checked") == 2
