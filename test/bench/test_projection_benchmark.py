# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of what points an image shows."""

from __future__ import annotations

import pytest

pytest.importorskip("open3d")
pytest.importorskip("trimesh")


def test_projection(run_benchmark):
    result = run_benchmark("projection", "--kinds", "kitchen", "--views", 1, "--rounds", 1)
    sizes = {(row["color"], row["depth"], row["noise"]) for row in result["rows"]}
    assert len(sizes) == 5
    for size in sizes:
        rows = {
            row["rule"]: row
            for row in result["rows"]
            if (row["color"], row["depth"], row["noise"]) == size
        }
        careful, published = rows["4 cm from the plane"], rows["published"]
        assert careful["occluded_percent"] < 0.5 < published["occluded_percent"]
        assert careful["label_percent"] > published["label_percent"]
        assert 1 < careful["of_visible_percent"] < published["of_visible_percent"]
        assert all(row["ms"] > 0 for row in rows.values())
        assert rows["mesh, no depth"]["mesh_hides_percent"] < 0.5
    judged = [b for b in result["bounds"] if b["what"].startswith("occluded")]
    assert len(judged) == 5
    assert all(b["holds"] for b in judged)
