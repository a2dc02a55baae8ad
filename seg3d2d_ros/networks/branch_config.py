# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the head of 3D-to-2D distillation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from seg3d2d_ros.networks.dimension_norm import AFFINES, NORMS


@dataclass(frozen=True)
class BranchConfig:
    """Settings of a :class:`DistillationBranch`.

    Attributes:
        feature_width: channels of the 3D network's features, which are simulated.
        hidden: channels of the 3x3 convolutions on the encoder's features.
        width_2d: channels of the 2D branch.
        norm: dn, or for ablations bn or none.
        dn_affine: where a dimension norm's learnable scale and shift are: outer, inner or none.

    Raises:
        ValueError: if a setting is impossible.
    """

    feature_width: int = 96
    hidden: int = 512
    width_2d: int = 192
    norm: str = "dn"
    dn_affine: str = "outer"

    def __post_init__(self) -> None:
        for name in ("feature_width", "hidden", "width_2d"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"branch.{name} is {value!r}, it must be a whole number above 0")
        for name, known in (("norm", NORMS), ("dn_affine", AFFINES)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"branch.{name} is {getattr(self, name)!r}, it must be of {', '.join(known)}"
                )


def branch_config(settings: Mapping[str, Any]) -> BranchConfig:
    """From the settings in an experiment or a bundle.

    Raises:
        ValueError: if one is unknown or impossible.
    """
    if not isinstance(settings, Mapping):
        raise ValueError(f"branch is {settings!r}, it must be a mapping of its settings")
    known = [field.name for field in fields(BranchConfig)]
    unknown = sorted(str(name) for name in settings if name not in known)
    if unknown:
        raise ValueError(f"branch has no setting '{unknown[0]}'; it has {', '.join(known)}")
    return BranchConfig(**settings)
