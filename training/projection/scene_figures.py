# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What was found in a scene: how much of its images is covered, and by points they do not show."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class NotProjected(str, Enum):
    """Why a frame has no visible points; the value is what people read."""

    NO_SCAN = "the scene has no scan"
    UNREADABLE_SCAN = "the scan can't be read"
    NO_POSE = "no pose"
    NO_INTRINSICS = "no intrinsics"
    NO_DEPTH = "no depth image"
    NO_FACES = "no depth image, and the scan has no faces"
    NO_MESH = "the scan has no faces"
    UNUSABLE_CAMERA = "pose or intrinsics can't be used"
    UNREADABLE_DEPTH = "the depth image can't be used"
    TOO_LARGE = "the image is too large"
    OUTSIDE = "points lie outside of the image"


class NotProjectedError(Exception):
    """A frame can't be projected; the message is a sentence where there is more to say."""

    def __init__(self, reason: NotProjected, text: str = "") -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class FrameFigures:
    """One frame that was projected.

    Attributes:
        name: of the frame.
        by: what decided about visibility: depth, mesh, or published.
        points: number of visible points; of cells with a point by the published rule.
        covered: share of the image's pixels that have a point of their own.
        cells: share of the feature cells of 8 x 8 pixels that have a point.
        occluded: share of the covered pixels whose point the scan's mesh hides, seen from the
            camera; None where that was not counted, no pixel is covered, the scan has no faces, or
            the mesh itself has decided what is visible, which would only confirm itself.
        occluded_cells: likewise of the covered cells.
    """

    name: str
    by: str
    points: int
    covered: float
    cells: float
    occluded: float | None = None
    occluded_cells: float | None = None


@dataclass(frozen=True)
class SceneFigures:
    """One scene.

    Attributes:
        scene: name.
        split: of its frames.
        frames: those that were projected.
        not_projected: reasons, values of :class:`NotProjected`, by the names of the others.
        notes: sentences about what can't be read.
    """

    scene: str
    split: str
    frames: list[FrameFigures] = field(default_factory=list)
    not_projected: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_mapping(self) -> dict[str, Any]:
        """Of plain JSON types."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> SceneFigures:
        """What :meth:`to_mapping` gives.

        Raises:
            TypeError, KeyError: if it is something else.
        """
        frames = [FrameFigures(**frame) for frame in mapping["frames"]]
        return cls(**{**mapping, "frames": frames})
