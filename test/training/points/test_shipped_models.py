# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The models in point_models/: what they are, and that they know surfaces of a plain room."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.points.experiment import load_point_experiment  # noqa: E402
from training.points.point_model import WEIGHTS, load_point_model  # noqa: E402
from training.points.prediction import predict_scene  # noqa: E402

LARGEST_BYTES = 17_000_000
RECIPES = {
    "rooms-res16unet14a": "rooms_res16unet14a.yaml",
    "rooms-pointweb": "rooms_pointweb_second.yaml",
}
LEAST_RIGHT = {
    "rooms-res16unet14a": {"floor": 0.8, "wall": 0.6, "table": 0.5},
    "rooms-pointweb": {"floor": 0.8, "wall": 0.6, "table": 0.4},
}


def plane(first, second, step=0.03):
    """Points of a rectangle between two corners of which one coordinate is the same, metres."""
    sides = [
        np.arange(a, b, step) if a < b else np.array([a])
        for a, b in zip(first, second, strict=True)
    ]
    return np.stack(np.meshgrid(*sides, indexing="ij"), -1).reshape(-1, 3)


@pytest.fixture(scope="module")
def room():
    """Points of a room of 4 m x 3 m with a table, grey shades and what each point is of."""
    rng = np.random.default_rng(0)
    parts = {
        "floor": [plane((0, 0, 0), (4, 3, 0))],
        "wall": [
            plane((0, 0, 0), (4, 0, 2.5)),
            plane((0, 3, 0), (4, 3, 2.5)),
            plane((0, 0, 0), (0, 3, 2.5)),
            plane((4, 0, 0), (4, 3, 2.5)),
        ],
        "table": [plane((1.4, 1, 0.72), (2.6, 1.8, 0.72))],
    }
    shades = {"floor": (130, 100, 75), "wall": (215, 210, 200), "table": (150, 110, 70)}
    points = np.concatenate([np.concatenate(each) for each in parts.values()])
    names = np.repeat(list(parts), [sum(map(len, each)) for each in parts.values()])
    colors = np.array([shades[name] for name in names])
    points = points + rng.normal(0, 0.004, points.shape)
    colors = np.clip(colors + rng.normal(0, 6, colors.shape), 0, 255)
    return points.astype(np.float32), colors.astype(np.uint8), names


@pytest.mark.parametrize("name", LEAST_RIGHT)
def test_a_shipped_model_is_what_its_description_says(name, repository):
    folder = repository / "point_models" / name
    model = load_point_model(folder)
    stored = (folder / WEIGHTS).read_bytes()
    assert len(stored) < LARGEST_BYTES
    assert hashlib.sha256(stored).hexdigest() == model.description.sha256
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert model.description.sha256 in card and f"{model.description.metrics['miou']} %" in card
    recipe = repository / "config" / "experiments" / "points" / RECIPES[name]
    experiment = load_point_experiment(recipe)
    assert f"Experiment `{experiment.name}`, {experiment.training.steps} steps" in card
    assert experiment.network.name == model.description.network
    assert experiment.network.config == model.description.config


@pytest.mark.parametrize("name", LEAST_RIGHT)
def test_a_shipped_model_tells_the_surfaces_of_a_plain_room(name, room, repository):
    model = load_point_model(repository / "point_models" / name)
    points, colors, names = room
    prediction = predict_scene(model.network, model.sampling, points, colors, where="room")
    found = np.array(model.label_space.names)[prediction.logits.argmax(1).numpy()]
    right = {each: float((found[names == each] == each).mean()) for each in np.unique(names)}
    assert all(right[each] > least for each, least in LEAST_RIGHT[name].items()), right
