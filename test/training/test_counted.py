# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers of things in sentences."""

from __future__ import annotations

from training.counted import counted


def test_one_is_singular_and_others_are_plural():
    words = [counted(count, "scene") for count in (0, 1, 2, 1200)]
    assert words == ["0 scenes", "1 scene", "2 scenes", "1,200 scenes"]
