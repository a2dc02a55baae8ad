# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle on every backend that this machine has, for verifying and timing."""

from __future__ import annotations

from seg3d2d_ros.backends import installed_backends
from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.bundle_files import BundleError
from seg3d2d_ros.cli import CommandError
from seg3d2d_ros.parser import ParserConfig, ParserError, SceneParser

PRECISIONS = ("fp32", "bf16", "int8")


def make_parsers(
    bundle: ModelBundle, threads: int
) -> tuple[dict[tuple[str, str], SceneParser], dict[str, str]]:
    """A parser for each backend and precision.

    Returns:
        Parsers by (backend, precision), and for each backend that can't run the bundle the reason.
        A precision other than fp32 that a backend or the CPU lacks is left out, but int8 weights
        that are there and fail are not.

    Raises:
        CommandError: if no backend is installed.
    """
    parsers: dict[tuple[str, str], SceneParser] = {}
    faults: dict[str, str] = {}
    names = installed_backends()
    if not names:
        raise CommandError(
            "no inference runtime is installed: pip install openvino (or onnxruntime)"
        )
    for name in names:
        for precision in PRECISIONS:
            config = ParserConfig(name, "auto", precision, threads)
            try:
                parsers[name, precision] = SceneParser(bundle, config)
            except (BundleError, ParserError) as error:
                if precision == "fp32":
                    faults[name] = str(error)
                    break
                if precision == "int8" and name == "openvino" and _holds_int8(bundle):
                    faults[f"{name} int8"] = str(error)
    return parsers, faults


def _holds_int8(bundle: ModelBundle) -> bool:
    return any(weights.precision == "int8" for weights in bundle.weights)
