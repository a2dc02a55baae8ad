# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d model verify``: do the backends give the labels that the bundle was exported with."""

from __future__ import annotations

import argparse
import json
import sys

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.bundle_files import BundleError, ReferencePair
from seg3d2d_ros.cli import CommandError
from seg3d2d_ros.cli.model_backends import make_parsers
from seg3d2d_ros.parser import ParseFailure, ParserError, SceneParser

REPORTED_ERRORS = (BundleError, ParserError)

MINIMUM_AGREEMENT = {"fp32": 99.5, "bf16": 97.0, "int8": 97.0}
"""Percent of the reference pixels that must get the stored label.

With the same arithmetic only ties at the borders of regions may fall differently; bf16 and
int8 keep 8 bits of each factor, so more of the near-ties do.
"""


def run(arguments: argparse.Namespace) -> int:
    """Compare every backend with the stored labels. Exit status 1 if one disagrees or fails."""
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    if not bundle.reference:
        raise CommandError(f"bundle {bundle.path} holds no reference images to compare with")
    references = [_read(pair) for pair in bundle.reference]
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


def agreement(
    parser: SceneParser, references: list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]]
) -> float:
    """Percent of all pixels that get the expected label.

    Args:
        parser: to compare.
        references: RGB image (H, W, 3) uint8 and expected labels (H, W).

    Raises:
        ParserError: if it fails on an image.
    """
    same = total = 0
    for image, labels in references:
        result = parser.parse(image)
        if isinstance(result, ParseFailure):
            raise ParserError(f"{parser.backend_name} fails on a reference image: {result.reason}")
        same += int((result.labels == labels).sum())
        total += labels.size
    return 100.0 * same / total


def _read(pair: ReferencePair) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
    image = cv2.imdecode(np.frombuffer(pair.image.read(), np.uint8), cv2.IMREAD_COLOR)
    labels = cv2.imdecode(np.frombuffer(pair.labels.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or labels is None or image.shape[:2] != labels.shape:
        raise CommandError(
            f"reference {pair.image.path} and {pair.labels.path.name} are no image and its labels; "
            "export the model again"
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB), labels
