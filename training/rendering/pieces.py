# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One source of furniture by role: a catalogue model, recoloured, or one made in code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from training.rendering import bathroom, boards, kitchen, lamps, seating, small_things, storage
from training.rendering.furniture import Catalogue, Model
from training.rendering.mesh import Mesh
from training.rendering.models import UnusableModelError, load_model, recolored
from training.rendering.nyu40 import NYU40
from training.rendering.piece import Piece, piece

_MADE: dict[str, Callable[[Generator], Piece]] = {
    "dining_chair": seating.chair,
    "office_chair": seating.office_chair,
    "armchair": seating.armchair,
    "sofa": seating.sofa,
    "dining_table": storage.table,
    "coffee_table": lambda rng: storage.table(rng, float(rng.uniform(0.32, 0.52))),
    "desk": storage.desk,
    "bed": seating.bed,
    "nightstand": lambda rng: piece(
        storage.storage(rng, rng.uniform(0.38, 0.55), 0.4, rng.uniform(0.4, 0.6), "drawers"),
        "nightstand",
    ),
    "dresser": lambda rng: storage.cabinet(rng, "chest"),
    "wardrobe": lambda rng: storage.cabinet(rng, "wardrobe"),
    "tv_stand": lambda rng: storage.cabinet(rng, "sideboard"),
    "file_cabinet": lambda rng: storage.cabinet(rng, "file"),
    "sideboard": lambda rng: storage.cabinet(rng, "sideboard"),
    "bookshelf": storage.bookshelf,
    "refrigerator": kitchen.fridge,
    "bathtub": bathroom.bathtub,
    "washbasin": bathroom.washstand,
    "kitchen_item": small_things.clutter,
    "table_item": small_things.clutter,
    "bath_item": small_things.clutter,
    "floor_item": small_things.clutter,
    "picture": small_things.framed_picture,
    "note": small_things.note,
    "table_lamp": lamps.table_lamp,
    "floor_lamp": lamps.floor_lamp,
    "cushion": seating.cushion,
    "whiteboard": boards.whiteboard,
}
# Made in code only in the parts of the rooms that own no model of the role.
_MADE_WITHOUT_MODELS: dict[str, Callable[[Generator], Piece]] = {
    "bar_stool": seating.bar_stool,
    "toilet": bathroom.toilet,
    "vanity": bathroom.washstand,
    "stove": lambda rng: kitchen.stove(rng, kitchen.KitchenStyle(rng)),
    "television": boards.television,
}
# Things whose own colours carry their identity are varied less; a desk with red fronts would be a
# kitchen's cabinet.
_KEEP_COLORS = {
    "plant",
    "kitchen_item",
    "table_item",
    "floor_item",
    "toilet",
    "bathtub",
    "bath_item",
    "desk",
}


def made_in_code() -> frozenset[str]:
    """The roles for which there are pieces made in code."""
    return frozenset(_MADE) | frozenset(_MADE_WITHOUT_MODELS)


class Pieces:
    """Makes pieces by role; works without a catalogue, then everything is made in code.

    Attributes:
        rng: decides what they look like.
    """

    def __init__(
        self, catalogue: Catalogue | None, rng: Generator, model_share: float = 0.6
    ) -> None:
        self._catalogue = catalogue
        self.rng = rng
        self._share = model_share

    def make(self, role: str) -> Piece | None:
        """A piece for the role, or None where neither source has one."""
        models = self._catalogue.roles.get(role, ()) if self._catalogue else ()
        made = _MADE.get(role)
        if models and (made is None or self.rng.random() < self._share):
            chosen = models[int(self.rng.integers(len(models)))]
            found = self._from_catalogue(chosen, 0.3 if role in _KEEP_COLORS else 1.0)
            if found is not None:
                return found
        made = made or _MADE_WITHOUT_MODELS.get(role)
        return None if made is None else made(self.rng)

    def _from_catalogue(self, model: Model, strength: float) -> Piece | None:
        assert self._catalogue is not None
        try:
            mesh = load_model(model, self._catalogue.folder)
        except UnusableModelError:
            return None
        mesh = recolored(mesh, self.rng, strength * float(self.rng.random() < 0.75))
        scale = self.rng.uniform(0.94, 1.06, 3).astype(np.float32)
        mesh = Mesh(mesh.vertices * scale, mesh.normals, mesh.uv, mesh.material, mesh.materials)
        parts = _split_vanity(mesh) if model.key in _VANITIES else [(mesh, model.label)]
        width, depth, height = (float(s * k) for s, k in zip(model.size, scale, strict=True))
        return Piece(parts, (width, depth, height), model.elevation)


_VANITIES = {"C0:modernVanity"}


def _split_vanity(mesh: Mesh) -> list[tuple[Mesh, int]]:
    """A wash stand below the basin's lowest part is a cabinet."""
    upper = mesh.vertices[..., 2].max(1) > 0.68
    parts = []
    for mask, label in ((upper, "sink"), (~upper, "cabinet")):
        if mask.any():
            part = Mesh(
                mesh.vertices[mask],
                mesh.normals[mask],
                mesh.uv[mask],
                mesh.material[mask],
                mesh.materials,
            )
            parts.append((part, NYU40[label]))
    return parts
