# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The part of the page that shows one frame."""

from __future__ import annotations

import html

import numpy as np

from seg3d2d_ros.html_report import table
from seg3d2d_ros.labels import LabelSpace
from training.data.intrinsics import Array
from training.data.manifest import ManifestRow
from training.inspection.inspected_frame import InspectedFrame, Projection
from training.inspection.page_folder import PageFolder
from training.inspection.pictures import (
    Image,
    class_colors,
    depth_colors,
    depth_picture,
    depth_range,
    depth_scale,
    label_picture,
    points_picture,
    shrink,
)
from training.projection.scene_projection import CELL


def frame_section(
    frame: InspectedFrame, folder: PageFolder, space: LabelSpace, point_colors: Image | None
) -> str:
    """Write a frame's pictures; returns its section of the page, HTML.

    Args:
        frame: as far as it could be read.
        folder: for the pictures.
        space: of the labels.
        point_colors: of the scan's points, uint8 (N, 3), for a scan without labels; None without.

    Raises:
        OSError: if a picture can't be written.
    """
    heading = f"Frame {frame.number}: {html.escape(frame.row.frame)}"
    if frame.image is None:
        views = [_nothing("Image", frame.missing["image"])]
    else:
        depths = [part for part in _depths(frame) if part is not None]
        scale = depth_range(*depths)
        views = [
            _view(folder, frame, "image", shrink(frame.image), "Image"),
            _labels(frame, frame.image, folder, space),
            _depth(frame, folder, scale),
            *_points(frame, frame.image, folder, space, point_colors, scale),
        ]
    views.append(f'<div class="facts">{table(_facts(frame))}</div>')
    return (
        f'<section id="frame-{frame.number}"><h3>{heading}</h3>\n<div class="views">\n'
        + "\n".join(views)
        + "\n</div></section>"
    )


def _depths(frame: InspectedFrame) -> tuple[Array | None, Array | None]:
    return frame.depth, None if frame.projection is None else frame.projection.depth


def _labels(frame: InspectedFrame, image: Image, folder: PageFolder, space: LabelSpace) -> str:
    if frame.labels is None:
        return _nothing("Labels", frame.missing["labels"])
    share = float((frame.labels != space.unlabeled).mean())
    caption = f"Labels: {100 * share:.1f} % of the pixels have one"
    return _view(folder, frame, "labels", label_picture(image, frame.labels, space), caption)


def _depth(frame: InspectedFrame, folder: PageFolder, scale: tuple[float, float] | None) -> str:
    if frame.depth is None:
        return _nothing("Depth image", frame.missing["depth"])
    near, far = scale or (0.0, 1.0)
    share = float((frame.depth > 0).mean())
    caption = f"Depth image: {100 * share:.1f} % measured"
    if share < 0.9995:
        caption += ", the rest is dark grey"
    picture = depth_picture(frame.depth, near, far)
    return _view(folder, frame, "depth", picture, caption, _scale_bar(scale))


def _points(
    frame: InspectedFrame,
    image: Image,
    folder: PageFolder,
    space: LabelSpace,
    point_colors: Image | None,
    scale: tuple[float, float] | None,
) -> list[str]:
    projection = frame.projection
    if projection is None:
        return [_nothing("Projected points", frame.missing["points"])]
    if projection.classes is not None:
        colors, colored = class_colors(projection.classes, space), "by label"
    else:
        assert point_colors is not None
        colors, colored = point_colors[projection.visible.index], "in their own colours"
    near, far = scale or (0.0, 1.0)
    return [
        _view(
            folder,
            frame,
            "points",
            points_picture(image, projection.visible, colors),
            f"Projected points, {colored}",
        ),
        _view(
            folder,
            frame,
            "points_depth",
            points_picture(image, projection.visible, depth_colors(projection.depth, near, far)),
            "Projected points, by depth",
            _scale_bar(scale),
        ),
    ]


def _view(
    folder: PageFolder,
    frame: InspectedFrame,
    kind: str,
    picture: Image,
    caption: str,
    extra: str = "",
) -> str:
    address = folder.add(frame.number, kind, picture)
    height, width = picture.shape[:2]
    return (
        f'<figure><a href="{address}"><img src="{address}" width="{width}" height="{height}" '
        f'loading="lazy" alt="{caption}"></a><figcaption>{caption}{extra}</figcaption></figure>'
    )


def _nothing(caption: str, reason: str) -> str:
    return (
        f'<figure><div class="nothing">{html.escape(reason)}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _scale_bar(scale: tuple[float, float] | None) -> str:
    if scale is None:
        return ""
    colors = depth_scale()[np.linspace(0, 255, 9).astype(int)]
    stops = ", ".join("rgb({},{},{})".format(*color) for color in colors.tolist())
    return (
        f'<span class="scale">{scale[0]:.1f} m <span style="background:'
        f'linear-gradient(to right, {stops})"></span> {scale[1]:.1f} m</span>'
    )


def _facts(frame: InspectedFrame) -> list[tuple[str, str]]:
    row, facts = frame.row, []
    if frame.projection is not None:
        facts += _projection_facts(frame.projection)
    if frame.image is not None:
        height, width = frame.image.shape[:2]
        facts.append(("pixels", f"{width} x {height}"))
    facts.append(("camera", _camera(row)))
    facts.append(("stands at", _place(row)))
    facts.append(("file", row.image))
    return facts


def _projection_facts(projection: Projection) -> list[tuple[str, str]]:
    figures = projection.figures
    facts = [
        ("points", f"{figures.points:,}, visible by {figures.by}"),
        (
            "covered",
            f"{100 * figures.covered:.2f} % of the pixels, "
            f"{100 * figures.cells:.1f} % of the {CELL} x {CELL} cells",
        ),
    ]
    if figures.occluded is not None:
        occluded = f"{100 * figures.occluded:.1f} % of the covered pixels"
        if figures.occluded_cells is not None:
            occluded += f", {100 * figures.occluded_cells:.1f} % of the covered cells"
        facts.append(("occluded", occluded))
    if projection.agreement is not None:
        agreement = f"{100 * projection.agreement:.1f} % of the points have their pixel's label"
        facts.append(("agreement", agreement))
    return facts


def _camera(row: ManifestRow) -> str:
    if row.intrinsics is None:
        return "no intrinsics"
    _, _, fx, fy, cx, cy = row.intrinsics
    angle = np.rad2deg(2 * np.arctan(row.intrinsics[0] / 2 / fx))
    return f"fx {fx:.1f}, fy {fy:.1f}, cx {cx:.1f}, cy {cy:.1f} ({angle:.0f}° wide)"


def _place(row: ManifestRow) -> str:
    if row.pose is None:
        return "no pose"
    x, y, z = row.pose[3:12:4]
    return f"{x:.2f}, {y:.2f}, {z:.2f} m"
