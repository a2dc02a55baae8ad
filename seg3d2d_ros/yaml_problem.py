# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Why a YAML file can't be read, in one line."""

from __future__ import annotations

import yaml


def yaml_problem(error: Exception) -> str:
    """What is wrong with a file, for a sentence that names it.

    Args:
        error: that opening, decoding or parsing it raised.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeDecodeError):
        return "it is no UTF-8 text"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} in line {error.problem_mark.line + 1}"
    return str(error).partition("\n")[0]
