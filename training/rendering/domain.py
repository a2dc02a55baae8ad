# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Two domains of rooms, A and B, each with a train and a val part, that share as little as can be.

The four parts own disjoint furniture models (where a role has enough of them) and disjoint
parameters: of everything made in code (furniture, textures, colours, lamps, sunlight) each
parameter's range is cut into strips, and a part draws from its own strips only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from training.rendering.furniture import Model

DOMAINS = ("A", "B")
DOMAIN_SPLITS = ("train", "val")

_SHARES = {("A", "train"): 0.55, ("A", "val"): 0.15, ("B", "train"): 0.18, ("B", "val"): 0.12}
"""Shares of the models of a role."""

_STRIPS = "TVTBTbTVTBTb" * 4
"""Owner of each strip of a parameter's range: A train (T), A val (V), B train (B), B val (b)."""
_OWNERS = {"T": ("A", "train"), "V": ("A", "val"), "B": ("B", "train"), "b": ("B", "val")}

MIN_MODELS_FOR_DOMAINS = 4
MIN_MODELS_FOR_SPLITS = 8
"""Below these numbers a role's models don't go round; see :meth:`Part.models`."""


@dataclass(frozen=True)
class Part:
    """One part: domain (A or B) and split (train or val)."""

    domain: str
    split: str

    def generator(self, *seed: int) -> np.random.Generator:
        """A seeded generator whose parameters lie in this part's strips."""
        number = 2 * DOMAINS.index(self.domain) + DOMAIN_SPLITS.index(self.split)
        strips = [k for k, letter in enumerate(_STRIPS) if _OWNERS[letter] == self._key]
        return StripedGenerator(np.random.default_rng([*seed, number]).bit_generator, strips)

    def models(self, models: Sequence[Model], made_in_code: bool = False) -> list[Model]:
        """Those of one role's models that this part uses, in the order given.

        Where there are too few for four parts, the train parts have them and the val parts make do
        with what is made in code; where there are too few for two, only A's train part has any.
        Roles that can't be made in code share them instead.
        """
        if made_in_code and len(models) < MIN_MODELS_FOR_SPLITS and self.split == "val":
            return []
        if len(models) < MIN_MODELS_FOR_DOMAINS:
            return [] if made_in_code and self.domain == "B" else list(models)
        # By a hash, so that a new model moves few of the others.
        ranked = sorted(models, key=lambda model: hashlib.sha256(model.key.encode()).digest())
        ends = [round(share * len(ranked)) for share in accumulate(_SHARES.values())]
        bounds = dict(zip(_SHARES, zip([0, *ends], ends, strict=False), strict=True))
        keys = [self._key]
        if len(models) < MIN_MODELS_FOR_SPLITS:
            keys = [(self.domain, split) for split in DOMAIN_SPLITS]
        own = {m.key for key in keys for m in ranked[slice(*bounds[key])]}
        return [model for model in models if model.key in own]

    @property
    def _key(self) -> tuple[str, str]:
        return self.domain, self.split


class StripedGenerator(np.random.Generator):
    """A generator whose :meth:`uniform` draws single values from some strips of their range.

    Only single values are parameters; arrays are noise. What else is drawn (choices, normally
    distributed errors of placement and of sensors) is as of any generator.

    Args:
        bit_generator: the source of chance.
        strips: numbers of the strips, from 0.
    """

    def __init__(self, bit_generator: np.random.BitGenerator, strips: Sequence[int]) -> None:
        super().__init__(bit_generator)
        self._strips = strips

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """As NumPy's; a single value lies in one of the strips of low..high."""
        if size is not None or np.ndim(low) or np.ndim(high):
            return super().uniform(low, high, size)
        strip = self._strips[int(self.integers(len(self._strips)))]
        return float(low + (high - low) * (strip + self.random()) / len(_STRIPS))
