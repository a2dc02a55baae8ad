# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which scenes of ScanNet are in which split."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from training.data.labelled_frames import DatasetError
from training.data.scene_lists import SPLITS, SPLITS_FOLDER, read_scene_list

_OFFICIAL = Path(__file__).resolve().parents[3] / "config" / "protocols" / "scannet.yaml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def official_scenes(lists: str) -> dict[str, str]:
    """Split by scene, in order of their names.

    Args:
        lists: ``v2`` for those of the present version: 1201 train, 312 val, 100 test; ``v1`` for
            the same train and val scenes with the 156 that version 1 held out as val: 1357 train.
    """
    facts = yaml.safe_load(_OFFICIAL.read_text(encoding="utf-8"))
    first, last = facts["v2_test"]["first"], facts["v2_test"]["last"]
    held_out = set(facts[f"{lists}_val"])
    scenes = {}
    for place, scans in enumerate("".join(facts["scans"].split())):
        split = "val" if place in held_out else "train"
        if first <= place <= last:
            split = "test"
        if split != "test" or lists == "v2":
            scenes.update({f"scene{place:04d}_{k:02d}": split for k in range(int(scans))})
    return scenes


def listed_scenes(root: Path) -> dict[str, str] | None:
    """Split by scene, as ``<root>/splits/{train,val,test}.txt`` have them; None without these.

    Raises:
        DatasetError: if a list can't be read, holds what is no scene's name, two lists hold the
            same scene, or all of them are empty.
    """
    scenes: dict[str, str] = {}
    lists = [(split, root / SPLITS_FOLDER / f"{split}.txt") for split in SPLITS]
    lists = [(split, path) for split, path in lists if path.is_file()]
    if not lists:
        return None
    for split, path in lists:
        for name in read_scene_list(path):
            if not _NAME.fullmatch(name):
                raise DatasetError(f"{path} should hold one scene a line, but has {name!r}")
            if scenes.setdefault(name, split) != split:
                raise DatasetError(
                    f"{path} holds {name}, and so does {scenes[name]}.txt beside it; take it out "
                    "of one of them"
                )
    if not scenes:
        raise DatasetError(f"the lists in {root / SPLITS_FOLDER} name no scene")
    return scenes
