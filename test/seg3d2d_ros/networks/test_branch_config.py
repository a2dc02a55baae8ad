# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the distillation branch."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from seg3d2d_ros.networks.branch_config import BranchConfig, branch_config


def test_what_is_not_said_is_as_published():
    assert branch_config({}) == BranchConfig(96, 512, 192, "dn", "outer")
    assert branch_config({"feature_width": 128, "norm": "bn"}) == BranchConfig(128, norm="bn")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"feature_width": 0}, "branch.feature_width is 0, it must be a whole number above 0"),
        ({"hidden": 12.5}, "branch.hidden is 12.5, it must be a whole number"),
        ({"width_2d": True}, "branch.width_2d is True, it must be a whole number"),
        ({"hidden": "512"}, "branch.hidden is '512', it must be a whole number"),
        ({"norm": "in"}, "branch.norm is 'in', it must be of dn, bn, none"),
        ({"norm": ["dn"]}, "branch.norm is \\['dn'\\], it must be of dn"),
        ({"dn_affine": None}, "branch.dn_affine is None, it must be of outer, inner, none"),
        ({"width": 3}, "branch has no setting 'width'; it has feature_width, hidden"),
        (96, "branch is 96, it must be a mapping of its settings"),
        ([], "branch is \\[\\], it must be a mapping"),
    ],
)
def test_an_impossible_setting_is_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        branch_config(settings)
