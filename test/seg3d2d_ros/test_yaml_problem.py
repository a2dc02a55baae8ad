# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One line about a YAML file that can't be read."""

from __future__ import annotations

import pytest
import yaml

from seg3d2d_ros.yaml_problem import yaml_problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: 1\nb: [1, 2\nc: 3\n", "expected ',' or ']', but got ':' in line 3"),
        (b"a: \xff", "it is no UTF-8 text"),
        (b"a: \x00", "unacceptable character #x0000: special characters are not allowed"),
        (None, "No such file or directory"),
    ],
)
def test_the_problem_is_said_in_one_line(tmp_path, content, problem):
    path = tmp_path / "a.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((OSError, ValueError, yaml.YAMLError)) as caught:
        yaml.safe_load(path.read_text(encoding="utf-8"))
    assert yaml_problem(caught.value) == problem
