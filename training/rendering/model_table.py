# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which furniture models each part of the rooms uses, as the table of docs/rooms.md.

``python -m training.rendering.model_table`` prints it anew.
"""

from __future__ import annotations

from itertools import combinations

from training.rendering.domain import DOMAIN_SPLITS, DOMAINS, Part
from training.rendering.furniture import DEFAULT_FOLDER, Catalogue
from training.rendering.pieces import made_in_code

PARTS = tuple(Part(domain, split) for domain in DOMAINS for split in DOMAIN_SPLITS)


def model_table(catalogue: Catalogue) -> str:
    """Markdown: models per role and part, what is shared, and whether code makes others too."""
    head = ["role", "class", "models", *(f"{p.domain} {p.split}" for p in PARTS)]
    head += ["shared models", "made in code"]
    lines = [_row(head), _row(["---"] * len(head))]
    for role, models in catalogue.roles.items():
        made = role in made_in_code()
        sets = [{m.key for m in part.models(models, made)} for part in PARTS]
        if not any(a & b for a, b in combinations(sets, 2)):
            shared = "none"
        elif sets[0] & sets[2]:
            shared = "by all four parts"
        else:
            shared = "by train and val"
        row = [role, catalogue.labels[role], str(len(models)), *(str(len(s)) for s in sets)]
        lines.append(_row([*row, shared, "yes" if made else "no"]))
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(model_table(Catalogue.load(DEFAULT_FOLDER)), end="")
