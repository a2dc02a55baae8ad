# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""How papers divide ScanNet, and at which size they compare."""

from __future__ import annotations

from typing import Any

from training.data.protocol import Protocol


def _protocol(
    name: str, source: str, *, size: tuple[int, int] | None = None, **settings: Any
) -> Protocol:
    return Protocol(name, "scannet", "scannet20", source, size, tuple(settings.items()))


PROTOCOLS: tuple[Protocol, ...] = (
    _protocol("v2val", "ScanNet v2's own lists: 1201 train, 312 val, 100 test scenes", lists="v2"),
    _protocol(
        "ref1-v1val",
        "the scene lists published with Liu et al., 3D-to-2D Distillation for Indoor Scene "
        "Parsing, CVPR 2021: val is the 156 scenes of ScanNet v1's, train the other 1357",
        lists="v1",
    ),
    _protocol(
        "pri3d", "Hou et al., Pri3D, ICCV 2021: v2val at 240x320", size=(240, 320), lists="v2"
    ),
    _protocol(
        "table3",
        "Liu et al. 2021, table 3: v2val at 384x768, single scale",
        size=(384, 768),
        lists="v2",
    ),
)
"""The first is the default. The setting ``lists`` is for
:func:`training.data.scannet.scene_lists.official_scenes`; lists that lie in the data set's folder
go before it."""
