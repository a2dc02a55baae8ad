# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One file for each scene, ``<scene>.safetensors``: arrays of its frames one after the other.

With F frames, every file has

======== ============= ========================================================================
offsets  uint64 (F+1,) frame k has the entries offsets[k] to offsets[k + 1] of the other arrays
======== ============= ========================================================================

and what its kind adds to them. The safetensors header's one entry of text is named after the kind
and holds JSON, so that the same input gives the same bytes: the format's ``version`` and what
:class:`SceneHeader` has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from training.data.defects import DefectError
from training.data.intrinsics import Array
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow
from training.data.scan import Scan
from training.projection.geometry import FrameGeometry

AGAIN = "make it anew with 'python -m training project'"


@dataclass(frozen=True)
class SceneSource:
    """What all frames of a scene's file were made from.

    Attributes:
        scene: name.
        points: number of the scan's points.
        scan_sha256: of these points, see :func:`points_sha256`.
        inputs_sha256: of the manifest's lines and the rule.
        settings: how it was made, plain JSON types.
    """

    scene: str
    points: int
    scan_sha256: str
    inputs_sha256: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class SceneHeader(SceneSource):
    """What a scene's file says beside its arrays.

    Attributes:
        frames: names of its frames, in the order of the arrays.
        image_sizes: height and width of each frame's image file, pixels; places in images are
            places in images of this size.
        cameras_sha256: of each frame, see :meth:`FrameGeometry.sha256`.
        not_projected: names of the scene's other frames.
    """

    frames: list[str]
    image_sizes: list[list[int]]
    cameras_sha256: list[str]
    not_projected: list[str]


def points_sha256(points: Array) -> str:
    """Fingerprint of a scan's points and their order: SHA-256 of float32 (N, 3), little-endian."""
    return hashlib.sha256(np.ascontiguousarray(points, "<f4").tobytes()).hexdigest()


def scene_path(folder: Path, scene: str, ending: str = ".safetensors") -> Path:
    """Where a scene's file is, or another one of the scene with another ending.

    Raises:
        DatasetError: if the scene's name leads out of the folder.
    """
    if Path(scene).is_absolute() or ".." in Path(scene).parts:
        raise DatasetError(f"'{scene}' can't be a scene's name: its file would lie elsewhere")
    return folder / f"{scene}{ending}"


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
    """What the kind adds, one-dimensional, little-endian."""

    @staticmethod
    def arrays(frame: Any) -> dict[str, npt.NDArray[Any]]:
        """What of a frame, as the kind has it in memory, is stored."""
        raise NotImplementedError

    def __init__(self, path: Path, scan_sha256: str | None = None) -> None:
        self.path = path
        self._scan_sha256 = scan_sha256
        try:
            self._file = safe_open(path, "numpy")
            text = (self._file.metadata() or {}).get(self.KIND)
        except FileNotFoundError as error:
            raise DatasetError(
                f"{path} does not exist; 'python -m training project' writes it"
            ) from error
        except OSError as error:
            raise DatasetError(f"{path} cannot be read ({error.strerror or error})") from error
        except SafetensorError as error:
            raise DatasetError(
                f"{path} is truncated or no scene's file ({error}); {AGAIN}"
            ) from error
        if text is None:
            raise DatasetError(f"{path} holds no {self.KIND}; {AGAIN}")
        try:
            content = json.loads(text)
            version = content.pop("version")
            if version == self.VERSION:
                self.header = SceneHeader(**content)
                self._open_arrays()
        except (ValueError, TypeError, KeyError, AttributeError, SafetensorError) as error:
            raise DatasetError(f"{path} is malformed ({error}); {AGAIN}") from error
        if version != self.VERSION:
            raise DatasetError(
                f"{path} is of version {version} of its format, this program reads "
                f"{self.VERSION}; {AGAIN}"
            )
        if scan_sha256 is not None:
            self._check_scan(scan_sha256)

    def _open_arrays(self) -> None:
        """Look at the arrays; ValueError where they do not fit each other."""
        names = self.header.frames
        self._numbers = {name: number for number, name in enumerate(names)}
        self._arrays = {name: self._file.get_slice(name) for name in self.ARRAYS}
        self._offsets = self._file.get_tensor("offsets")
        codes = {name: part.get_dtype() for name, part in self._arrays.items()}
        wanted = {name: f"U{8 * np.dtype(dtype).itemsize}" for name, dtype in self.ARRAYS.items()}
        if self._offsets.dtype != np.uint64 or codes != wanted:
            raise ValueError("its arrays are of other types")
        lengths = {tuple(part.get_shape()) for part in self._arrays.values()}
        if (
            self._offsets.shape != (len(names) + 1,)
            or len(self._numbers) != len(names)
            or len(self.header.image_sizes) != len(names)
            or not all(_is_size(size) for size in self.header.image_sizes)
            or len(self.header.cameras_sha256) != len(names)
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

    def size(self, frame: str) -> tuple[int, int]:
        """Height and width of a frame's image file, pixels.

        Raises:
            DatasetError: if there is no such frame.
        """
        height, width = self.header.image_sizes[self._number(frame)]
        return height, width

    def check(self, rows: Iterable[ManifestRow], scan: Scan | None = None) -> None:
        """Whether the file belongs to lines of a manifest, and to a scan.

        Args:
            rows: frames of the scene, all or some. Each must be one of the file or one that was
                not projected, and those of the file must have the cameras that it was made with.
            scan: its points; None to leave them unchecked.

        Raises:
            DatasetError: if it does not.
        """
        if scan is not None:
            self._check_scan(points_sha256(scan.points))
        others = set(self.header.not_projected)
        for row in rows:
            if row.scene != self.header.scene:
                raise DatasetError(
                    f"{self.path} is of the scene '{self.header.scene}', the frame '{row.frame}' "
                    f"of '{row.scene}'"
                )
            if row.frame in self._numbers:
                self._check_cameras(row)
            elif row.frame not in others:
                raise DatasetError(
                    f"{self.path} was made without the frame '{row.frame}', which the manifest "
                    f"has; {AGAIN}"
                )

    def _check_cameras(self, row: ManifestRow) -> None:
        made = list(self.size(row.frame))
        try:
            geometry = FrameGeometry.from_row(row)
        except DefectError as error:
            raise DatasetError(f"{self.path} has points of '{row.frame}', but {error}") from error
        now = [geometry.intrinsics.height, geometry.intrinsics.width]
        if made != now:
            raise DatasetError(
                f"{self.path} was made for images of {made[1]}x{made[0]} pixels, the frame "
                f"'{row.frame}' has {now[1]}x{now[0]} in the manifest; {AGAIN}"
            )
        if geometry.sha256() != self.header.cameras_sha256[self._number(row.frame)]:
            raise DatasetError(
                f"{self.path} was made with another pose or other intrinsics of the frame "
                f"'{row.frame}' than the manifest has; {AGAIN}"
            )

    def _check_scan(self, scan_sha256: str) -> None:
        if scan_sha256 != self.header.scan_sha256:
            raise DatasetError(
                f"{self.path} was made from other points than this scan of "
                f"'{self.header.scene}' has; {AGAIN}"
            )

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
                f"{self.header.points}; {AGAIN}"
            )


def _is_size(size: list[int]) -> bool:
    return len(size) == 2 and all(type(length) is int and length > 0 for length in size)
