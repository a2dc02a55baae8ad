# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which points an image shows: rules of visibility against the true room, and their time."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bench.report import Report, add_out_argument
from training.data.depth_images import read_depth
from training.data.intrinsics import Array, Intrinsics
from training.data.manifest import ManifestRow
from training.data.scan import Scan
from training.projection.depth_test import COARSE_TOLERANCE, DepthTolerance
from training.projection.feature_grid import FeatureGrid
from training.projection.geometry import FrameGeometry, camera_points
from training.projection.legacy import legacy_pixel_map
from training.projection.splat import splat
from training.projection.visibility import SurfaceVisibility, visible_by_depth
from training.projection.visible_points import NO_POINT, VisiblePoints, points_in_image
from training.rendering.kinds import ROOM_KINDS
from training.rendering.layout import furnish
from training.rendering.render import render_ground_truth
from training.rendering.scan import scan_room
from training.rendering.scene import Scene
from training.rendering.views import choose_views

NAME = "projection"
MEASURED = """Rooms made in code, one of each kind, their scans of 2.5 cm, views as data sets have
them. occluded: covered pixels (one point each, no dilation) whose point a true surface hides, more
than 5 cm before it on its ray; mesh_hides: that the scan's own mesh hides, more than 10 cm before
it. covered: of all pixels; of_visible: by those that all points with no true surface before them
cover. cells: of stride 8.
label: covered pixels whose label the point has. ms: of processor time for projection, test,
ordering and a splat at stride 8, median over frames. noise: of structured light, with half of the
edge pixels missing. The loop over points takes turns with ours, on 200,000 points; it is the
leanest that does the work, without an order of depth."""
COLUMNS = {
    "color": "colour",
    "depth": "depth",
    "noise": "noise",
    "rule": "rule",
    "occluded_percent": "occluded %",
    "mesh_hides_percent": "mesh hides %",
    "covered_percent": "covered %",
    "of_visible_percent": "of visible %",
    "cells_percent": "cells %",
    "label_percent": "label %",
    "ms": "ms",
}
OCCLUDED_M = 0.05
FOV = 1.08
CELLS = FeatureGrid.from_edges(8)
RULES = {
    "4 cm from the plane": DepthTolerance(),
    "5 cm from the plane": DepthTolerance(0.05),
    "3 cm from the plane": DepthTolerance(0.03),
    "5 cm from the pixel": DepthTolerance(0.05, local_plane=False),
    "2.5 cm from the pixel": DepthTolerance(0.025, local_plane=False),
    "10 cm or 5 % from the pixel": COARSE_TOLERANCE,
}
DEFAULT_RULE = next(iter(RULES))
CAMERAS = (
    ((640, 480), (640, 480), False),
    ((640, 480), (640, 480), True),
    ((640, 480), (320, 240), False),
    ((640, 480), (320, 240), True),
    ((1296, 968), (640, 480), False),
)
_LOOP_POINTS = 200_000


@dataclass(frozen=True, eq=False)
class View:
    """One room from one place; what lies before its points is known."""

    scene: Scene
    scan: Scan
    surface: SurfaceVisibility
    pose: npt.NDArray[np.float64]
    behind: Array
    """Metres by which each point of the scan lies behind the first true surface on its ray."""


