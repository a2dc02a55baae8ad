# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Label spaces: which class an id stands for, its name and its colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from seg3d2d_ros.yaml_problem import yaml_problem


class LabelSpaceError(ValueError):
    """A label space is malformed; the message says what and where."""


@dataclass(frozen=True)
class LabelClass:
    """One class: its id (the value in label images), name and display colour (RGB, 0-255)."""

    id: int
    name: str
    color: tuple[int, int, int]


@dataclass(frozen=True)
class LabelSpace:
    """The classes a network tells apart.

    Ids run from 0 to ``num_classes - 1``. ``unlabeled`` marks pixels without a class: 255 in
    8-bit label images, 65535 in 16-bit ones (more than 255 classes).

    ``source_ids`` says by label space which of its ids become which class here: the k-th entry is
    the id of class k, or a tuple of ids where several become one class (empty where none does).
    """

    name: str
    classes: tuple[LabelClass, ...]
    source_ids: Mapping[str, tuple[int | tuple[int, ...], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.classes:
            raise LabelSpaceError(f"label space '{self.name}' has no classes")
        if len(self.classes) > 65535:
            raise LabelSpaceError(f"label space '{self.name}' has more than 65535 classes")
        for position, label_class in enumerate(self.classes):
            if label_class.id != position:
                raise LabelSpaceError(
                    f"label space '{self.name}': class '{label_class.name}' has id "
                    f"{label_class.id}, expected {position}; ids must run from 0 without gaps"
                )
            if not all(0 <= channel <= 255 for channel in label_class.color):
                raise LabelSpaceError(
                    f"label space '{self.name}': colour {label_class.color} of class "
                    f"'{label_class.name}' is not three values from 0 to 255"
                )
        if len(set(self.names)) != len(self.classes):
            raise LabelSpaceError(f"label space '{self.name}' names a class twice")
        for source, ids in self.source_ids.items():
            flat = [i for entry in ids for i in _ids(entry)]
            if len(ids) != len(self.classes) or not all(0 <= i <= 65535 for i in flat):
                raise LabelSpaceError(
                    f"label space '{self.name}': source_ids of '{source}' must hold one id "
                    f"from 0 to 65535 for each of the {len(self.classes)} classes, or a list of "
                    "such ids"
                )
        object.__setattr__(self, "source_ids", MappingProxyType(dict(self.source_ids)))

    @property
    def num_classes(self) -> int:
        """Number of classes, unlabeled not counted."""
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in id order."""
        return tuple(label_class.name for label_class in self.classes)

    @property
    def unlabeled(self) -> int:
        """Id of pixels without a class: 255, or 65535 beyond 255 classes."""
        return 255 if self.num_classes <= 255 else 65535

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Pixel type of label images in this space."""
        return np.uint8 if self.num_classes <= 255 else np.uint16

    def palette(self) -> npt.NDArray[np.uint8]:
        """Colours by id: uint8, shape (max id + 1, 3), RGB; ids that are no class are black."""
        table = np.zeros((self.unlabeled + 1, 3), np.uint8)
        table[: self.num_classes] = [label_class.color for label_class in self.classes]
        return table

    def lookup(self, source: str) -> npt.NDArray[Any]:
        """Table from the ids of another label space to this one's.

        Returns:
            Array of shape (65536,) of ``dtype``; ids without a class give ``unlabeled``.

        Raises:
            LabelSpaceError: if the space says nothing about ``source``.
        """
        if source not in self.source_ids:
            raise LabelSpaceError(
                f"label space '{self.name}' has no source_ids for '{source}', only for "
                f"{sorted(self.source_ids) or 'none'}"
            )
        table = np.full(65536, self.unlabeled, self.dtype)
        for class_id, entry in enumerate(self.source_ids[source]):
            table[list(_ids(entry))] = class_id
        return table

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> LabelSpace:
        """Build from the mapping of a label-space YAML file or of a bundle.

        Raises:
            LabelSpaceError: if a key is missing or of the wrong type.
        """
        try:
            classes = tuple(
                LabelClass(int(entry["id"]), str(entry["name"]), _color(entry["color"]))
                for entry in mapping["classes"]
            )
            source_ids = {
                str(source): tuple(_source_entry(entry) for entry in ids)
                for source, ids in mapping.get("source_ids", {}).items()
            }
            space = cls(str(mapping["name"]), classes, source_ids)
            unlabeled = int(mapping.get("unlabeled", space.unlabeled))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, LabelSpaceError):
                raise
            raise LabelSpaceError(
                f"malformed label space: {type(error).__name__} {error}; expected name and "
                "classes, each with id, name and color [r, g, b]"
            ) from error
        if unlabeled != space.unlabeled:
            raise LabelSpaceError(
                f"label space '{space.name}': unlabeled is {unlabeled}, must be {space.unlabeled}"
            )
        return space

    def to_mapping(self) -> dict[str, Any]:
        """The mapping that :meth:`from_mapping` reads, of plain YAML types."""
        mapping: dict[str, Any] = {
            "name": self.name,
            "unlabeled": self.unlabeled,
            "classes": [{"id": c.id, "name": c.name, "color": list(c.color)} for c in self.classes],
        }
        if self.source_ids:
            mapping["source_ids"] = {
                name: [list(entry) if isinstance(entry, tuple) else entry for entry in ids]
                for name, ids in self.source_ids.items()
            }
        return mapping

    @classmethod
    def load(cls, path: str | Path) -> LabelSpace:
        """Read a label-space YAML file.

        Raises:
            LabelSpaceError: if the file is missing, no YAML, or malformed.
        """
        try:
            mapping = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise LabelSpaceError(
                f"cannot read label space {path}: {yaml_problem(error)}"
            ) from error
        if not isinstance(mapping, dict):
            raise LabelSpaceError(f"cannot read label space {path}: it is no YAML mapping")
        return cls.from_mapping(mapping)


def _ids(entry: int | tuple[int, ...]) -> tuple[int, ...]:
    return entry if isinstance(entry, tuple) else (entry,)


def _source_entry(value: Any) -> int | tuple[int, ...]:
    return tuple(int(i) for i in value) if isinstance(value, (list, tuple)) else int(value)


def _color(value: Sequence[int]) -> tuple[int, int, int]:
    red, green, blue = (int(channel) for channel in value)
    return red, green, blue
