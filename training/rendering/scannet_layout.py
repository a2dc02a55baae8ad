# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing frames in the layout of ScanNet's `scannet_frames_25k` download.

`<root>/scannet_frames_25k/sceneXXXX_00/` holds color/000000.jpg, depth/000000.png (uint16
millimetres, 0 = none), label/000000.png (uint8 NYU-40 ids, 0 = none), instance/000000.png
(uint8, 0 = none), pose/000000.txt (4x4 camera-to-world), intrinsics_color.txt and
intrinsics_depth.txt (4x4). Colour and depth camera stand at one place.
`<root>/splits/{train,val}.txt` name the scenes. `<root>/scans/sceneXXXX_00/` holds the
reconstructed mesh.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from training.rendering.camera import Intrinsics
from training.rendering.mesh import Array
from training.rendering.render import GroundTruth

FRAMES = "scannet_frames_25k"
SCANS = "scans"


def scene_name(index: int) -> str:
    """ScanNet's name of the scene with this number."""
    return f"scene{index:04d}_00"


def write_splits(root: Path, splits: dict[str, list[str]]) -> None:
    """Write one text file of scene names per split."""
    folder = root / "splits"
    folder.mkdir(parents=True, exist_ok=True)
    for name, scenes in splits.items():
        temporary = folder / f".{name}.txt"
        temporary.write_text("".join(f"{scene}\n" for scene in scenes))
        temporary.replace(folder / f"{name}.txt")


@contextlib.contextmanager
def finished_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that is renamed to `folder` when the block ends without error."""
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class SceneWriter:
    """Writes one scene's frames; its folder is there when the block ends without error."""

    def __init__(self, folder: Path, color: Intrinsics, depth: Intrinsics) -> None:
        self._stack = contextlib.ExitStack()
        self._final = folder
        self._intrinsics = {"color": color, "depth": depth}
        self._count = 0

    def __enter__(self) -> SceneWriter:
        self._folder = self._stack.enter_context(finished_folder(self._final))
        for part in ("color", "depth", "label", "instance", "pose"):
            (self._folder / part).mkdir()
        for name, intrinsics in self._intrinsics.items():
            matrix = np.eye(4)
            matrix[:3, :3] = intrinsics.matrix
            np.savetxt(self._folder / f"intrinsics_{name}.txt", matrix, fmt="%.6f")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(
        self,
        color: NDArray[np.uint8],
        truth: GroundTruth,
        depth: Array,
        pose: NDArray[np.float64],
        quality: int,
    ) -> None:
        """Append a frame.

        Args:
            color: RGB uint8 [h, w, 3].
            truth: labels and instances of the same size.
            depth: float32, metres, of the depth camera's size.
            pose: camera to world, 4x4.
            quality: of the JPEG, 1..100.

        Raises:
            OSError: if it can't be written.
        """
        stem = f"{self._count:06d}"
        folder = self._folder
        millimetres = np.clip(np.rint(depth * 1000), 0, 65535).astype(np.uint16)
        _write(
            folder / f"color/{stem}.jpg",
            cv2.cvtColor(color, cv2.COLOR_RGB2BGR),
            [cv2.IMWRITE_JPEG_QUALITY, quality],
        )
        _write(folder / f"depth/{stem}.png", millimetres)
        _write(folder / f"label/{stem}.png", truth.label)
        # Instance images of ScanNet are 8 bit; what lies beyond shares the last id.
        _write(folder / f"instance/{stem}.png", np.minimum(truth.instance, 255).astype(np.uint8))
        np.savetxt(folder / f"pose/{stem}.txt", pose, fmt="%.6f")
        self._count += 1


def _write(file: Path, image: NDArray[np.generic], options: list[int] | None = None) -> None:
    # Not by imwrite, which is silent about a disk that is full.
    done, content = cv2.imencode(file.suffix, image, options or [])
    if not done:
        raise OSError(f"{file}: OpenCV can't encode an image of shape {image.shape}")
    file.write_bytes(content.tobytes())
