# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Projecting a scan into frames: our code against a loop over points as the published code has."""

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bench.recorded_images import image_size
from bench.report import Report, add_out_argument, percentiles
from training.data.depth_images import read_depth
from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow
from training.data.scan import Scan
from training.projection.feature_grid import FeatureGrid
from training.projection.geometry import FrameGeometry
from training.projection.legacy import legacy_map, legacy_pixel_map
from training.projection.scene_figures import FrameFigures
from training.projection.scene_projection import ProjectionRule, SceneProjection
from training.projection.splat import splat
from training.projection.visibility import visible_by_depth
from training.projection.visible_points import points_in_image
from training.scene_jobs import ONE_THREAD

NAME = "projection_speed"
MEASURED = """CPU time of one process of one thread, a frame at a time. Points are spread evenly
over the scan of a room made in code; depth images of 640x480 are rendered. room: all points of the
room, a part of which the camera has in view; in view: only such points, as many. Compared from
points, pose and depth in memory to a map of point indices for the feature cells of 8 pixels: the
published loop (each point in turn, array elements read where they are needed, the colour picture
that it makes included), its rule as project --legacy computes it, and visibility by depth with
splatting. They take turns frame by frame. speed_up: ratio of the medians, the loop by ours.
project: all that the verb does for a frame, from reading the depth PNG to the encoded points and
the figures; counting occluded points, done for 4 frames of a scene, is its own column."""

LEAST_SPEED_UP = 100
LEAST_FRAMES_PER_S = 25
FOV = 1.08
CELLS = FeatureGrid.from_edges(8)

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


def main() -> int:
    """Measure. Returns the exit status."""
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
        exact, depth = read_depth(file, row, np.float64), read_depth(file, row)
        return Frame(scan, row, geometry, exact, depth)

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


def measure(
    report: Report,
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
        return projection.project(frame.row, look_through=look_through)[2]

    def ours(frame: Frame) -> Map:
        visible = visible_by_depth(frame.scan.points, frame.geometry, frame.depth)
        return splat(visible, size[1], size[0], CELLS)

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


if __name__ == "__main__":
    sys.exit(main())
