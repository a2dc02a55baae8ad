# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The Rerun recording of a scene, read back with Rerun."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from training.__main__ import main

pytest.importorskip("open3d")
pytest.importorskip("plotly")


def chunks_of(path):
    reader = pytest.importorskip("rerun.chunk", reason="this Rerun has no reader of chunks")
    return list(reader.RrdReader(path).stream())


def columns(chunks, entity, name):
    """Values of a component by frame (None where it is static)."""
    found = {}
    for chunk in chunks:
        if chunk.entity_path != entity:
            continue
        batch = chunk.to_record_batch()
        names = [field for field in batch.schema.names if field.endswith(name)]
        for field in names:
            frames = [None] * batch.num_rows if chunk.is_static else batch["frame"].to_pylist()
            for frame, value in zip(frames, batch[field].to_pylist(), strict=True):
                if value is not None:
                    found[frame] = value
    return found


def test_the_recording_holds_mesh_cameras_and_frames(prepared, tmp_path):
    pytest.importorskip("rerun")
    out = tmp_path / "out"
    arguments = ["inspect", str(prepared.folder), "room", "--out", str(out), "--rerun"]
    assert main([*arguments, "--frames", "7"]) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["index.html", "pictures", "pictures.txt", "scene.rrd"]
    chunks = chunks_of(out / "scene.rrd")
    entities = {chunk.entity_path for chunk in chunks}
    assert {"/world/scan/colors", "/world/scan/labels"} <= entities
    (vertices,) = columns(chunks, "/world/scan/colors", "vertex_positions").values()
    points = np.array(vertices)
    np.testing.assert_allclose(points.min(0), prepared.scan.points.min(0), atol=0.1)
    places = columns(chunks, "/world/camera", "translation")
    assert sorted(places) == [1, 2, 3, 7]  # 4 and 5 have no pose, 6 no image
    for frame, place in places.items():
        wanted = np.array(prepared.rows[frame - 1].pose).reshape(4, 4)[:3, 3]
        np.testing.assert_allclose(place[0], wanted, atol=1e-5)
    (matrix,) = columns(chunks, "/world/camera/image", "image_from_camera")[1]
    _, _, fx, fy, cx, cy = prepared.rows[0].intrinsics
    np.testing.assert_allclose(matrix, [fx, 0, 0, 0, fy, 0, cx + 0.5, cy + 0.5, 1], rtol=1e-6)
    assert sorted(columns(chunks, "/world/camera/image/labels", "buffer")) == [1, 3, 4, 5, 7]
    assert sorted(columns(chunks, "/world/camera/depth/image", "buffer")) == [1, 2, 4, 7]
    positions = np.array(columns(chunks, "/world/camera/image/points", "positions")[1])
    assert (positions >= 0).all() and (positions <= [120, 90]).all()


def test_without_rerun_it_is_one_sentence(prepared, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rerun", None)
    out = tmp_path / "out"
    assert main(["inspect", str(prepared.folder), "room", "--out", str(out), "--rerun"]) == 1
    error = capsys.readouterr().err.strip()
    assert error == (
        "error: --rerun needs Rerun: pip install 'rerun-sdk>=0.24'; the page does without it"
    )
    assert not out.exists()


def test_rerun_that_is_turned_off_is_one_sentence(prepared, tmp_path, monkeypatch, capsys):
    pytest.importorskip("rerun")
    monkeypatch.setenv("RERUN", "off")
    out = tmp_path / "out"
    assert main(["inspect", str(prepared.folder), "room", "--out", str(out), "--rerun"]) == 1
    assert "the environment variable RERUN turns Rerun off" in capsys.readouterr().err
    assert not out.exists()
