# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One file for each scene, ``<scene>.safetensors``: arrays of its frames one after the other.

With F frames, every file has

======== ============= ========================================================================
offsets  uint64 (F+1,) frame k has the entries offsets[k] to offsets[k + 1] of the other arrays
sizes    uint16 (F, 2) a height and a width for each frame
======== ============= ========================================================================

and what its kind adds to them. The safetensors header's one entry of text is named after the kind
and holds JSON, so that the same input gives the same bytes: the format's ``version`` and what
:class:`SceneHeader` has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from seg3d2d_ros.atomic_file import write_file
from training.data.intrinsics import Array
from training.data.labelled_frames import DatasetError

_AGAIN = "make it anew with 'python -m training project'"


@dataclass(frozen=True)
class SceneHeader:
    """What a scene's file says beside its arrays.

    Attributes:
        scene: name.
        frames: names of its frames, in the order of the arrays.
        points: number of the scan's points.
        scan_sha256: of these points, see :func:`points_sha256`.
        inputs_sha256: of all that the file was made from but the content of other files.
        settings: how it was made, plain JSON types.
        figures: what was found, plain JSON types.
    """

    scene: str
    frames: list[str]
    points: int
    scan_sha256: str
    inputs_sha256: str
    settings: dict[str, Any]
    figures: dict[str, Any]


def points_sha256(points: Array) -> str:
    """Fingerprint of a scan's points and their order: SHA-256 of float32 (N, 3), little-endian."""
    return hashlib.sha256(np.ascontiguousarray(points, "<f4").tobytes()).hexdigest()


def scene_path(folder: Path, scene: str) -> Path:
    """Where a scene's file is.

    Raises:
        DatasetError: if the scene's name leads out of the folder.
    """
    if Path(scene).is_absolute() or ".." in Path(scene).parts:
        raise DatasetError(f"'{scene}' can't be a scene's name: its file would lie elsewhere")
    return folder / f"{scene}.safetensors"


class SceneFile:
    """A scene's file, opened for reading: one frame is read without the rest.

    Can be pickled and used in processes that were forked.

    Args:
        path: of the file.
        scan_sha256: fingerprint of the points that indices must refer to, see
            :func:`points_sha256`; None to leave it unchecked.

    Raises:
        DatasetError: if the file is missing, truncated, of another kind or version, or of another
            scan.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int]
    ARRAYS: ClassVar[Mapping[str, type[np.unsignedinteger[Any]]]]
    """What the kind adds, one-dimensional."""

    def __init__(self, path: Path, scan_sha256: str | None = None) -> None:
        self.path = path
        self._scan_sha256 = scan_sha256
        try:
            self._file = safe_open(path, "numpy")
            text = (self._file.metadata() or {}).get(self.KIND)
        except OSError as error:
            raise DatasetError(f"{path} cannot be read ({error.strerror or error})") from error
        except SafetensorError as error:
            raise DatasetError(
                f"{path} is truncated or no scene's file ({error}); {_AGAIN}"
            ) from error
        if text is None:
            raise DatasetError(f"{path} holds no {self.KIND}; {_AGAIN}")
        try:
            content = json.loads(text)
            version = content.pop("version")
            if version == self.VERSION:
                self.header = SceneHeader(**content)
                self._open_arrays()
        except (ValueError, TypeError, KeyError, AttributeError, SafetensorError) as error:
            raise DatasetError(f"{path} is malformed ({error}); {_AGAIN}") from error
        if version != self.VERSION:
            raise DatasetError(
                f"{path} is of version {version} of its format, this program reads "
                f"{self.VERSION}; {_AGAIN}"
            )
        if scan_sha256 not in (None, self.header.scan_sha256):
            raise DatasetError(
                f"{path} was made from other points than this scan of '{self.header.scene}' has; "
                f"{_AGAIN}"
            )

    def _open_arrays(self) -> None:
        """Look at the arrays; ValueError where they do not fit each other."""
        names = self.header.frames
        self._numbers = {name: number for number, name in enumerate(names)}
        self._arrays = {name: self._file.get_slice(name) for name in self.ARRAYS}
        self._offsets = self._file.get_tensor("offsets")
        self._sizes = self._file.get_tensor("sizes")
        codes = {name: part.get_dtype() for name, part in self._arrays.items()}
        if (self._offsets.dtype, self._sizes.dtype) != (np.uint64, np.uint16) or codes != {
            name: f"U{8 * np.dtype(dtype).itemsize}" for name, dtype in self.ARRAYS.items()
        }:
            raise ValueError("its arrays are of other types")
        lengths = {tuple(part.get_shape()) for part in self._arrays.values()}
        if (
            self._offsets.shape != (len(names) + 1,)
            or self._sizes.shape != (len(names), 2)
            or len(self._numbers) != len(names)
            or self._offsets[0] != 0
            or (self._offsets[:-1] > self._offsets[1:]).any()
            or lengths != {(int(self._offsets[-1]),)}
        ):
            raise ValueError("its arrays do not fit each other")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self._scan_sha256)

    @property
    def frames(self) -> list[str]:
        """Names of the frames that it has."""
        return self.header.frames

    def _size(self, frame: str) -> tuple[int, int]:
        height, width = self._sizes[self._number(frame)].tolist()
        return height, width

    def _read(self, frame: str) -> dict[str, npt.NDArray[Any]]:
        """The frame's part of the kind's arrays."""
        number = self._number(frame)
        start, stop = map(int, self._offsets[number : number + 2])
        if start == stop:  # safetensors refuses slices of nothing
            return {name: np.empty(0, dtype) for name, dtype in self.ARRAYS.items()}
        return {name: part[start:stop] for name, part in self._arrays.items()}

    def _number(self, frame: str) -> int:
        if frame not in self._numbers:
            raise DatasetError(f"{self.path} has no frame '{frame}'")
        return self._numbers[frame]

    def _check_points(self, frame: str, index: npt.NDArray[np.uint32]) -> None:
        if len(index) and index.max() >= self.header.points:
            raise DatasetError(
                f"{self.path} is damaged: its frame '{frame}' has point {index.max()} of a scan of "
                f"{self.header.points}; {_AGAIN}"
            )


def write_scene_file(
    kind: type[SceneFile],
    path: Path,
    header: SceneHeader,
    sizes: Sequence[tuple[int, int]],
    frames: Sequence[Mapping[str, npt.NDArray[Any]]],
) -> None:
    """Write a scene's file under a temporary name and rename it.

    Args:
        kind: of file.
        path: of the file; its folder is made.
        header: names the frames.
        sizes: height and width of each frame.
        frames: in the same order, each with the kind's arrays.

    Raises:
        OSError: if it can't be written; a file that was there before is then left as it was.
    """
    first, *_ = kind.ARRAYS
    arrays = {
        "offsets": np.cumsum([0, *(len(frame[first]) for frame in frames)], dtype=np.uint64),
        "sizes": np.array(sizes, np.uint16).reshape(-1, 2),
    }
    for name, dtype in kind.ARRAYS.items():
        arrays[name] = np.concatenate([np.empty(0, dtype), *(frame[name] for frame in frames)])
    text = json.dumps({"version": kind.VERSION, **asdict(header)}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, save(arrays, {kind.KIND: text}))
