# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``inspect``: one scene of a prepared data set as a page, and as a Rerun recording."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from training.data.defects import DefectError
from training.data.frame_checks import decode, read_bytes
from training.data.open_scan import open_scan
from training.data.scan import Scan
from training.inspection.cameras import (
    MAX_CAMERAS,
    ShownCamera,
    ahead_direction,
    shown_cameras,
    up_direction,
)
from training.inspection.figure import scene_figure
from training.inspection.frame_section import frame_section
from training.inspection.inspected_frame import FrameInspector
from training.inspection.page import write_scene_page
from training.inspection.page_folder import PAGE, PageFolder
from training.inspection.pictures import THUMBNAIL_SIDE, shrink
from training.inspection.prepared_scene import InspectedScene, open_scene
from training.inspection.shown_surface import ShownSurface, shown_surface

RECORDING = "scene.rrd"


@dataclass(frozen=True)
class Inspection:
    """What was written.

    Attributes:
        page: the file.
        frames: number of frames that are shown.
        size: bytes of the page and its pictures.
        recording: the Rerun recording; None where none was asked for.
    """

    page: Path
    frames: int
    size: int
    recording: Path | None


def inspect_scene(
    prepared: Path, name: str, out: Path, *, frames: int = 12, rerun: bool = False
) -> Inspection:
    """Write a page that shows a scene: ``index.html`` and pictures beside it.

    Args:
        prepared: folder that `prepare` has written.
        name: of the scene.
        out: folder to write to.
        frames: how many to show, evenly spread.
        rerun: whether to write ``scene.rrd`` too.

    Raises:
        DatasetError: if there is no such scene, `out` holds other things than an earlier page, or
            Rerun is asked for and not installed.
        LabelSpaceError: if the label space can't be read.
        OSError: if something can't be written.
    """
    scene = open_scene(prepared, name)
    with contextlib.ExitStack() as stack:
        recording = None
        if rerun:
            from training.inspection.recording import SceneRecording

            recording = SceneRecording(out / RECORDING, scene)
        folder = PageFolder(out)
        if recording is not None:
            stack.enter_context(recording)
        scan = _scan(scene)
        surface = shown_surface(scan, scene.table) if isinstance(scan, Scan) else None
        if recording is not None and surface is not None:
            recording.add_surface(surface)
        inspector = FrameInspector(scene, scan if isinstance(scan, Scan) else None)
        shown = scene.spread(frames)
        point_colors = scan.colors if isinstance(scan, Scan) else None
        sections, covered = [], []
        pixels = np.zeros(scene.label_space.num_classes + 1, np.int64)
        for position in tqdm(shown, unit="frame"):
            frame = inspector.inspect(position)
            if frame.labels is not None:
                classes = np.minimum(frame.labels, scene.label_space.num_classes)
                pixels += np.bincount(classes.ravel(), minlength=len(pixels))
            if frame.projection is not None:
                covered.append(frame.projection.figures.covered)
            sections.append(frame_section(frame, folder, scene.label_space, point_colors))
            if recording is not None:
                recording.add_frame(frame)
    cameras = shown_cameras(scene, shown)
    figure = None
    if surface is not None or cameras:
        up = up_direction(scene)
        ahead = ahead_direction(scene, up)
        figure = scene_figure(surface, cameras, up, ahead, scene.label_space)
    write_scene_page(
        out,
        scene,
        scan,
        figure,
        note=_note(scene, scan, surface, cameras),
        thumbnails=_thumbnails(scene, cameras, folder),
        sections=sections,
        covered=covered,
        points_source=inspector.points_source,
        pixels=pixels,
    )
    folder.finish()
    return Inspection(out / PAGE, len(shown), folder.size(), out / RECORDING if rerun else None)


def _scan(scene: InspectedScene) -> Scan | str:
    if scene.scan_row is None:
        return "the scene has none"
    try:
        scan = open_scan(scene.folder, scene.scan_row)
    except DefectError as error:
        return f"{error}."
    lost = int((~np.isfinite(scan.points).all(1)).sum())
    return scan if not lost else f"{lost} of its {len(scan.points)} points are not finite numbers."


def _note(
    scene: InspectedScene,
    scan: Scan | str,
    surface: ShownSurface | None,
    cameras: list[ShownCamera],
) -> str:
    parts = []
    if surface is not None:
        parts.append(surface.note)
        assert isinstance(scan, Scan)
        if not scan.colors.any():
            parts.append("The scan has no colours, so it is drawn in grey.")
    else:
        parts.append("There is no scan to draw.")
    posed = sum(row.pose is not None for row in scene.rows)
    if len(cameras) < posed:
        parts.append(
            f"{len(cameras)} of {posed} cameras are drawn (more than {MAX_CAMERAS} would hide the "
            "scene)."
        )
    if cameras:
        parts.append(
            "The roof on a camera is over the image's upper edge. Point at a camera's dot for its "
            "picture, click it for its frame."
        )
    elif scene.rows:
        parts.append("No frame has a pose, so no cameras are drawn.")
    return " ".join(parts)


def _thumbnails(
    scene: InspectedScene, cameras: list[ShownCamera], folder: PageFolder
) -> dict[int, dict[str, str]]:
    """Name of the frame, and address of a small picture where it can be read, by number."""
    found = {}
    for camera in cameras:
        path = scene.folder / scene.rows[camera.number - 1].image
        found[camera.number] = {"name": f"{camera.number}: {camera.name}"}
        with contextlib.suppress(DefectError):
            bgr = decode(read_bytes(path), path, cv2.IMREAD_REDUCED_COLOR_2)
            image = cv2.cvtColor(shrink(bgr, THUMBNAIL_SIDE), cv2.COLOR_BGR2RGB)
            found[camera.number]["file"] = folder.add(camera.number, "thumbnail", image)
    return found
