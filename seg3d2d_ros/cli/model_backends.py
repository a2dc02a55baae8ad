# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle on every backend that this machine has, for verifying and timing."""

from __future__ import annotations

from seg3d2d_ros.backends import FORMATS_READ, installed_backends
from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.bundle_files import BundleError
from seg3d2d_ros.cli import CommandError
from seg3d2d_ros.parser import ParserConfig, ParserError, SceneParser

PRECISIONS = ("fp32", "fp16", "bf16", "int8")


def make_parsers(
    bundle: ModelBundle, threads: int
) -> tuple[dict[tuple[str, str], SceneParser], dict[str, str]]:
    """A parser for each backend and precision.

    Returns:
        Parsers by (backend, precision), and for each backend that should run the bundle and can't
        the reason. A backend that reads none of the bundle's formats is left out, and so is a
        precision other than fp32 that a backend or the device lacks; int8 weights that are there
        and fail are not.

    Raises:
        CommandError: if no backend that could run the bundle is installed.
    """
    parsers: dict[tuple[str, str], SceneParser] = {}
    faults: dict[str, str] = {}
    names = installed_backends()
    if not names:
        raise CommandError(
            "no inference runtime is installed: pip install openvino (or onnxruntime)"
        )
    formats = {weights.format for weights in bundle.weights}
    fitting = [name for name in names if formats.intersection(FORMATS_READ[name])]
    if not fitting:
        raise CommandError(
            f"bundle {bundle.path} holds weights as {', '.join(sorted(formats))}, which "
            f"{' and '.join(names)} can't run; install another runtime or export again"
        )
    for name in fitting:
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
