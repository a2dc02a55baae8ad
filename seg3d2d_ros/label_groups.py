# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Label groups: fine classes merged into the coarse ones that a consumer tells apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from seg3d2d_ros.labels import LabelSpace, LabelSpaceError
from seg3d2d_ros.share import ShareNotFoundError, share_path


class LabelGroupsError(ValueError):
    """A file of label groups is malformed or fits another label space; one sentence."""


@dataclass(frozen=True)
class LabelGroups:
    """Coarse classes, and which fine ones each of them takes in.

    Attributes:
        label_space: the coarse classes.
        table: coarse id of every fine id, uint8 of shape (fine unlabeled + 1,); ids that are no
            class, and classes left out on purpose, give 255 (unlabeled).
    """

    label_space: LabelSpace
    table: npt.NDArray[np.uint8]

    def apply(self, labels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Coarse labels of fine ones, of the same shape."""
        coarse: npt.NDArray[np.uint8] = (
            cv2.LUT(labels, self.table) if self.table.size == 256 else self.table[labels]
        )
        return coarse

    @classmethod
    def load(cls, name_or_path: str | Path, label_space: LabelSpace) -> LabelGroups:
        """Read ``config/groups/<name>.yaml`` or a file of one's own (ending in .yaml).

        The file has ``name``, ``label_space`` (the fine one it is for), ``classes`` (each with id,
        name, color and ``members``, names of fine classes) and ``unlabeled`` (fine classes left
        out). Every fine class is named exactly once, so that none is forgotten.

        Raises:
            LabelGroupsError: if the file can't be read, or groups don't match ``label_space``.
        """
        try:
            named = Path(name_or_path).suffix != ".yaml"
            path = share_path(f"config/groups/{name_or_path}.yaml") if named else Path(name_or_path)
            mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
        except ShareNotFoundError as error:
            raise LabelGroupsError(
                f"no label groups '{name_or_path}': name one of config/groups, or give the path "
                "of a .yaml file"
            ) from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise LabelGroupsError(f"cannot read label groups {name_or_path}: {error}") from error
        try:
            return cls._from_mapping(mapping, label_space)
        except LabelSpaceError as error:
            raise LabelGroupsError(f"label groups {path}: {error}") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise LabelGroupsError(
                f"label groups {path} are malformed ({type(error).__name__}: {error}); expected "
                "name, label_space, classes (id, name, color, members) and unlabeled"
            ) from error

    @classmethod
    def _from_mapping(cls, mapping: Mapping[str, Any], fine: LabelSpace) -> LabelGroups:
        if mapping["label_space"] != fine.name:
            raise LabelSpaceError(
                f"they group label space '{mapping['label_space']}', but the model labels "
                f"'{fine.name}'"
            )
        coarse = LabelSpace.from_mapping({"name": mapping["name"], "classes": mapping["classes"]})
        if coarse.num_classes > 255:
            raise LabelSpaceError("there are more than 255 groups")
        table = np.full(fine.unlabeled + 1, 255, np.uint8)
        named: list[str] = list(mapping.get("unlabeled") or [])
        for group in mapping["classes"]:
            for member in group["members"]:
                named.append(member)
                if member in fine.names:
                    table[fine.names.index(member)] = group["id"]
        unknown = sorted(set(named) - set(fine.names))
        missing = sorted(set(fine.names) - set(named))
        twice = sorted({name for name in named if named.count(name) > 1})
        for fault, names in (("unknown", unknown), ("missing", missing), ("named twice", twice)):
            if names:
                raise LabelSpaceError(f"classes of '{fine.name}' {fault}: {', '.join(names)}")
        return cls(coarse, table)
