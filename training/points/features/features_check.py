# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a folder of point features can be used, looked through number by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.defects import DefectError
from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow, read_scans
from training.data.open_scan import open_scan
from training.points.features.array_file import PointFeaturesError
from training.points.features.features_description import STATISTICS, STATISTICS_SPLIT
from training.points.features.finite_features import check_finite
from training.points.features.moments import Moments, merge_all
from training.projection.scene_file import points_sha256

if TYPE_CHECKING:  # it imports this module
    from training.points.features.features_folder import PointFeatures


@dataclass
class FeaturesCheck:
    """What is wrong with a folder.

    Attributes:
        missing: scenes that have no features.
        unfit: a sentence by scene, of those that have some that can't be used.
        remarks: sentences about the folder as a whole.
    """

    missing: list[str] = field(default_factory=list)
    unfit: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether every scene has features that can be used."""
        return not self.missing and not self.unfit

    def text(self) -> str:
        """For people, a line each; empty where nothing is wrong."""
        lines = [f"scene {scene} has no features in the folder" for scene in self.missing]
        return "\n".join([*lines, *self.unfit.values(), *self.remarks])


def check_features(
    features: PointFeatures, rows: Sequence[ScanRow], prepared: Path
) -> FeaturesCheck:
    """See :meth:`training.points.features.features_folder.PointFeatures.check`."""
    found = FeaturesCheck()
    moments: dict[str, Moments] = {}
    for row in rows:
        try:
            if features.path(row.scene).exists():
                moments[row.scene] = _moments(features, row, prepared)
            else:
                found.missing.append(row.scene)
        except (PointFeaturesError, DefectError) as error:
            found.unfit[row.scene] = str(error)
    try:
        features.classifier  # noqa: B018
    except PointFeaturesError as error:
        found.remarks.append(str(error))
    try:
        found.remarks += _statistics_remarks(features, moments, prepared)
    except DatasetError as error:
        found.remarks.append(str(error))
    return found


def _moments(features: PointFeatures, row: ScanRow, prepared: Path) -> Moments:
    """Of a scene's features; refuses NaN and inf, and what is not as their record says."""
    points = open_scan(prepared, row).points
    array, record = features.load_recorded(row.scene, len(points), points_sha256(points))
    check_finite(array, str(features.path(row.scene)))
    moments = Moments.of(array)
    if not record.moments.like(moments):
        raise PointFeaturesError(
            f"{features.path(row.scene, '.npz')} has the moments of other features than those in "
            f"{features.path(row.scene).name}; write both anew"
        )
    return moments


def _statistics_remarks(
    features: PointFeatures, moments: dict[str, Moments], prepared: Path
) -> list[str]:
    statistics = features.statistics
    remarks = list(filter(None, [statistics.constant_channels_text]))
    training = [row.scene for row in read_scans(prepared) if row.split == STATISTICS_SPLIT]
    if training and moments.keys() >= set(training):
        merged = merge_all((moments[scene] for scene in training), features.width)
        m2 = statistics.variance * statistics.count
        if not Moments(statistics.count, statistics.mean, m2).like(merged):
            remarks.append(
                f"{features.folder / STATISTICS} is not of the {merged.count:,} points of the "
                f"split '{STATISTICS_SPLIT}'; write it anew, 'python -m training points features' "
                "does"
            )
    return remarks
