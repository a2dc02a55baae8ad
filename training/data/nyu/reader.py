# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reader of NYU-Depth V2's labelled frames (Silberman et al., ECCV 2012)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file
from training.data.dataset_reader import DatasetReader, PreparedScene
from training.data.defects import Defect, DefectError, DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow
from training.data.nyu.camera import FARTHEST, color_camera, valid_region
from training.data.nyu.classes import CLASS_MAPPING, class_mapping
from training.data.nyu.labeled_mat import LABELED_MAT, LabeledMat
from training.data.nyu.splits import SPLITS, frame_splits

DEPTH_SCALE = 5000.0
"""Numbers of unpacked depth images for a metre: 10 m are 50,000, a step is 0.2 mm, which is below
the Kinect's at any distance."""


class NyuReader(DatasetReader):
    """The labelled frames of one MAT-file.

    The root holds ``nyu_depth_v2_labeled.mat``, and where the user has them ``splits.mat`` and
    ``classMapping40.mat``; the published ones stand in for these.

    Frames are unpacked: pictures as they are, with the white border that undistortion has left;
    labels as ids of NYU-40; depth from ``rawDepths``, which has holes where the Kinect measured
    nothing. (``depths`` has them painted over with guesses from the picture's colours, which say
    nothing of what a point hides.) There are no poses.
    """

    label_source: ClassVar[str] = "nyu40"
    no_label: ClassVar[int] = 0
    label_ids: ClassVar[frozenset[int]] = frozenset(range(1, 41))

    def scenes(self) -> dict[str, str]:
        """Split by scene, that of its first frame; rows have their own frame's."""
        found = self._contents()
        by_scene: dict[str, str] = {}
        for scene, split in zip(found.scenes, found.splits, strict=True):
            if split is not None or scene not in by_scene:
                by_scene.setdefault(scene, split or "train")
        return by_scene

    def stray_defects(self) -> list[Defect]:
        """Of the file and the lists of the split."""
        return list(self._contents().defects)

    def prepare_scene(self, scene: str, split: str, out: Path) -> PreparedScene:
        """Unpack a scene's frames into ``image``, ``label`` and ``depth``."""
        found = self._contents()
        prepared = PreparedScene()
        for part in ("image", "label", "depth"):
            (out / part).mkdir(parents=True, exist_ok=True)
        with LabeledMat(self.root / LABELED_MAT) as mat:
            for frame in np.flatnonzero(np.array(found.scenes) == scene).tolist():
                try:
                    row, defects = self._unpack(mat, frame, found, out)
                except DefectError as error:
                    prepared.defects.append(error.defect(scene))
                    continue
                prepared.rows.append(row)
                prepared.defects += defects
        return prepared

    def inputs(self, scene: str) -> tuple[Path, ...]:
        """All scenes lie in one file."""
        return tuple(self.root / name for name in (LABELED_MAT, SPLITS, CLASS_MAPPING))

    def _unpack(
        self, mat: LabeledMat, frame: int, found: _Contents, out: Path
    ) -> tuple[ManifestRow, list[Defect]]:
        scene, split = found.scenes[frame], found.splits[frame]
        if split is None:
            raise DefectError(
                DefectKind.STRAY_FILE,
                mat.path,
                f"frame {frame + 1} of {mat.path} is in neither list of the split",
            )
        name = f"{frame + 1:04d}"
        image = mat.image(frame)
        label = self._nyu40(mat, frame, found.mapping)
        depth, defects = None, []
        if mat.has_raw_depth:
            try:
                metres = mat.raw_depth(frame)
                depth = str(_write_png(out / "depth" / f"{name}.png", _depth_image(metres)))
            except DefectError as error:
                defects.append(error.defect(scene, dropped=False))
        row = ManifestRow(
            image=str(_write_png(out / "image" / f"{name}.png", image[..., ::-1])),
            label=str(_write_png(out / "label" / f"{name}.png", label)),
            scene=scene,
            split=split,
            sha256=None,
            name=name,
            depth=depth,
            depth_scale=DEPTH_SCALE,
            intrinsics=color_camera(mat.width, mat.height).row(),
        )
        return row, defects

    def _nyu40(
        self, mat: LabeledMat, frame: int, mapping: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.uint8]:
        raw = mat.labels(frame)
        unknown = np.unique(raw[raw >= len(mapping)])
        if unknown.size:
            raise DefectError(
                DefectKind.UNKNOWN_LABEL,
                mat.path,
                f"frame {frame + 1} of {mat.path} has the labels "
                f"{', '.join(map(str, unknown[:5].tolist()))}, beyond the {len(mapping) - 1} that "
                "have a name",
            )
        label = mapping[raw]
        if self.protocol.setting("valid_region_only"):
            inside = np.zeros(label.shape, bool)
            inside[valid_region(mat.width, mat.height)] = True
            label = np.where(inside, label, np.uint8(0))
        return label

    def _contents(self) -> _Contents:
        path = self.root / LABELED_MAT
        if not path.is_file():
            raise DatasetError(
                f"{self.root} holds no {LABELED_MAT}, the labelled part of NYU-Depth V2 (2.8 GB)"
            )
        states = [file.stat() for file in self.inputs("") if file.is_file()]
        return _read_contents(self.root, tuple((s.st_mtime_ns, s.st_size) for s in states))


class _Contents:
    """What is known of all frames before one is read."""

    def __init__(self, root: Path) -> None:
        with LabeledMat(root / LABELED_MAT) as mat:
            self.scenes = mat.scenes()
            self.mapping = class_mapping(root, mat.names())
            self.splits, self.defects = frame_splits(root, mat.frames)
            self.defects += mat.defects
        for scene in self.scenes:
            if not scene.replace("_", "a").isalnum() or not scene.isascii():
                raise DatasetError(
                    f"{root / LABELED_MAT} has a scene {scene!r}, where names are like kitchen_0004"
                )


@lru_cache(maxsize=2)
def _read_contents(root: Path, states: tuple[tuple[int, int], ...]) -> _Contents:
    # Each process reads the names of the 1,449 frames' scenes once, not once for each scene.
    return _Contents(root)


def _depth_image(metres: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    measured = np.isfinite(metres) & (metres > 0) & (metres < FARTHEST)
    return np.rint(np.where(measured, metres, 0) * DEPTH_SCALE).astype(np.uint16)


def _write_png(path: Path, image: npt.NDArray[Any]) -> Path:
    done, content = cv2.imencode(".png", image)
    if not done:
        raise OSError(f"{path}: OpenCV can't encode an image of shape {image.shape}")
    write_file(path, content.tobytes())
    return path
