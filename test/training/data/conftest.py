# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What tests of several readers use."""

from __future__ import annotations

import pytest
from plain_layout import add_frame

from seg3d2d_ros.labels import LabelSpace
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset


@pytest.fixture
def scenes_read(tmp_path, repository):
    """Prepares a data set, and says which scenes were read and not taken from the run before."""
    out = tmp_path / "prepared_again"

    def written():
        return {path.stem: path.stat().st_mtime_ns for path in (out / "scenes").glob("*.json")}

    def run(dataset, root):
        reader = open_dataset(dataset, root)
        space = LabelSpace.load(repository / f"config/labels/{reader.protocol.label_space}.yaml")
        before = written()
        prepare_dataset(reader, out, space)
        return {scene for scene, time in written().items() if before.get(scene) != time}

    return run


@pytest.fixture
def root(tmp_path):
    for number in (1, 2, 3):
        for frame in range(2):
            add_frame(tmp_path / "data" / f"room{number}", f"{frame:03d}", 10 * number + frame)
    return tmp_path / "data"


@pytest.fixture
def space(repository):
    return LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")
