# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes' files written frame by frame, so that a scene may be larger than memory."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import replacing
from training.projection.geometry import FrameGeometry
from training.projection.scene_file import SceneFile, SceneHeader, SceneSource

_CHUNK = 1 << 20
_ALIGNMENT = 8


class SceneFileWriter:
    """Writes a scene's file; what comes out of the ``with`` block by an error leaves none.

    Frames wait in nameless files beside it, one for each array, which are gone with the process.
    The file itself is put together at the end, under a temporary name, and renamed.

    Args:
        kind: of file.
        path: of the file; its folder is made.
        source: what the frames are made from.

    Raises:
        OSError: if it can't be written; a file that was there before is then left as it was.
    """

    def __init__(self, kind: type[SceneFile], path: Path, source: SceneSource) -> None:
        self._kind = kind
        self._path = path
        self._offsets = [0]
        self._header = SceneHeader(
            **asdict(source), frames=[], image_sizes=[], cameras_sha256=[], not_projected=[]
        )

    def __enter__(self) -> SceneFileWriter:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            self._waiting: dict[str, IO[bytes]] = {
                name: stack.enter_context(tempfile.TemporaryFile(dir=self._path.parent))
                for name in self._kind.ARRAYS
            }
            self._files = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._files:
            if kind is None:
                self._write()

    def add(self, name: str, geometry: FrameGeometry, frame: Any) -> None:
        """Add a frame.

        Args:
            name: unlike any other of the scene.
            geometry: its cameras.
            frame: what is stored of it, as the kind has it in memory.

        Raises:
            ValueError: if its arrays are of different lengths or other types than the kind's.
        """
        arrays = self._kind.arrays(frame)
        lengths = {len(array) for array in arrays.values()}
        types = {array: numbers.dtype for array, numbers in arrays.items()}
        if len(lengths) != 1 or types != {k: np.dtype(v) for k, v in self._kind.ARRAYS.items()}:
            raise ValueError(f"the arrays of '{name}' do not fit: {lengths}, {types}")
        for array, numbers in arrays.items():
            self._waiting[array].write(_bytes(numbers))
        self._offsets.append(self._offsets[-1] + lengths.pop())
        self._header.frames.append(name)
        self._header.image_sizes.append([geometry.intrinsics.height, geometry.intrinsics.width])
        self._header.cameras_sha256.append(geometry.sha256())

    def leave_out(self, name: str) -> None:
        """Note a frame that is not projected."""
        self._header.not_projected.append(name)

    def _write(self) -> None:
        shapes: dict[str, tuple[npt.DTypeLike, int]] = {"offsets": (np.uint64, len(self._offsets))}
        shapes |= {name: (dtype, self._offsets[-1]) for name, dtype in self._kind.ARRAYS.items()}
        # The widest first, so that each array is aligned.
        order = sorted(shapes, key=lambda name: (-np.dtype(shapes[name][0]).itemsize, name))
        ordered = {name: shapes[name] for name in order}
        text = json.dumps({"version": self._kind.VERSION, **asdict(self._header)}, sort_keys=True)
        with replacing(self._path) as file:
            file.write(_safetensors_header(ordered, text, self._kind))
            for name in order:
                if name == "offsets":
                    file.write(_bytes(np.array(self._offsets, np.uint64)))
                else:
                    _copy(self._waiting[name], file)


def _safetensors_header(
    shapes: Mapping[str, tuple[npt.DTypeLike, int]], text: str, kind: type[SceneFile]
) -> bytes:
    """What stands before the arrays, which follow in this order.

    The format, as https://github.com/huggingface/safetensors describes it: the length of the JSON
    in 8 bytes, little-endian; the JSON, which may end in spaces; the arrays, without gaps, at the
    ``data_offsets`` that the JSON gives, counted from its end.
    """
    described: dict[str, Any] = {"__metadata__": {kind.KIND: text}}
    start = 0
    for name, (dtype, length) in shapes.items():
        itemsize = np.dtype(dtype).itemsize
        stop = start + itemsize * length
        described[name] = {
            "dtype": f"U{8 * itemsize}",
            "shape": [length],
            "data_offsets": [start, stop],
        }
        start = stop
    content = json.dumps(described, separators=(",", ":")).encode()
    content += b" " * (-len(content) % _ALIGNMENT)
    return len(content).to_bytes(8, "little") + content


def _bytes(numbers: npt.NDArray[Any]) -> bytes:
    return numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).tobytes()


def _copy(waiting: IO[bytes], file: BinaryIO) -> None:
    waiting.seek(0)
    shutil.copyfileobj(waiting, file, _CHUNK)
