# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What was found while features were made, for people: whether the teacher fits the scans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seg3d2d_ros.confusion_matrix import ConfusionMatrix
from seg3d2d_ros.labels import LabelSpace
from training.counted import counted
from training.data.manifest import DEFECTS
from training.points.features.features_description import STATISTICS_SPLIT
from training.points.features.features_folder import PointFeatures
from training.points.features.features_record import FeaturesRecord
from training.points.features.moments import merge_all

_SHOWN = 5
"""Defects on the screen; all of them are in the file."""


@dataclass(frozen=True, eq=False)
class ExtractedScene:
    """One scene.

    Attributes:
        split: that it is in.
        kept: whether its features were there already.
        record: what is recorded beside its features.
    """

    split: str
    kept: bool
    record: FeaturesRecord


@dataclass(frozen=True, eq=False)
class ExtractionReport:
    """What was found.

    Attributes:
        out: folder of the features.
        width: channels.
        label_space: of the classifier.
        scenes: those that have features, in the list's order.
        defects: a sentence for each scene that has none.
        compared: whether the labels of scans can be compared with what the classifier gives.
        remarks: what else there is to say, sentences.
    """

    out: Path
    width: int
    label_space: LabelSpace
    scenes: list[ExtractedScene]
    defects: list[str]
    compared: bool
    remarks: list[str]

    def text(self) -> str:
        """A line for each split, and what there is to say of the whole."""
        splits = dict.fromkeys(scene.split for scene in self.scenes)
        lines = [self._split_line(split) for split in splits]
        lines += self.remarks
        kept = sum(scene.kept for scene in self.scenes)
        if kept:
            lines.append(f"there already and kept: {counted(kept, 'scene')}")
        if STATISTICS_SPLIT in splits:
            constant = PointFeatures(self.out).statistics.constant_channels_text
            lines += filter(None, [constant])
        if self.defects:
            lines.append(
                f"no features of {counted(len(self.defects), 'scene')}, see {self.out / DEFECTS}:"
            )
            lines += [f"  {text}" for text in self.defects[:_SHOWN]]
        return "\n".join(lines)

    def _split_line(self, split: str) -> str:
        records = [scene.record for scene in self.scenes if scene.split == split]
        moments = merge_all((record.moments for record in records), self.width)
        line = (
            f"{split}: {counted(len(records), 'scene')}, {counted(moments.count, 'point')}, "
            f"width {self.width}, standard deviation of the channels "
            f"{np.sqrt(moments.variance).mean():.4g} on average"
        )
        confusion = ConfusionMatrix(self.label_space)
        for record in records:
            if record.confusion is not None:
                confusion.counts += record.confusion
        if not self.compared:
            return line
        if not confusion.counts.any():
            return f"{line}; no labelled points to compare with"
        metrics = confusion.metrics()
        return (
            f"{line}; the classifier gives {metrics['pixel_accuracy']} % of the labelled points "
            f"their class, mIoU {metrics['miou']} %"
        )
