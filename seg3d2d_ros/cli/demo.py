# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d demo``: a recording through the parse node, with figures and pictures at the end."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.bag.frame_source import FrameSourceError, open_frame_source
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.bundle_files import BundleError
from seg3d2d_ros.demo import DemoError
from seg3d2d_ros.demo.figures import DemoFigures
from seg3d2d_ros.demo.observations import Observations
from seg3d2d_ros.demo.pictures import write_contact_sheet, write_video
from seg3d2d_ros.demo.report import write_report
from seg3d2d_ros.demo.session import DemoSession, Recording
from seg3d2d_ros.share import ShareNotFoundError, share_path

REPORTED_ERRORS = (BundleError, DemoError, FrameSourceError, ShareNotFoundError)

DEFAULT_RECORDING = "recordings/living_room"


def run(arguments: argparse.Namespace) -> int:
    """Run the demo. Exit status 1 if the video could not be written."""
    import rclpy  # noqa: F401  without it there is nothing to show: say so at once

    path = Path(arguments.bag).expanduser() if arguments.bag else share_path(DEFAULT_RECORDING)
    # both are opened here first, so that a fault shows before anything is started
    source = open_frame_source(path, arguments.topic)
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    known = [count for count in (len(source), arguments.frames) if count]
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    for old in ("index.html", "overlay.webm", "contact_sheet.jpg", "figures.json"):
        (out / old).unlink(missing_ok=True)
    recording = Recording(path, arguments.topic, arguments.rate, min(known, default=None))
    print(f"playing {path} to the parse node, model {bundle.name}", flush=True)
    with Observations() as observations:
        figures = DemoSession(recording, bundle.path, out, observations).run()
        return _report(out, path, bundle, figures, observations)


def _report(
    out: Path, path: Path, bundle: ModelBundle, figures: DemoFigures, observations: Observations
) -> int:
    rows = figures.rows()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"  {name:{width}}  {value}")
    content = {"recording": path.name, **asdict(figures)}
    write_file(out / "figures.json", (json.dumps(content, indent=2) + "\n").encode())
    if not observations.stamps():
        raise DemoError(
            f"labels came, but no overlays to make pictures of; see {out / 'parse_node.log'}"
        )
    print("writing the pictures", flush=True)
    space = bundle.label_space
    present = observations.present_classes(space.num_classes)
    sheet, video = out / "contact_sheet.jpg", out / "overlay.webm"
    write_contact_sheet(sheet, observations, space, present)
    rate = min(max(observations.labels_per_second, 1.0), 60.0)
    written = [sheet]
    status = 0
    try:
        write_video(video, observations.overlays(), space, present, rate)
        written.append(video)
    except DemoError as error:
        sys.stderr.write(f"seg3d2d: {error}\n")
        status = 1
    write_report(
        out / "index.html",
        title="Indoor scene parsing, live",
        introduction=f"The recording '{path.name}' was played as a ROS 2 camera; the parse node, "
        "in a process of its own, labelled every image it could.",
        rows=rows,
        sheet=sheet,
        video=video if video in written else None,
    )
    for file in (*written, out / "index.html"):
        print(f"  {file}")
    return status
