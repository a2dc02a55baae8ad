# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A scene as a recording for the Rerun viewer, which is not started."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.resizing import Affine, moved, resize_matrix
from training.inspection.inspected_frame import InspectedFrame, Projection
from training.inspection.pictures import class_colors, jpeg, shrink
from training.inspection.prepared_scene import InspectedScene
from training.inspection.shown_surface import ShownSurface

_WORLD, _CAMERA, _IMAGE = "world", "world/camera", "world/camera/image"
_TIMELINE = "frame"


class SceneRecording:
    """Writes one scene; the file is there when the block ends without error.

    Rerun's 2D coordinates begin at the image's corner, so that pixel centres lie at halves: what
    is logged is moved by half a pixel.

    Args:
        path: of the file, .rrd.
        scene: that is recorded.

    Raises:
        DatasetError: if Rerun is not installed, or turned off.
    """

    def __init__(self, path: Path, scene: InspectedScene) -> None:
        try:
            import rerun
        except ImportError as error:
            raise DatasetError(
                "--rerun needs Rerun: pip install 'rerun-sdk>=0.24'; the page does without it"
            ) from error
        self._rr = rerun
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self._scene = scene
        self._stream = rerun.RecordingStream("seg3d2d", recording_id=scene.name)
        if not rerun.is_enabled(self._stream):
            raise DatasetError(
                "--rerun can't record, as the environment variable RERUN turns Rerun off; unset it"
            )

    def __enter__(self) -> SceneRecording:
        rr, scene = self._rr, self._scene
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream.save(self._temporary)
        classes = [(c.id, c.name, c.color) for c in scene.label_space.classes]
        self._log(_WORLD, rr.AnnotationContext(classes), static=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.disconnect()
        try:
            if kind is None:
                self._temporary.replace(self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def add_surface(self, surface: ShownSurface) -> None:
        """The scan in its colours and, where it has labels, once more in theirs."""
        kinds = {"colors": surface.colors}
        if surface.classes is not None:
            kinds["labels"] = class_colors(surface.classes, self._scene.label_space)
        for name, colors in kinds.items():
            shape: Any
            if surface.faces is None:
                shape = self._rr.Points3D(surface.points, colors=colors, radii=0.01)
            else:
                shape = self._rr.Mesh3D(
                    vertex_positions=surface.points,
                    triangle_indices=surface.faces,
                    vertex_colors=colors,
                )
            self._log(f"{_WORLD}/scan/{name}", shape, static=True)

    def add_frame(self, frame: InspectedFrame) -> None:
        """Camera, image, labels, depth and projected points of a frame, at its number."""
        rr = self._rr
        self._stream.set_time(_TIMELINE, sequence=frame.number)
        # What this frame lacks must not stay from the one before.
        self._log(_CAMERA, rr.Clear(recursive=True))
        if frame.image is None:
            return
        if frame.row.pose is not None:
            pose = np.array(frame.row.pose, np.float64).reshape(4, 4)
            self._log(_CAMERA, rr.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]))
        image = shrink(frame.image)
        height, width = image.shape[:2]
        if frame.row.intrinsics is not None:
            intrinsics = Intrinsics.from_row(frame.row.intrinsics).scaled(width, height)
            self._log(_IMAGE, self._pinhole(intrinsics))
        self._log(_IMAGE, rr.EncodedImage(contents=jpeg(image), media_type="image/jpeg"))
        if frame.labels is not None:
            labels = shrink(frame.labels, ids=True)
            self._log(f"{_IMAGE}/labels", rr.SegmentationImage(labels, opacity=0.5))
        if frame.projection is not None:
            matrix = resize_matrix(frame.image.shape[:2], (height, width))
            self._add_points(frame.projection, matrix)
        self._add_depth(frame)

    def _add_points(self, projection: Projection, matrix: Affine) -> None:
        visible = projection.visible
        places = np.stack(moved(matrix, visible.u, visible.v), 1) + np.float32(0.5)
        look: dict[str, Any] = {"radii": 1.0}
        if projection.classes is not None:
            look["colors"] = class_colors(projection.classes, self._scene.label_space)
        self._log(f"{_IMAGE}/points", self._rr.Points2D(places, **look))

    def _add_depth(self, frame: InspectedFrame) -> None:
        """By a camera of its own, as its size and place may differ."""
        if frame.depth is None:
            return
        row, camera = frame.row, f"{_CAMERA}/depth"
        numbers = row.depth_intrinsics or row.intrinsics
        if row.depth_to_color is not None:
            to_color = np.array(row.depth_to_color, np.float64).reshape(4, 4)
            self._log(
                camera,
                self._rr.Transform3D(translation=to_color[:3, 3], mat3x3=to_color[:3, :3]),
            )
        small = shrink(frame.depth, ids=True)
        if numbers is not None:
            intrinsics = Intrinsics.from_row(numbers).scaled(small.shape[1], small.shape[0])
            self._log(f"{camera}/image", self._pinhole(intrinsics))
        millimetres = np.clip(np.rint(small * 1000), 0, 65535).astype(np.uint16)
        self._log(f"{camera}/image", self._rr.DepthImage(millimetres, meter=1000.0))

    def _pinhole(self, intrinsics: Intrinsics) -> Any:
        return self._rr.Pinhole(
            focal_length=[intrinsics.fx, intrinsics.fy],
            principal_point=[intrinsics.cx + 0.5, intrinsics.cy + 0.5],
            width=intrinsics.width,
            height=intrinsics.height,
            camera_xyz=self._rr.ViewCoordinates.RDF,
            image_plane_distance=0.25,
        )

    def _log(self, entity: str, content: Any, *, static: bool = False) -> None:
        self._rr.log(entity, content, static=static, recording=self._stream)
