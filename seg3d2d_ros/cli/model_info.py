# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d model info``: what a bundle holds."""

from __future__ import annotations

import argparse
import json
from typing import Any

import yaml

from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.bundle_files import BundleError

REPORTED_ERRORS = (BundleError,)


def run(arguments: argparse.Namespace) -> int:
    """Print the bundle's description; every file is checked against its hash on the way."""
    content = describe(ModelBundle.load(resolve_bundle(arguments.bundle)))
    if arguments.json:
        print(json.dumps(content, indent=2))
    else:
        print(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100), end="")
    return 0


def describe(bundle: ModelBundle) -> dict[str, Any]:
    """Everything worth knowing, as plain types; mIoU under ``metrics`` is in percent."""
    spec = bundle.input
    return {
        "name": bundle.name,
        "path": str(bundle.path),
        "hash": bundle.hash,
        "label_space": {
            "name": bundle.label_space.name,
            "classes": ", ".join(bundle.label_space.names),
            "unlabeled": bundle.label_space.unlabeled,
        },
        "network": dict(bundle.network),
        "input": {
            "size": f"{spec.width}x{spec.height}",
            "multiple": spec.multiple,
            "output_stride": bundle.output_stride,
        },
        "weights": [
            {
                "file": file.path.name,
                "format": file.format,
                "precision": file.precision,
                "megabytes": round((file.size + (file.binary.size if file.binary else 0)) / 1e6, 2),
            }
            for file in bundle.weights
        ],
        "temperature": bundle.temperature,
        "reference_images": len(bundle.reference),
        "metrics": dict(bundle.metrics),
        "provenance": dict(bundle.provenance),
        "licence": bundle.licence,
        "credits": list(bundle.credits),
    }
