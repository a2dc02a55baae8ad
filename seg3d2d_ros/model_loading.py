# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From the node's parameters to a parser and the rules for what is published."""

from __future__ import annotations

from seg3d2d_ros.bundle import BundleError, ModelBundle, resolve_bundle
from seg3d2d_ros.label_groups import LabelGroups, LabelGroupsError
from seg3d2d_ros.label_output import LabelOutput
from seg3d2d_ros.parameters import NodeParameters
from seg3d2d_ros.parser import ParserConfig, ParserError, SceneParser

MODEL_ERRORS = (BundleError, LabelGroupsError, ParserError)
"""What :func:`load_model` raises; each message is one sentence."""


def load_model(values: NodeParameters) -> tuple[SceneParser, LabelOutput]:
    """Load bundle and label groups and make the parser ready for its first image."""
    bundle = ModelBundle.load(resolve_bundle(values.bundle))
    space = bundle.label_space
    groups = LabelGroups.load(values.label_groups, space) if values.label_groups else None
    output = LabelOutput(space, groups, values.confidence_threshold)
    config = ParserConfig(values.backend, values.device, values.precision, values.threads)
    parser = SceneParser(bundle, config)
    if output.needs_confidence:
        parser.warm_up(bundle.input.height, bundle.input.width, with_confidence=True)
    return parser, output


def describe_model(parser: SceneParser, output: LabelOutput) -> str:
    """A line for the log."""
    bundle = parser.bundle
    return (
        f"model {bundle.name} ({bundle.hash[:12]}) on {parser.device} by {parser.backend_name} in "
        f"{parser.precision}, {output.label_space.num_classes} classes"
    )


def model_details(parser: SceneParser) -> dict[str, object]:
    """What the diagnostics say of a model."""
    return {
        "bundle": parser.bundle.name,
        "bundle_hash": parser.bundle.hash,
        "backend": parser.backend_name,
        "device": parser.device,
        "precision": parser.precision,
    }
