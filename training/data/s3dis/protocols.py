# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Protocols of S3DIS: six areas, of which one is measured."""

from __future__ import annotations

from training.data.protocol import Protocol

AREAS = (1, 2, 3, 4, 5, 6)


def _held_out(area: int) -> Protocol:
    train = tuple(k for k in AREAS if k != area)
    return Protocol(
        f"area{area}",
        "s3dis",
        "s3dis13",
        "Armeni et al., 3D Semantic Parsing of Large-Scale Indoor Spaces, CVPR 2016: six folds; "
        "Tchapmi et al., SEGCloud, 3DV 2017: Area 5, whose building is in no other area",
        settings=(("train", train), ("val", (area,))),
    )


PROTOCOLS = tuple(_held_out(area) for area in (5, 1, 2, 3, 4, 6))
"""Named after the area that is measured; all six together are the six-fold protocol."""
