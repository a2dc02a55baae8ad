# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``nyu_depth_v2_labeled.mat``: a MAT-file of version 7.3, which is HDF5.

MATLAB stores arrays by columns and HDF5 by rows, so axes come in the reverse order of MATLAB's:
images H x W x 3 x N of MATLAB are (N, 3, W, H) here, depths and labels H x W x N are (N, W, H).
Cell arrays of strings are arrays of references to arrays of character codes.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.defects import Defect, DefectError, DefectKind
from training.data.labelled_frames import DatasetError

LABELED_MAT = "nyu_depth_v2_labeled.mat"
_NEEDED = ("images", "labels", "names", "scenes")


class LabeledMat:
    """An open file; frames are counted from 0 and read one at a time.

    Args:
        path: of the file.

    Attributes:
        frames: number of frames.
        width: of all images; pixels.
        height: likewise.
        defects: of the file as a whole that don't keep its labelled images from being used.

    Raises:
        DatasetError: if it is missing, no HDF5, cut off, or lacks what a labelled image needs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _open(path)
        try:
            self._check()
        except DatasetError:
            self._file.close()
            raise
        except Exception as error:  # h5py has no end of them for damaged files
            self._file.close()
            raise DatasetError(f"{path} is damaged ({_line(error)}); get it anew") from error

    def __enter__(self) -> LabeledMat:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def image(self, frame: int) -> npt.NDArray[np.uint8]:
        """The picture: uint8 (H, W, 3), RGB.

        Raises:
            DefectError: if its part of the file is damaged.
        """
        return self._frame("images", frame).transpose(2, 1, 0)

    def labels(self, frame: int) -> npt.NDArray[Any]:
        """Labels (H, W), unsigned: 0 for none, k for the k-th of :meth:`names`.

        Raises:
            DefectError: if its part of the file is damaged.
        """
        return self._frame("labels", frame).T

    def raw_depth(self, frame: int) -> npt.NDArray[np.float32]:
        """Measured depth (H, W), metres along the optical axis, 0 where there is none.

        Raises:
            DefectError: if it is missing or damaged.
        """
        if not self._has_raw_depth:
            raise DefectError(
                DefectKind.MISSING_FILE, self.path, f"{self.path} has no usable rawDepths"
            )
        return self._frame("rawDepths", frame).T.astype(np.float32)

    @property
    def has_raw_depth(self) -> bool:
        """Whether there is measured depth; a defect says what is wrong where there is none."""
        return self._has_raw_depth

    def names(self) -> list[str]:
        """Names of the labels' classes in order, the first for label 1.

        Raises:
            DatasetError: if they are damaged.
        """
        return self._strings("names")

    def scenes(self) -> list[str]:
        """Scene of each frame, such as kitchen_0004.

        Raises:
            DatasetError: if they are damaged.
        """
        return self._strings("scenes")

    def _frame(self, name: str, frame: int) -> npt.NDArray[Any]:
        try:
            return np.asarray(self._file[name][frame])
        except Exception as error:
            raise DefectError(
                DefectKind.DAMAGED_FILE,
                self.path,
                f"{name} of frame {frame + 1} can't be read from {self.path} ({_line(error)})",
            ) from error

    def _strings(self, name: str) -> list[str]:
        try:
            return [_string(self._file[reference]) for reference in self._file[name][()].ravel()]
        except Exception as error:
            raise DatasetError(
                f"{name} of {self.path} is no list of strings ({_line(error)}); get the file anew"
            ) from error

    def _check(self) -> None:
        missing = [name for name in _NEEDED if not hasattr(self._file.get(name), "shape")]
        if missing:
            raise DatasetError(f"{self.path} lacks {', '.join(missing)}; get it anew")
        images, labels = self._file["images"], self._file["labels"]
        if len(images.shape) != 4 or images.shape[1] != 3 or images.dtype != np.uint8:
            raise DatasetError(
                f"images of {self.path} is {images.dtype}{images.shape}, not uint8 pictures "
                "(frames, 3, width, height)"
            )
        self.frames, _, self.width, self.height = (int(n) for n in images.shape)
        expected = (self.frames, self.width, self.height)
        if labels.shape != expected or labels.dtype.kind != "u":
            raise DatasetError(
                f"labels of {self.path} is {labels.dtype}{labels.shape}, its images are for whole "
                f"numbers {expected}"
            )
        if self._file["scenes"].size != self.frames:
            raise DatasetError(
                f"{self.path} has {self._file['scenes'].size} scenes for {self.frames} frames"
            )
        self.defects: list[Defect] = []
        self._check_raw_depth(expected)

    def _check_raw_depth(self, expected: tuple[int, int, int]) -> None:
        kind, what = DefectKind.MISSING_FILE, f"{self.path} lacks rawDepths"
        self._has_raw_depth = False
        try:
            if "rawDepths" in self._file:
                depth = self._file["rawDepths"]
                self._has_raw_depth = depth.shape == expected and depth.dtype.kind == "f"
                kind = DefectKind.SIZE_MISMATCH
                what = (
                    f"rawDepths of {self.path} is {depth.dtype}{depth.shape}, its images are for "
                    f"metres {expected}"
                )
        except Exception as error:
            kind = DefectKind.DAMAGED_FILE
            what = f"rawDepths of {self.path} is damaged ({_line(error)})"
        if not self._has_raw_depth:
            text = f"{what}; frames are used without depth"
            self.defects.append(Defect(kind, str(self.path), text, dropped=False))


def _open(path: Path) -> Any:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise DatasetError(f"{path} needs h5py: pip install h5py") from error
    try:
        with path.open("rb") as file:
            start = file.read(128)
    except OSError as error:
        raise DatasetError(
            f"{path} can't be read ({error.strerror}); it is the labelled part of NYU-Depth V2 "
            "(2.8 GB)"
        ) from error
    if start.startswith(b"MATLAB 5.0"):
        raise DatasetError(
            f"{path} is a MAT-file of version 5, the published one is of version 7.3 (HDF5); get "
            "it anew, or save it in MATLAB with -v7.3"
        )
    try:
        # Chunks may span frames; those of one frame stay in memory for the next.
        return h5py.File(path, "r", rdcc_nbytes=1 << 26)
    except OSError as error:
        raise DatasetError(
            f"{path} is no HDF5 file or is cut off ({_line(error)}); get it anew"
        ) from error


def _string(codes: Any) -> str:
    # MATLAB writes the shape of an empty array instead of its elements.
    if codes.attrs.get("MATLAB_empty", 0):
        return ""
    return "".join(map(chr, codes[()].ravel()))


def _line(error: Exception) -> str:
    """HDF5's messages may have several."""
    return " ".join(str(error).split())
