# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The page on point features: the writer that it shows writes what the reader reads."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml

from training.data.manifest import ScanRow, read_scans, write_scans
from training.data.scan import read_ply
from training.points.features.features_description import FORMAT, FeaturesDescription
from training.points.features.features_folder import PointFeatures

pytest.importorskip("trimesh")


@pytest.fixture
def blocks(repository):
    text = (repository / "docs" / "point_features.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.S)


def test_what_the_example_writes_is_read(
    blocks, features_folder, space, tmp_path, monkeypatch, capsys
):
    rng = np.random.default_rng(8)
    out, prepared = tmp_path / "theirs" / "features", tmp_path / "theirs" / "prepared"
    rows, features = [], {}
    for row, split in zip(features_folder.rows, ["train", "train"], strict=True):
        rows.append(ScanRow(row.scene, split, "ply", str(features_folder.prepared / row.path)))
        points = len(features_folder.scans[row.scene].points)
        features[row.scene] = rng.normal(3, 5, (points, 7)).astype(np.float32)
    rows.append(ScanRow("seen later", "val", "ply", rows[0].path))
    features["seen later"] = features["kitchen"] - 100
    prepared.mkdir(parents=True)
    write_scans(prepared, rows)
    labels = tmp_path / "labels.yaml"
    labels.write_text(yaml.safe_dump(space.to_mapping()))
    weight, bias = rng.normal(0, 1, (3, 7)), rng.normal(0, 1, 3)

    names: dict = {}
    exec(blocks[0], names)
    scenes = (
        (row.scene, row.split, read_ply(prepared / row.path).points, features[row.scene])
        for row in read_scans(prepared)
    )
    names["write_features"](out, "a network of mine", scenes, weight, bias, labels)

    there = PointFeatures(out)
    assert there.description == FeaturesDescription(7, "a network of mine")
    for row in rows:
        found = there.load(row.scene, read_ply(prepared / row.path))
        assert np.array_equal(found, features[row.scene].astype(np.float16))
    together = np.concatenate([features[row.scene] for row in rows if row.split == "train"])
    together = together.astype(np.float16).astype(np.float64)
    assert there.statistics.count == 500
    np.testing.assert_allclose(there.statistics.mean, together.mean(0), rtol=1e-13)
    np.testing.assert_allclose(there.statistics.variance, together.var(0), rtol=1e-12)
    np.testing.assert_allclose(there.classifier.weight, weight, rtol=1e-6)

    monkeypatch.chdir(tmp_path / "theirs")
    exec(blocks[2], {})
    assert capsys.readouterr().out == "\n"
    np.save(out / "scenes" / "kitchen.npy", np.zeros((2, 7), np.float16))
    exec(blocks[2], {})
    assert "kitchen.npy has 2 rows" in capsys.readouterr().out


def test_the_page_names_every_field_and_file(repository, features_folder):
    text = (repository / "docs" / "point_features.md").read_text(encoding="utf-8")
    assert FORMAT in text
    for name in FeaturesDescription.__dataclass_fields__:
        assert f"`{name}`" in text
    for path in features_folder.folder.iterdir():
        assert f"`{path.name}" in text


def test_the_example_of_a_call_writes_features_of_a_prepared_data_set(
    blocks, features_folder, space, tmp_path, monkeypatch
):
    mine = tmp_path / "mine"
    prepared = mine / "prepared"
    prepared.mkdir(parents=True)
    monkeypatch.chdir(mine)
    rows = [
        ScanRow(row.scene, "train", "ply", str(features_folder.prepared / row.path))
        for row in features_folder.rows
    ]
    write_scans(prepared, rows)
    (prepared / "label_space.yaml").write_text(yaml.safe_dump(space.to_mapping()))

    def my_network(points, colors):
        return np.concatenate([points, colors], 1)

    names = {"my_network": my_network, "weight": np.ones((3, 6)), "bias": np.zeros(3)}
    (mine / "features").mkdir()
    exec(blocks[0] + blocks[1], names)
    assert PointFeatures(mine / "features").check(rows, prepared).fits
