# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A rule of visibility in words, the same on every page."""

from __future__ import annotations

from training.projection.scene_projection import ProjectionRule


def rule_text(rule: ProjectionRule) -> str:
    """What the rule says, the end of a sentence about points."""
    if rule.legacy:
        return "projected by the rule of the published distillation code"
    tolerance = f"within {rule.tolerance.metres:g} m"
    if rule.tolerance.share:
        tolerance += f" or {100 * rule.tolerance.share:g} %"
    return {
        "auto": f"visible by depth, or where there is none by the scan's mesh, {tolerance}",
        "depth": f"visible by depth, {tolerance}",
        "mesh": f"visible by the scan's mesh, {tolerance}",
    }[rule.visibility]
