# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What a folder of point features says of itself: ``features.yaml``."""

from __future__ import annotations

import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from seg3d2d_ros.atomic_file import write_file
from training.points.features.array_file import PointFeaturesError

FORMAT = "seg3d2d point features 1"
DESCRIPTION = "features.yaml"
LABEL_SPACE = "label_space.yaml"
CLASSIFIER = "classifier.npz"
STATISTICS = "statistics.npz"
SCENES = "scenes"
STATISTICS_SPLIT = "train"


@dataclass(frozen=True)
class FeaturesDescription:
    """``features.yaml``.

    Attributes:
        width: channels of the features.
        teacher: which network gave them, in words.
        teacher_sha256: of the teacher, whatever tells it from others; "" where nothing does.
        computed_in: type in which the teacher computed.
        stored_as: type of the files, float16.
        scale: what the network's features were multiplied by, and its classifier's weight divided.
        label_space: file of the classifier's classes, in its order.
        statistics_split: the statistics are over the points of this split.
        credits: whose work the teacher builds on, a line each; models that learn from the features
            carry them on.
        format: version of the folder's format.
    """

    width: int
    teacher: str
    teacher_sha256: str = ""
    computed_in: str = "float32"
    stored_as: str = "float16"
    scale: float = 1.0
    label_space: str = LABEL_SPACE
    statistics_split: str = STATISTICS_SPLIT
    credits: list[str] = field(default_factory=list)
    format: str = FORMAT

    def write(self, folder: Path) -> None:
        """Write ``features.yaml``.

        Raises:
            OSError: if it can't be written.
        """
        fields = asdict(self)
        ordered = {"format": fields.pop("format"), **fields}
        text = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True)
        write_file(folder / DESCRIPTION, text.encode())

    @classmethod
    def read(cls, folder: Path) -> FeaturesDescription:
        """Read ``features.yaml``.

        Raises:
            PointFeaturesError: if it is missing, malformed, or of another version.
        """
        path = folder / DESCRIPTION
        try:
            mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise PointFeaturesError(
                f"{folder} holds no point features ({path.name}: {error.strerror}); 'python -m "
                "training points features' writes them"
            ) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise PointFeaturesError(f"{path} is malformed: it is no YAML text") from error
        if not isinstance(mapping, dict):
            raise PointFeaturesError(f"{path} is malformed: it is no YAML mapping")
        if mapping.get("format") != FORMAT:
            raise PointFeaturesError(
                f"{path} is of the format '{mapping.get('format')}', this version reads '{FORMAT}'"
            )
        unknown = mapping.keys() - {each.name for each in fields(cls)}
        required = {
            each.name
            for each in fields(cls)
            if each.default is MISSING and each.default_factory is MISSING
        }
        absent = required - mapping.keys()
        for names, complaint in ((unknown, "is unknown"), (absent, "is missing")):
            if names:
                raise PointFeaturesError(
                    f"{path} is malformed: the field '{min(map(str, names))}' {complaint}"
                )
        description = cls(**mapping)
        for name, value in asdict(description).items():
            if not _fits(name, value):
                raise PointFeaturesError(f"{path} is malformed: '{name}' is {value!r}")
        for name in ("stored_as", "label_space", "statistics_split"):
            value, only = getattr(description, name), getattr(cls, name)
            if value != only:
                raise PointFeaturesError(f"{path}: '{name}' is {value!r}, it must be '{only}'")
        return description


def _fits(name: str, value: Any) -> bool:
    """Whether a field can be of this value."""
    if name == "width":
        return type(value) is int and value > 0
    if name == "scale":
        return type(value) in (int, float) and 0 < value < math.inf
    if name == "credits":
        return isinstance(value, list) and all(isinstance(line, str) for line in value)
    return isinstance(value, str)
