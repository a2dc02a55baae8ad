# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Small data sets, whole and to be damaged."""

from __future__ import annotations

import json

import pytest
from s3dis_by_hand import CORNER, names, write_cloud, write_images


@pytest.fixture(scope="session")
def areas(tmp_path_factory):
    """Root of a complete small data set; read only."""
    root = tmp_path_factory.mktemp("s3dis")
    for area in CORNER:
        write_cloud(root / f"Area_{area}", area)
        for seed, half in enumerate("ab" if area == 5 else [""]):
            write_images(root / f"area_{area}{half}" / "data", area, 3, seed=seed)
    (root / "assets").mkdir()
    (root / "assets" / "semantic_labels.json").write_text(json.dumps(names()))
    return root


@pytest.fixture
def area_1(tmp_path):
    """Root with Area 1 alone, to be damaged."""
    root = tmp_path / "root"
    write_cloud(root / "Area_1", 1)
    write_images(root / "area_1" / "data", 1, 3)
    (root / "semantic_labels.json").write_text(json.dumps(names()))
    return root
