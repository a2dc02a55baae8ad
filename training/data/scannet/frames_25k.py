# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One scene of ScanNet's `scannet_frames_25k`: every 100th frame as files of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.data.defects import Defect, DefectError, DefectKind
from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow
from training.data.scannet.cameras import camera, read_matrix

FRAME_FOLDERS = ("color", "depth", "label", "pose")
INTRINSICS = ("intrinsics_color.txt", "intrinsics_depth.txt")


@dataclass
class SceneFrames:
    """Frames of one scene.

    Attributes:
        rows: one each.
        defects: what was wrong.
    """

    rows: list[ManifestRow] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)


def list_frames(folder: Path, split: str) -> SceneFrames:
    """List a folder's frames; their images are not opened but for their size.

    Only frames of the split ``test`` may lack their label.

    Args:
        folder: named after the scene: ``color/*.jpg``, ``depth/*.png``, ``label/*.png``,
            ``pose/*.txt``, ``intrinsics_color.txt``, ``intrinsics_depth.txt``.
        split: of the scene.
    """
    scene = folder.name
    frames = SceneFrames()
    images = sorted((folder / "color").glob("*.jpg"))
    if not images:
        missing = f"{folder / 'color'} holds no .jpg, though the split '{split}' has the scene"
        frames.defects.append(
            Defect(DefectKind.MISSING_FILE, str(folder / "color"), missing, scene)
        )
    color = _camera(folder / INTRINSICS[0], images, frames.defects)
    # Depth images without a camera are of no use.
    depths = sorted((folder / "depth").glob("*.png"))
    depth = _camera(folder / INTRINSICS[1], depths, frames.defects)
    poses = any((folder / "pose").glob("*.txt"))
    for name, there in (("depth", depths), ("pose", poses)):
        if images and not there:
            text = f"{folder / name} holds nothing; the scene's frames are used without {name}"
            frames.defects.append(
                Defect(DefectKind.MISSING_FILE, str(folder / name), text, scene, dropped=False)
            )
    for image in images:
        label = folder / "label" / f"{image.stem}.png"
        has_label = split != "test" or label.is_file()
        pose = _pose(folder / "pose" / f"{image.stem}.txt", frames.defects) if poses else None
        frames.rows.append(
            ManifestRow(
                image=str(image),
                label=str(label) if has_label else None,
                scene=scene,
                split=split,
                sha256=None,
                depth=str(folder / "depth" / f"{image.stem}.png") if depth else None,
                pose=None if pose is None else pose.ravel().tolist(),
                intrinsics=color.row() if color else None,
                depth_intrinsics=depth.row() if depth else None,
            )
        )
    frames.defects += _strays(folder, {image.stem for image in images})
    return frames


def _camera(path: Path, images: list[Path], defects: list[Defect]) -> Intrinsics | None:
    """The camera of most of the images; None where they have none."""
    size = _size(images)
    if size is None:
        return None
    try:
        return camera(read_matrix(path), size, path)
    except DefectError as error:
        defects.append(error.defect(path.parent.name, dropped=False))
        return None


def _size(images: Iterable[Path]) -> tuple[int, int] | None:
    sizes: Counter[tuple[int, int]] = Counter()
    for path in images:
        try:
            with Image.open(path) as image:
                sizes[image.size] += 1
        except (OSError, ValueError, Image.DecompressionBombError):
            continue  # who opens the whole image says what is wrong
    return sizes.most_common(1)[0][0] if sizes else None


def _pose(path: Path, defects: list[Defect]) -> npt.NDArray[np.float64] | None:
    """Camera to world; lost ones are as the file has them, infinite or zero."""
    try:
        return read_matrix(path)
    except DefectError as error:
        defects.append(error.defect(path.parent.parent.name, dropped=False))
        return None


def _strays(folder: Path, known: set[str]) -> list[Defect]:
    return [
        Defect(DefectKind.STRAY_FILE, str(path), f"{path} belongs to no image", folder.name)
        for path in sorted((folder / "label").glob("*.png"))
        if path.stem not in known
    ]
