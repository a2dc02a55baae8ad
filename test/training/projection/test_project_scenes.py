# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb project, on small rooms: a wall with a panel before it."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path

import pytest
import yaml

from training.__main__ import main
from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow, write_scans
from training.projection.project_scenes import project_scenes
from training.projection.scene_projection import ProjectionRule

AUTO = ProjectionRule()


def test_points_of_unknown_classes_are_drawn_in_their_own_colours(prepared, tmp_path):
    (prepared / "dataset.yaml").write_text(yaml.safe_dump({"label_source": "other"}))
    project_scenes(prepared, tmp_path / "out", AUTO)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "its points in their own colours" in page and "wall" not in page


def test_a_split_alone_is_projected_and_an_unknown_one_named(prepared, tmp_path):
    found = project_scenes(prepared, tmp_path / "out", AUTO, split="val")
    assert [figures.scene for figures in found.scenes] == ["d"]
    with pytest.raises(DatasetError, match="no frame of the split 'test', only of train, val"):
        project_scenes(prepared, tmp_path / "out", AUTO, split="test")


def test_a_split_alone_leaves_the_figures_of_the_others_that_are_up_to_date(
    prepared, tmp_path, projected_again, contents
):
    out = tmp_path / "out"
    write_scans(prepared, [ScanRow(s, "train", "ply", f"{s}.ply") for s in "ad"])
    (prepared / "a" / "depth1.png").unlink()
    project_scenes(prepared, out, AUTO)  # b has no scan
    whole = contents(out)
    found = project_scenes(prepared, out, AUTO, split="val")
    assert contents(out) == whole
    assert [figures.scene for figures in found.scenes] == ["d"]
    assert "also of 2 scenes of other splits, which are up to date" in found.text()
    assert "train" not in found.text()
    os.utime(prepared / "a.ply", (1, 1))
    assert projected_again(prepared, out, split="val") == []
    coverage = json.loads((out / "coverage.json").read_text())
    assert list(coverage["scenes"]) == ["b", "d"]


def test_a_split_alone_says_which_others_have_no_figures(prepared, tmp_path):
    found = project_scenes(prepared, tmp_path / "out", AUTO, split="val")
    assert "2 scenes of other splits are not in them" in found.text()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "1 frames of 1 scenes" in page
    assert list(json.loads((tmp_path / "out" / "coverage.json").read_text())["splits"]) == ["val"]


def test_a_frame_named_twice_is_refused(prepared, tmp_path, rewrite):
    rewrite(prepared, "a", 0, name="1")
    with pytest.raises(DatasetError, match="has 2 frames '1' of the scene 'a'; make it anew"):
        project_scenes(prepared, tmp_path / "out", AUTO)


def test_the_command_writes_files_figures_and_a_page_of_its_own(prepared, capsys, contents):
    assert main(["project", str(prepared)]) == 0
    out = prepared / "visible_points"
    assert set(contents(out)) == {
        *("a.safetensors", "b.safetensors", "d.safetensors"),
        *("a.record.json", "b.record.json", "d.record.json"),
        *("coverage.json", "report.html", "commands.txt"),
    }
    command = f"python -m training project {prepared}"
    assert (out / "commands.txt").read_text().splitlines()[1:] == [command]
    figures = json.loads((out / "coverage.json").read_text())
    assert figures["splits"]["train"]["projected"] == 5
    assert 20 < figures["splits"]["train"]["covered"] < 100
    assert figures["splits"]["train"]["occluded"] == 0
    page = (out / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 6
    assert "http" not in page.replace("http-equiv", "")
    for text in ("no depth image, and the scan has no faces", "wall", "chair", "a/0"):
        assert text in page
    assert "sofa" not in page
    assert "% of the pixels covered" in capsys.readouterr().out
    assert "more than 10 cm behind the scan's own mesh" in html.unescape(page)


def test_published_shares_stand_beside_figures_of_the_published_rule_alone(prepared):
    assert main(["project", str(prepared)]) == 0
    assert main(["project", str(prepared), "--legacy"]) == 0
    for folder, legacy in (("visible_points", False), ("legacy_maps", True)):
        page = (prepared / folder / "report.html").read_text()
        assert ("16.38" in page) == ("10.57" in page) == ("as published" in page) == legacy
        assert ("for the whole of ScanNet and S3DIS" in page) == legacy
        figures = json.loads((prepared / folder / "coverage.json").read_text())
        shares = {"ScanNet": 16.38, "S3DIS": 10.57} if legacy else None
        assert figures.get("published_coverage") == shares
    assert (prepared / "legacy_maps" / "a.safetensors").exists()


def test_a_mesh_that_has_decided_what_is_visible_is_not_asked_again(prepared, tmp_path):
    a, b, d = project_scenes(prepared, tmp_path / "out", AUTO).scenes
    assert [frame.occluded for frame in a.frames] == [0] * 3
    assert [frame.occluded_cells for frame in a.frames] == [0] * 3
    assert [frame.occluded for frame in (*b.frames, *d.frames)] == [None] * 3
    summary = json.loads((tmp_path / "out" / "coverage.json").read_text())
    assert summary["splits"]["train"]["looked_through"] == 3
    assert summary["scenes"]["b"]["occluded"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--legacy", "--rule", "mesh"], "not for --legacy"),
        (["--tolerance", "-1", "0"], "'-1' is no number from 0 up"),
        (["--workers", "0"], "'0' is not a whole number above 0"),
    ],
)
def test_commands_that_make_no_sense_are_refused(prepared, capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        main(["project", str(prepared), *words])
    assert message in capsys.readouterr().err


def test_a_folder_that_is_not_prepared_is_one_sentence(tmp_path, capsys):
    assert main(["project", str(tmp_path)]) == 1
    assert "manifest.jsonl cannot be read" in capsys.readouterr().err
    assert not Path(tmp_path / "visible_points").exists()


@pytest.mark.parametrize("gone", ["scans", "depth images"])
def test_while_the_data_set_is_away_nothing_is_lost(prepared, tmp_path, contents, gone):
    out = tmp_path / "out"
    project_scenes(prepared, out, AUTO)
    whole = contents(out)
    for file in [*prepared.rglob("*.ply" if gone == "scans" else "depth*.png")]:
        file.rename(file.with_suffix(".away"))
    with pytest.raises(
        DatasetError, match=rf"none of the \d+ {gone} .* is the data set's disk mount"
    ):
        project_scenes(prepared, out, AUTO)
    assert contents(out) == whole


def test_a_list_of_scans_that_is_gone_is_one_sentence(prepared, tmp_path):
    (prepared / "dataset.yaml").write_text(yaml.safe_dump({"label_source": "nyu40"}))
    (prepared / "scans.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"scans\.jsonl cannot be read"):
        project_scenes(prepared, tmp_path / "out", AUTO)
