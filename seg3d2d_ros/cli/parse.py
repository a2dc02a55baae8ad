# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d parse``: labels of images in files."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.bag.frame_source import Frame, FrameSourceError, open_frame_source
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.bundle_files import BundleError
from seg3d2d_ros.cli import CommandError
from seg3d2d_ros.cli.progress import Progress
from seg3d2d_ros.overlay import blend_overlay
from seg3d2d_ros.parser import ParseFailure, ParserConfig, ParserError, SceneParser

REPORTED_ERRORS = (BundleError, FrameSourceError, ParserError)

_OVERLAY_QUALITY = 92


def run(arguments: argparse.Namespace) -> int:
    """Parse every image. Exit status 1 if one could not be read or parsed."""
    source = open_frame_source(arguments.source, arguments.topic)
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    config = ParserConfig(
        arguments.backend, arguments.device, arguments.precision, arguments.threads
    )
    parser = SceneParser(bundle, config)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    palette = bundle.label_space.palette()
    faults: list[tuple[str, str]] = []
    parse_times: list[float] = []
    progress = Progress("parsing", len(source))
    start = time.monotonic()
    try:
        for frame in source:
            result = parser.parse(frame.image)
            if isinstance(result, ParseFailure):
                faults.append((frame.name, result.reason))
            else:
                _write(out, frame, result.labels, palette)
                parse_times.append(result.timings.total_s)
            progress.update(len(parse_times), _failed(len(faults) + len(source.faults)))
    except FrameSourceError as error:  # the images so far are worth keeping
        faults.append((source.path.name, str(error)))
    faults += [(fault.name, fault.reason) for fault in source.faults]
    progress.finish(len(parse_times), _failed(len(faults)))
    if parse_times:
        milliseconds = np.median(parse_times) * 1e3
        print(
            f"{len(parse_times)} images parsed in {time.monotonic() - start:.1f} s into {out} "
            f"({parser.backend_name} {parser.precision}, median {milliseconds:.1f} ms per image)"
        )
    if faults:
        sys.stdout.flush()
        sys.stderr.write(f"seg3d2d: {len(faults)} failed:\n")
        sys.stderr.writelines(f"  {name}: {reason}\n" for name, reason in faults)
    return 1 if faults else 0


def _failed(count: int) -> str:
    return f"{count} failed" if count else ""


def _write(out: Path, frame: Frame, labels: npt.NDArray[Any], palette: Any) -> None:
    overlay = blend_overlay(frame.image, labels, palette)
    _write_image(out / f"{frame.name}_label.png", labels, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    _write_image(
        out / f"{frame.name}_overlay.jpg",
        cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_JPEG_QUALITY, _OVERLAY_QUALITY],
    )


def _write_image(path: Path, pixels: npt.NDArray[Any], settings: list[int]) -> None:
    encoded, data = cv2.imencode(path.suffix, pixels, settings)
    if not encoded:
        raise CommandError(f"{path} can't be written: OpenCV can't encode {path.suffix} here")
    write_file(path, data.tobytes())
