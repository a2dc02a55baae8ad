# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parameter file with all defaults, and the reference table of the documentation.

They are made by::

    python -m seg3d2d_ros.parameter_reference yaml > config/parse.yaml
    python -m seg3d2d_ros.parameter_reference markdown > docs/parameters.md
"""

from __future__ import annotations

import argparse
import textwrap

import yaml

from seg3d2d_ros.parameters import parameter_specs


def parameters_yaml() -> str:
    """The text of ``config/parse.yaml``: all parameters with their defaults."""
    lines = [
        "# Parameters of the parse node with their defaults; docs/parameters.md explains them.",
        "# Made by: python -m seg3d2d_ros.parameter_reference yaml",
        "/**:",
        "  ros__parameters:",
    ]
    for spec in parameter_specs():
        limits = f" ({spec.limits})" if spec.limits else ""
        lines += [f"    # {line}" for line in textwrap.wrap(spec.description + limits, 90)]
        value = yaml.safe_dump(spec.default, default_style='"' if spec.default == "" else None)
        lines.append(f"    {spec.name}: {value.splitlines()[0]}")
    return "\n".join(lines) + "\n"


def parameters_markdown() -> str:
    """The text of ``docs/parameters.md``."""
    lines = [
        "# Parameters of the parse node",
        "",
        "Made by `python -m seg3d2d_ros.parameter_reference markdown`. Give them in a file "
        "(`params_file:=` of `parse.launch.py`, `--ros-args --params-file` of the node; "
        "[config/parse.yaml](../config/parse.yaml) holds all defaults) or one by one "
        "(`--ros-args -p max_rate:=5.0`). A value that is not allowed is refused with a sentence "
        "that says why.",
        "",
        "| Name | Type | Default | Allowed | Meaning | Can be set |",
        "|---|---|---|---|---|---|",
    ]
    for spec in parameter_specs():
        default = f"`{spec.default}`" if spec.default != "" else "empty"
        if isinstance(spec.default, bool):
            default = f"`{str(spec.default).lower()}`"
        lines.append(
            f"| `{spec.name}` | {spec.type_name} | {default} | "
            f"{spec.limits or 'any'} | {spec.description} | {spec.applies.value} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the parameter file or its documentation to the standard output."""
    parser = argparse.ArgumentParser(description="Parameters of the parse node.")
    parser.add_argument("format", nargs="?", default="markdown", choices=("markdown", "yaml"))
    text = parameters_markdown() if parser.parse_args().format == "markdown" else parameters_yaml()
    print(text, end="")


if __name__ == "__main__":
    main()