def main() -> int:
    """Measure. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=[*ROOM_KINDS], default=[*ROOM_KINDS])
    parser.add_argument("--views", type=int, default=4, help="of each room (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the rooms (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of the loop (%(default)s)")
    add_out_argument(parser, NAME)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    report = Report(NAME, MEASURED, vars(arguments))
    every = list(views(arguments.kinds, arguments.views, arguments.seed))
    for color, depth, noise in CAMERAS:
        occluded = measure(report, every, color, depth, noise)
        size = f"colour {color[0]}x{color[1]}, depth {depth[0]}x{depth[1]}"
        what = f"occluded % by default, {size}{', noise' if noise else ''}"
        report.require(what, occluded, at_most=0.5)
    loop_s, ours_s = against_loop(every, arguments.rounds)
    report.require("times as fast as the loop over points", loop_s / ours_s, at_least=100)
    report.require("frames/s with reading the depth", frames_per_second(every), at_least=25)
    return report.finish(arguments.out, COLUMNS)


def views(kinds: Sequence[str], count: int, seed: int) -> Iterator[View]:
    """Of one room of each kind."""
    for number, kind in enumerate(kinds):
        furnished = furnish(kind, None, np.random.default_rng([seed, number]))
        mesh = scan_room(furnished, np.random.default_rng([seed, number, 1]))
        scan = Scan(mesh.vertices, mesh.colors, mesh.labels, None, mesh.faces)
        surface = SurfaceVisibility(scan)
        rng = np.random.default_rng([seed, number, 2])
        for pose in choose_views(furnished, count, FOV, rng):
            eye = pose[:3, 3].astype(np.float32)
            ways = scan.points - eye
            distance = furnished.scene.cast(np.broadcast_to(eye, ways.shape), ways).distance
            behind = (1 - np.minimum(distance, 1)) * np.linalg.norm(ways, axis=1)
            yield View(furnished.scene, scan, surface, pose, behind)


def with_noise(depth: Array, rng: np.random.Generator) -> Array:
    """As a structured-light sensor measures it: axial noise of Nguyen et al. 2012."""
    sigma = 0.0012 + 0.0019 * (depth - 0.4) ** 2
    window = np.ones((3, 3), np.uint8)
    edge = cv2.dilate(depth, window) - cv2.erode(depth, window) > 0.1
    lost = (depth == 0) | (edge & (rng.random(depth.shape) < 0.5))
    noisy = depth + sigma * rng.standard_normal(depth.shape)
    return np.where(lost, 0, noisy).astype(np.float32)


def measure(
    report: Report,
    every: list[View],
    color: tuple[int, int],
    depth_size: tuple[int, int],
    noise: bool,
) -> float:
    """Add the rows of one pair of cameras. Returns the default rule's occluded percentage."""
    sums: dict[str, npt.NDArray[np.float64]] = defaultdict(lambda: np.zeros(7))
    times: dict[str, list[float]] = defaultdict(list)
    image, camera = Intrinsics.from_fov(*color, FOV), Intrinsics.from_fov(*depth_size, FOV)
    for number, view in enumerate(every):
        geometry = FrameGeometry(view.pose, image, camera, np.eye(4))
        truth = render_ground_truth(view.scene, image, view.pose)
        depth = render_ground_truth(view.scene, camera, view.pose).depth
        if noise:
            depth = with_noise(depth, np.random.default_rng(number))
        depth = (np.rint(depth * 1000) / 1000).astype(np.float32)
        inside = points_in_image(view.scan.points, geometry)
        free = inside.part(np.nonzero(view.behind[inside.index] <= OCCLUDED_M)[0]).visible()
        could = (splat(free, color[1], color[0]) != NO_POINT).sum()
        for rule, visible_points in _rules(view, geometry, depth):
            start = time.process_time()
            visible = visible_points()
            cells = splat(visible, color[1], color[0], CELLS)
            times[rule].append(time.process_time() - start)
            pixels = splat(visible, color[1], color[0])
            covered = pixels != NO_POINT
            points = pixels[covered]
            assert view.scan.labels is not None
            sums[rule] += (
                len(points),
                (view.behind[points] > OCCLUDED_M).sum(),
                view.surface.occluded(points, geometry).sum(),
                could,
                (cells != NO_POINT).mean(),
                (view.scan.labels[points] == truth.label[covered]).sum(),
                covered.size,
            )
    for rule, (covered, occluded, hidden, could, cells, same, total) in sums.items():
        report.add_row(
            color=f"{color[0]}x{color[1]}",
            depth=f"{depth_size[0]}x{depth_size[1]}",
            noise="yes" if noise else "no",
            rule=rule,
            occluded_percent=100 * occluded / covered,
            mesh_hides_percent=100 * hidden / covered,
            covered_percent=100 * covered / total,
            of_visible_percent=100 * covered / could,
            cells_percent=100 * cells / len(every),
            label_percent=100 * same / covered,
            ms=1e3 * float(np.median(times[rule])),
        )
    return float(100 * sums[DEFAULT_RULE][1] / sums[DEFAULT_RULE][0])


