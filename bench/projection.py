# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
<<<<<<< HEAD
"""Projecting a scan into frames: our code against a loop over points as the published code has."""
=======
"""Which points an image shows: rules of visibility against the true room, and their time."""
>>>>>>> core

from __future__ import annotations

import argparse
<<<<<<< HEAD
import functools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
=======
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
>>>>>>> core

import cv2
import numpy as np
import numpy.typing as npt

<<<<<<< HEAD
from bench.recorded_images import image_size
from bench.report import Report, add_out_argument, percentiles
from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow
from training.data.scan import Scan
from training.projection.geometry import FrameGeometry
from training.projection.legacy import legacy_map, legacy_pixel_map, read_depth_exactly
from training.projection.scene_figures import FrameFigures
from training.projection.scene_projection import ProjectionRule, SceneProjection
from training.projection.splat import splat
from training.projection.visibility import read_depth, visible_by_depth
from training.projection.visible_points import points_in_image
from training.scene_jobs import ONE_THREAD

NAME = "projection"
MEASURED = """CPU time of one process of one thread, a frame at a time. Points are spread evenly
over the scan of a room made in code; depth images of 640x480 are rendered. room: all points of the
room, a part of which the camera has in view; in view: only such points, as many. Compared from
points, pose and depth in memory to a map of point indices for the feature cells of 8 pixels: the
published loop (each point in turn, array elements read where they are needed, the colour picture
that it makes included), its rule as project --legacy computes it, and visibility by depth with
splatting. They take turns frame by frame. speed_up: ratio of the medians, the loop by ours.
project: all that the verb does for a frame, from reading the depth PNG to the encoded points and
the figures; counting occluded points, done for 4 frames of a scene, is its own column."""

LEAST_SPEED_UP = 20
LEAST_FRAMES_PER_S = 25
FOV = 1.08

COLUMNS = {
    "size": "size",
    "case": "case",
    "points": "points",
    "frames": "frames",
    "visible": "visible",
    "loop_p50_ms": "loop p50 ms",
    "legacy_p50_ms": "legacy p50 ms",
    "ours_p50_ms": "ours p50 ms",
    "legacy_speed_up": "legacy x loop",
    "speed_up": "ours x loop",
    "project_p50_ms": "project p50 ms",
    "frames_per_s": "frames/s",
    "with_occlusion_p50_ms": "with occlusion p50 ms",
}

Map = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Frame:
    """A frame on disk, and in memory what the comparison starts from."""

    scan: Scan
    row: ManifestRow
    geometry: FrameGeometry
    exact_depth: npt.NDArray[np.float64]
    depth: npt.NDArray[np.float32]
