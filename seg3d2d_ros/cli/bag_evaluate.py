# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d bag evaluate``: a model, or recorded labels, against the ground truth in a bag."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from seg3d2d_ros.bag.evaluation import BagEvaluationError, evaluate_bag
from seg3d2d_ros.bag.frame_source import FrameSourceError
from seg3d2d_ros.bag.rosbag_source import RosbagSource
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.bundle_files import BundleError
from seg3d2d_ros.cli.progress import Progress
from seg3d2d_ros.evaluation_report import write_evaluation
from seg3d2d_ros.labels import LabelSpaceError
from seg3d2d_ros.parser import ParserConfig, ParserError, SceneParser

REPORTED_ERRORS = (BagEvaluationError, BundleError, FrameSourceError, LabelSpaceError, ParserError)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and write the report. Exit status 1 if an image could not be compared."""
    if not arguments.source.exists():
        raise FrameSourceError(f"{arguments.source} does not exist; give a rosbag2 recording")
    others = {topic for topic in (arguments.truth, arguments.labels) if topic}
    source = RosbagSource(arguments.source, arguments.topic, no_cameras=others)
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    space = bundle.label_space
    parser = None
    how = f"the labels on {arguments.labels}"
    if arguments.labels is None:
        config = ParserConfig(
            arguments.backend, arguments.device, arguments.precision, arguments.threads
        )
        parser = SceneParser(bundle, config)
        how = f"{bundle.name} by {parser.backend_name} in {parser.precision}"
    _check_folder(arguments.out)
    progress = Progress("evaluating", len(source))
    found = evaluate_bag(
        source,
        arguments.truth,
        space,
        parser=parser,
        label_topic=arguments.labels,
        truth_ids=space.lookup(arguments.truth_ids) if arguments.truth_ids else None,
        watch=progress.update,
    )
    progress.finish(len(source))
    metrics = {
        "model": how,
        "data": f"{arguments.source.name}, {source.topic} against {arguments.truth}",
        "frames": found.pairs,
        "not_compared": len(found.faults),
        **found.confusion.metrics(),
    }
    try:
        write_evaluation(
            arguments.out,
            metrics=metrics,
            title=f"Evaluation of {how}",
            introduction=f"{found.pairs} images on {source.topic} of {arguments.source.name}, "
            f"compared with {arguments.truth}; {len(found.faults)} could not be compared.",
            confusion=found.confusion,
            frames=found.frames,
        )
    except OSError as error:
        raise _unwritable(arguments.out, error) from error
    if arguments.json:
        print(json.dumps(metrics, indent=2))
    else:
        print(f"{how}: mIoU {metrics['miou']} %, pixel accuracy {metrics['pixel_accuracy']} %")
        print(f"  {found.pairs} images, report in {arguments.out / 'report.html'}")
    for fault in found.faults:
        sys.stderr.write(f"seg3d2d: image {fault.name} was not compared: {fault.reason}\n")
    return 1 if found.faults else 0


def _check_folder(out: Path) -> None:
    """Find out before the work whether the folder can be had; it is made with the report."""
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> BagEvaluationError:
    return BagEvaluationError(
        f"the report can't be written to {out} ({error.strerror or error}); make room or choose "
        "another folder"
    )