def _rules(
    view: View, geometry: FrameGeometry, depth: Array
) -> Iterator[tuple[str, Callable[[], VisiblePoints]]]:
    for name, tolerance in RULES.items():

        def by_depth(tolerance: DepthTolerance = tolerance) -> VisiblePoints:
            return visible_by_depth(view.scan.points, geometry, depth, tolerance=tolerance)

        yield name, by_depth
    yield "mesh, no depth", lambda: view.surface.visible(geometry)
    yield "published", lambda: _by_the_published_rule(view, geometry, depth)


def _by_the_published_rule(view: View, geometry: FrameGeometry, depth: Array) -> VisiblePoints:
    """What `project --legacy` takes: one point of a pixel, so that their order does not matter."""
    pixels = legacy_pixel_map(
        view.scan.points, geometry.pose, geometry.intrinsics, depth.astype(np.float64)
    )
    row, column = np.nonzero(pixels)
    return VisiblePoints(column.astype(np.float32), row.astype(np.float32), pixels[row, column])


def _crowded(every: list[View]) -> Iterator[tuple[Array, FrameGeometry, Array]]:
    """Points, cameras and depth of the views of the room with most points, cut to 200,000."""
    image = Intrinsics.from_fov(640, 480, FOV)
    most = max(len(view.scan.points) for view in every)
    for view in every:
        if len(view.scan.points) == most:
            chosen = np.random.default_rng(0).permutation(most)[:_LOOP_POINTS]
            points = np.ascontiguousarray(view.scan.points[np.sort(chosen)])
            depth = render_ground_truth(view.scene, image, view.pose).depth
            yield points, FrameGeometry(view.pose, image, image, np.eye(4)), depth


def loop_over_points(points: Array, geometry: FrameGeometry, depth: Array) -> dict[int, int]:
    """The same work point by point, as published code does it: the last point of a pixel stays."""
    image = geometry.intrinsics
    camera = camera_points(points, geometry.pose)
    found = {}
    for k in range(len(camera)):
        x, y, z = camera[k]
        if z <= 0:
            continue
        u, v = image.fx * x / z + image.cx, image.fy * y / z + image.cy
        column, row = math.floor(u + 0.5), math.floor(v + 0.5)
        if 0 <= column < image.width and 0 <= row < image.height:
            d = depth[row, column]
            if d != 0 and abs(z - d) < max(0.1, 0.05 * d):
                found[row * image.width + column] = k
    return found


def against_loop(every: list[View], rounds: int) -> tuple[float, float]:
    """Seconds of processor time a frame of the loop and of ours, medians."""
    loop, ours = [], []
    for _ in range(rounds):
        for points, geometry, depth in _crowded(every):
            start = time.process_time()
            loop_over_points(points, geometry, depth)
            middle = time.process_time()
            splat(visible_by_depth(points, geometry, depth), 480, 640, CELLS)
            loop.append(middle - start)
            ours.append(time.process_time() - middle)
    return float(np.median(loop)), float(np.median(ours))


def frames_per_second(every: list[View]) -> float:
    """All that is done for a frame, from the depth image's file to the map of cells."""
    row = ManifestRow("image.jpg", None, "scene", "train", None, depth="depth.png")
    times = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "depth.png"
        for points, geometry, depth in _crowded(every):
            cv2.imwrite(str(path), np.rint(depth * 1000).astype(np.uint16))
            for _ in range(10):
                start = time.perf_counter()
                visible = visible_by_depth(points, geometry, read_depth(path, row))
                splat(visible, 480, 640, CELLS)
                times.append(time.perf_counter() - start)
    return 1 / float(np.median(times))


if __name__ == "__main__":
    sys.exit(main())