=======
from bench.report import Report, add_out_argument
from training.data.intrinsics import Array, Intrinsics
from training.data.manifest import ManifestRow
from training.data.scan import Scan
from training.projection.depth_test import PUBLISHED_TOLERANCE, DepthTolerance
from training.projection.geometry import FrameGeometry, camera_points
from training.projection.splat import splat
from training.projection.visibility import SurfaceVisibility, read_depth, visible_by_depth
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
than 5 cm before it on its ray; mesh_hides: that the scan's own mesh hides. covered: of all pixels;
of_visible: by those that all points with no true surface before them cover. cells: of stride 8.
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
RULES = {
    "4 cm from the plane": DepthTolerance(),
    "5 cm from the plane": DepthTolerance(0.05),
    "3 cm from the plane": DepthTolerance(0.03),
    "5 cm from the pixel": DepthTolerance(0.05, local_plane=False),
    "2.5 cm from the pixel": DepthTolerance(0.025, local_plane=False),
    "published": PUBLISHED_TOLERANCE,
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
>>>>>>> core


def main() -> int:
    """Measure. Returns the exit status."""
<<<<<<< HEAD
    arguments = parse_arguments()
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # libraries read these when they are loaded
        command = [sys.executable, "-m", f"bench.{NAME}", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | ONE_THREAD)
    cv2.setNumThreads(1)
    report = Report(NAME, MEASURED, vars(arguments))
    room = Room.make(arguments.points, arguments.frames)
    for size in arguments.sizes:
        for case in ("room", "in view"):
            with tempfile.TemporaryDirectory() as folder:
                frames = [room.frame(Path(folder), k, size, case) for k in range(arguments.frames)]
                measure(report, size, case, frames, Path(folder), arguments.rounds)
    return report.finish(arguments.out, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--points", type=int, default=200_000, help="at least, of the scan (%(default)s)"
    )
    parser.add_argument("--frames", type=int, default=4, help="views of the room (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="for each frame (%(default)s)")
    parser.add_argument("--sizes", nargs="+", type=image_size, default=[(640, 480), (1296, 968)])
    add_out_argument(parser, NAME)
    return parser.parse_args()


@dataclass(frozen=True)
class Room:
    """A room made in code.

    Attributes:
        scan: its reconstructed mesh, with points spread over it so that they are as many as asked.
        surface: the mesh.
        scene: its true surfaces.
        poses: of cameras in it.
    """

    scan: Scan
    surface: Any
    scene: Any
    poses: list[npt.NDArray[np.float64]]

    @classmethod
    def make(cls, points: int, views: int) -> Room:
        """Of so many points and poses."""
        import trimesh

        from training.rendering.layout import furnish
        from training.rendering.scan import scan_room
        from training.rendering.views import choose_views

        furnished = furnish("living_room", None, np.random.default_rng(3))
        mesh = scan_room(furnished, np.random.default_rng(0))
        surface = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        more = spread_points(surface, max(0, points - len(mesh.vertices)), 0)
        poses = choose_views(furnished, views, FOV, np.random.default_rng(0))
        return cls(scan_of([mesh.vertices, more], mesh.faces), surface, furnished.scene, poses)

    def frame(self, folder: Path, number: int, size: tuple[int, int], case: str) -> Frame:
        """Render a depth image of 640x480 and write it; the colour image is of the given size."""
        from training.rendering.render import render_ground_truth

        pose = self.poses[number]
        depth_camera = Intrinsics.from_fov(640, 480, FOV)
        metres = render_ground_truth(self.scene, depth_camera, pose).depth
        file = folder / f"{number:06d}.png"
        cv2.imwrite(str(file), np.rint(metres * 1000).astype(np.uint16))
        row = ManifestRow(
            *(f"{number:06d}.jpg", None, "room", "val", None),
            depth=file.name,
            pose=pose.ravel().tolist(),
            intrinsics=Intrinsics.from_fov(*size, FOV).row(),
            depth_intrinsics=depth_camera.row(),
        )
        geometry = FrameGeometry.from_row(row)
        scan = self.scan if case == "room" else self._points_in_view(geometry)
        return Frame(scan, row, geometry, read_depth_exactly(file, row), read_depth(file, row))

    def _points_in_view(self, geometry: FrameGeometry) -> Scan:
        """As many points as the scan has, spread over the part of its mesh that is in view."""
        count, seed = len(self.scan.points), 1
        parts: list[npt.NDArray[np.float32]] = []
        while sum(map(len, parts)) < count:
            points = spread_points(self.surface, count, seed)
            parts.append(points[points_in_image(points, geometry).index])
            seed += 1
        return scan_of([np.concatenate(parts)[:count]], None)


def spread_points(surface: Any, count: int, seed: int) -> npt.NDArray[np.float32]:
    """Points spread evenly over a mesh, float32 (count, 3)."""
    import trimesh

    points: npt.NDArray[Any] = trimesh.sample.sample_surface(surface, count, seed=seed)[0]
    return points.astype(np.float32)


def scan_of(parts: list[npt.NDArray[np.float32]], faces: npt.NDArray[np.int32] | None) -> Scan:
    """A scan without colours."""
    points = np.concatenate(parts)
    return Scan(points, np.zeros(points.shape, np.uint8), faces=faces)
=======
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=int, default=4, help="of each room (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the rooms (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of the loop (%(default)s)")
    add_out_argument(parser, NAME)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    report = Report(NAME, MEASURED, vars(arguments))
    every = list(views(arguments.views, arguments.seed))
    for color, depth, noise in CAMERAS:
        occluded = measure(report, every, color, depth, noise)
        size = f"colour {color[0]}x{color[1]}, depth {depth[0]}x{depth[1]}"
        what = f"occluded % by default, {size}{', noise' if noise else ''}"
        report.require(what, occluded, at_most=0.5)
    loop_s, ours_s = against_loop(every, arguments.rounds)
    report.require("times as fast as the loop over points", loop_s / ours_s, at_least=40)
    report.require("frames/s with reading the depth", frames_per_second(every), at_least=25)
    return report.finish(arguments.out, COLUMNS)


def views(count: int, seed: int) -> Iterator[View]:
    """Of one room of each kind."""
    for number, kind in enumerate(ROOM_KINDS):
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
>>>>>>> core


def measure(
    report: Report,
<<<<<<< HEAD
    size: tuple[int, int],
    case: str,
    frames: list[Frame],
    folder: Path,
    rounds: int,
) -> None:
    """Add the row of one image size, and its bounds."""
    projections = {
        id(frame.scan): SceneProjection(frame.scan, ProjectionRule(), folder) for frame in frames
    }

    def project(frame: Frame, *, look_through: bool = False) -> FrameFigures:
        projection = projections[id(frame.scan)]
        return projection.project(frame.row, look_through=look_through)[1]

    def ours(frame: Frame) -> Map:
        visible = visible_by_depth(frame.scan.points, frame.geometry, frame.depth)
        return splat(visible, size[1], size[0], 8)

    runs: dict[str, Callable[[Frame], Any]] = {
        "loop": lambda frame: legacy_map(loop_pixel_map(frame)).points,
        "legacy": lambda frame: legacy_map(vector_pixel_map(frame.scan.points, frame)).points,
        "ours": ours,
        "project": project,
    }
    if frames[0].scan.faces is not None:
        runs["with_occlusion"] = functools.partial(project, look_through=True)
    for name, run in runs.items():
        if name != "loop":
            run(frames[0])
    times: dict[str, list[float]] = {name: [] for name in runs}
    unequal = 0
    for turn in range(rounds * len(frames)):
        frame = frames[turn % len(frames)]
        maps = {}
        names = [*runs] * 2
        for name in names[turn % len(runs) : turn % len(runs) + len(runs)]:
            start = time.process_time()
            maps[name] = runs[name](frame)
            times[name].append((time.process_time() - start) * 1e3)
        unequal += int((maps["loop"] != maps["legacy"]).sum())
    median = {name: float(np.median(of_run)) for name, of_run in times.items()}
    label = f"{size[0]}x{size[1]}"
    visible = [project(frame).points for frame in frames]
    report.add_row(
        size=label,
        case=case,
        points=len(frames[0].scan.points),
        frames=len(times["loop"]),
        visible=int(np.median(visible)),
        **{k: v for name, t in times.items() for k, v in percentiles(t, name).items()},
        legacy_speed_up=median["loop"] / median["legacy"],
        speed_up=median["loop"] / median["ours"],
        frames_per_s=1e3 / median["project"],
    )
    report.require(f"cells in which project --legacy differs, {label}, {case}", unequal, at_most=0)
    report.require(
        f"times as fast as the published loop, {label}, {case}",
        median["loop"] / median["ours"],
        at_least=LEAST_SPEED_UP,
    )
    report.require(
        f"frames a second on one core, {label}, {case}",
        1e3 / median["project"],
        at_least=LEAST_FRAMES_PER_S,
    )


def vector_pixel_map(points: npt.NDArray[np.float32], frame: Frame) -> Map:
    """The published rule as `project --legacy` computes it."""
    geometry = frame.geometry
    return legacy_pixel_map(points, geometry.pose, geometry.intrinsics, frame.exact_depth)


def loop_pixel_map(frame: Frame) -> Map:
    """The published rule in its published form: matrices at once, then each point in turn."""
    points, colors = frame.scan.points, frame.scan.colors.astype(float)
    camera = frame.geometry.intrinsics
    height, width = camera.height, camera.width
    matrix = np.eye(4)
    matrix[:3, :3] = camera.matrix
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    seen = (matrix @ (np.linalg.inv(frame.geometry.pose) @ homogeneous.T)).T
    seen[:, :2] /= seen[:, 2:3]
    with np.errstate(invalid="ignore"):
        p = seen.astype(int)
    depth = cv2.resize(frame.exact_depth, (width, height), interpolation=cv2.INTER_NEAREST)
    picture = np.zeros((width, height, 3))
    result = np.zeros((width, height))
    for k in range(len(p)):
        if not (0 <= p[k, 1] < height and 0 <= p[k, 0] < width and p[k, 2] > 0):
            continue
        if depth[p[k, 1], p[k, 0]] == 0 or abs(p[k, 2] - depth[p[k, 1], p[k, 0]]) > 2:
            continue
        if abs(p[k, 2] - depth[p[k, 1], p[k, 0]]) / depth[p[k, 1], p[k, 0]] > 0.5:
            continue
        for channel in range(3):
            picture[p[k, 0], p[k, 1], channel] = colors[k, 2 - channel]
        result[p[k, 0], p[k, 1]] = k
    return result.T.astype(np.uint32)
=======
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
            cells = splat(visible, color[1], color[0], 8)
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
            splat(visible_by_depth(points, geometry, depth), 480, 640, 8)
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
                splat(visible, 480, 640, 8)
                times.append(time.perf_counter() - start)
    return 1 / float(np.median(times))
>>>>>>> core


if __name__ == "__main__":
    sys.exit(main())
