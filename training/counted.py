# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers of things in sentences."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Such as ``1 scene`` and ``1,200 scenes``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
