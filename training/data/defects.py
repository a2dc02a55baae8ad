# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the files of a data set: found, counted and listed, never fatal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class DefectKind(str, Enum):
    """Kinds of defects; the value is what people read."""

    MISSING_FILE = "missing file"
    UNREADABLE_FILE = "unreadable file"
    DAMAGED_FILE = "damaged file"
    UNREADABLE_IMAGE = "unreadable image"
    LOST_POSE = "lost pose"
    SIZE_MISMATCH = "size mismatch"
    INTRINSICS_MISMATCH = "intrinsics mismatch"
    UNKNOWN_LABEL = "unknown label"
    NO_LABEL = "no labelled pixel"
    STRAY_FILE = "file without a counterpart"


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong.

    Attributes:
        kind: of defect.
        file: where.
        text: one sentence: what, where and, where something can be done, what to do.
        scene: that has it, "" where it is none's.
        dropped: whether the frame or scan was left out for it; else it is used without the
            damaged part (a frame without pose or depth still trains).
    """

    kind: DefectKind
    file: str
    text: str
    scene: str = ""
    dropped: bool = True

    def to_mapping(self) -> dict[str, Any]:
        """Of plain JSON types."""
        return {**asdict(self), "kind": self.kind.value}

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> Defect:
        """What :meth:`to_mapping` gives.

        Raises:
            ValueError, TypeError: if it is something else.
        """
        return cls(**{**mapping, "kind": DefectKind(mapping["kind"])})


class DefectError(Exception):
    """Something can't be used because of a defect; readers raise it, `prepare` lists it."""

    def __init__(self, kind: DefectKind, file: object, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.file = str(file)

    def defect(self, scene: str = "", *, dropped: bool = True) -> Defect:
        """As an entry of the list."""
        return Defect(self.kind, self.file, str(self), scene, dropped)


def unread(path: object, error: OSError) -> DefectError:
    """A file that the operating system did not give.

    One that is not there is missing. Any other reason (a disk or server that fails, a permission)
    may pass without the file changing: `prepare` tries such a file again.
    """
    gone = isinstance(error, FileNotFoundError | NotADirectoryError)
    kind = DefectKind.MISSING_FILE if gone else DefectKind.UNREADABLE_FILE
    return DefectError(kind, path, f"{path} can't be read ({error.strerror})")


def count_by_kind(defects: Iterable[Defect]) -> dict[str, int]:
    """How many there are of each kind, the most frequent first."""
    return dict(Counter(defect.kind.value for defect in defects).most_common())


def defect_list(defects: Iterable[Defect]) -> str:
    """One line each: kind, whether something was left out for it, sentence."""
    lines = (f"{d.kind.value}\t{'left out' if d.dropped else 'kept'}\t{d.text}\n" for d in defects)
    return "".join(lines)
