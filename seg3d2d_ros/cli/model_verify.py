# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d model verify``: do the backends give the labels that the bundle was exported with."""

from __future__ import annotations

import argparse
import json
import sys

from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.bundle_files import BundleError
from seg3d2d_ros.cli import CommandError
from seg3d2d_ros.cli.model_backends import make_parsers
from seg3d2d_ros.parser import ParserError
from seg3d2d_ros.reference_check import MINIMUM_AGREEMENT, agreement, read_references

REPORTED_ERRORS = (BundleError, ParserError)


def run(arguments: argparse.Namespace) -> int:
    """Compare every backend with the stored labels. Exit status 1 if one disagrees or fails."""
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    if not bundle.reference:
        raise CommandError(f"bundle {bundle.path} holds no reference images to compare with")
    references = read_references(bundle)
    parsers, faults = make_parsers(bundle, arguments.threads)
    metrics = {
        f"{backend}_{precision}": {
            "label_agreement": round(agreement(parser, references), 3),
            "minimum": MINIMUM_AGREEMENT[precision],
        }
        for (backend, precision), parser in parsers.items()
    }
    failed = [key for key, row in metrics.items() if row["label_agreement"] < row["minimum"]]
    passed = not failed and not faults
    if arguments.json:
        content = {"name": bundle.name, "hash": bundle.hash, "passed": passed}
        print(json.dumps({**content, "metrics": metrics, "faults": faults}, indent=2))
    else:
        count = len(references)
        print(f"bundle {bundle.name}: all files intact, labels compared on {count} images")
        for key, row in metrics.items():
            verdict = "FAILED" if key in failed else "passed"
            print(
                f"  {key:18} {row['label_agreement']:7.3f} % of the labels agree, at least "
                f"{row['minimum']} % needed: {verdict}"
            )
    for reason in faults.values():
        sys.stderr.write(f"seg3d2d: {reason}\n")
    return 0 if passed else 1
