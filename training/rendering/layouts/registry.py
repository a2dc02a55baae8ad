# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts by name."""

from __future__ import annotations

import importlib

from training.rendering.layouts.layout import RoomLayout

LAYOUTS = {
    "scannet": "training.rendering.layouts.scannet:ScanNetLayout",
    "s3dis": "training.rendering.layouts.s3dis:S3disLayout",
    "nyu": "training.rendering.layouts.nyu:NyuLayout",
    "panorooms": "training.rendering.layouts.panorooms:PanoRoomsLayout",
}


def open_layout(name: str) -> RoomLayout:
    """The layout with this name, a key of ``LAYOUTS``."""
    module, layout = LAYOUTS[name].split(":")
    opened: RoomLayout = getattr(importlib.import_module(module), layout)()
    return opened
