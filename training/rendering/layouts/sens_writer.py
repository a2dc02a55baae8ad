# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing a scene's frames as one of ScanNet's recordings.

That is a `.sens` file of version 4, and beside it an archive of label images.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from seg3d2d_ros.atomic_file import write_file

VERSION = 4
SENSOR = b"seg3d2d rooms"
DEPTH_SCALE = 1000.0
"""Numbers of depth images for a metre."""
FRAME_INTERVAL_US = 1_000_000 // 15
_JPEG = 2
_ZLIB = 1


def write_sens(path: Path, frames: Path) -> None:
    """Write one scene's finished frames as a recording; the same frames give the same bytes.

    Colour images are the frames' own JPEG bytes, depth images are compressed by zlib, times are
    those of 15 frames a second, and both cameras stand at one place. There are no inertial
    measurements.

    Args:
        path: of the ``.sens`` file.
        frames: folder of the scene in ``scannet_frames_25k``.

    Raises:
        OSError: if it can't be written; one that was there before is then left as it was.
    """
    colors = sorted((frames / "color").glob("*.jpg"))
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(_header(frames, colors))
            for number, color in enumerate(colors):
                pose = np.loadtxt(frames / "pose" / f"{color.stem}.txt")
                depth = _image(frames / "depth" / f"{color.stem}.png")
                jpeg, packed = color.read_bytes(), zlib.compress(depth.astype("<u2").tobytes())
                time = number * FRAME_INTERVAL_US
                file.write(_matrix(pose) + struct.pack("<4Q", time, time, len(jpeg), len(packed)))
                file.write(jpeg + packed)
            file.write(struct.pack("<Q", 0))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_label_archive(path: Path, frames: Path) -> None:
    """Write one scene's label images as ``label-filt/<frame>.png``, 16-bit images of label ids.

    The ids of the rooms' label table are those of NYU-40. The same frames give the same bytes.

    Args:
        path: of the archive, ``<scene>_2d-label-filt.zip``.
        frames: folder of the scene in ``scannet_frames_25k``.

    Raises:
        OSError: if it can't be written; one that was there before is then left as it was.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, file in enumerate(sorted((frames / "label").glob("*.png"))):
            png = cv2.imencode(".png", _image(file).astype(np.uint16))[1].tobytes()
            archive.writestr(zipfile.ZipInfo(f"label-filt/{number}.png"), png)
    write_file(path, content.getvalue())


def _header(frames: Path, colors: list[Path]) -> bytes:
    parts = [struct.pack("<IQ", VERSION, len(SENSOR)), SENSOR]
    for name in ("color", "depth"):
        parts += [_matrix(np.loadtxt(frames / f"intrinsics_{name}.txt")), _matrix(np.eye(4))]
    color = _image(colors[0])
    depth = _image(frames / "depth" / f"{colors[0].stem}.png")
    sizes = (*color.shape[1::-1], *depth.shape[1::-1])
    parts.append(struct.pack("<2i4IfQ", _JPEG, _ZLIB, *sizes, DEPTH_SCALE, len(colors)))
    return b"".join(parts)


def _matrix(matrix: NDArray[np.float64]) -> bytes:
    return matrix.astype("<f4").tobytes()


def _image(path: Path) -> NDArray[np.generic]:
    image: NDArray[np.generic] | None = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise OSError(f"{path} can't be read back")
    return image
