# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parameter table and what is made from it."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import asdict

import pytest
import yaml

from seg3d2d_ros.parameters import NodeParameters, find_fault, parameter_specs

DEFAULTS = asdict(NodeParameters())


@pytest.mark.parametrize(
    ("format_name", "file"),
    [("yaml", "config/parse.yaml"), ("markdown", "docs/parameters.md")],
)
def test_files_made_from_the_table_are_current(repository, format_name, file):
    made = subprocess.run(
        [sys.executable, "-m", "seg3d2d_ros.parameter_reference", format_name],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    written = (repository / file).read_text(encoding="utf-8")
    assert made == written, f"run: python -m seg3d2d_ros.parameter_reference {format_name} > {file}"


def test_parameter_file_holds_all_defaults_with_their_types(repository):
    content = yaml.safe_load((repository / "config/parse.yaml").read_text(encoding="utf-8"))
    values = content["/**"]["ros__parameters"]
    assert values == DEFAULTS
    assert {name: type(value) for name, value in values.items()} == {
        name: type(value) for name, value in DEFAULTS.items()
    }


def test_every_parameter_is_described_and_has_an_allowed_default():
    for spec in parameter_specs():
        assert len(spec.description) > 20
        assert spec.fault(spec.default) == ""
    assert find_fault(DEFAULTS, configured=False) == ""


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("backend", "tensorflow", "one of auto, openvino, onnxruntime"),
        ("device", "cuda:x", "auto, cpu, cuda or cuda:<index>"),
        ("precision", "fp64", "one of auto, fp32, fp16, bf16"),
        ("threads", -1, "from 0 to 1024"),
        ("threads", 2.0, "must be of type integer"),
        ("threads", True, "must be of type integer"),
        ("qos_reliability", "sometimes", "one of best_effort, reliable"),
        ("qos_depth", 0, "from 1 to 1000"),
        ("image_transport", "theora", "one of raw, compressed"),
        ("max_rate", -0.1, "0.0 or more"),
        ("max_rate", math.nan, "0.0 or more"),
        ("max_image_age", math.inf, "0.0 or more"),
        ("max_rate", "fast", "must be of type double"),
        ("max_rate", True, "must be of type double"),
        ("confidence_threshold", 1.01, "from 0.0 to 1.0"),
        ("diagnostics_period", 0.0, "0.05 or more"),
        ("autostart", 1, "must be of type bool"),
        ("bundle", 3, "must be of type string"),
    ],
)
def test_wrong_values_are_refused_with_the_reason(name, value, reason):
    fault = find_fault({name: value}, configured=False)
    assert fault.startswith(f"parameter '{name}' is {value!r}, but must be")
    assert reason in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "cuda:11"),
        ("max_rate", 5),
        ("confidence_threshold", 1.0),
        ("label_groups", "navigation"),
        ("use_sim_time", True),
        ("qos_overrides./tf.publisher.depth", 3),
    ],
)
def test_right_values_and_parameters_of_ros_are_accepted(name, value):
    assert find_fault({name: value}, configured=False) == ""


def test_what_takes_effect_at_configure_is_fixed_afterwards():
    assert not find_fault({"bundle": "x"}, configured=True)  # ~/reload takes it
    assert "only while the node is unconfigured" in find_fault({"qos_depth": 5}, configured=True)
    assert find_fault({"bundle": "x"}, configured=False) == ""
    assert find_fault({"max_rate": 3.0, "overlay_alpha": 0.2}, configured=True) == ""
