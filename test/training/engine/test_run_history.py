# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which folders a run reads, and by which commands they were written."""

from __future__ import annotations

import yaml

from training.engine.run_history import data_history, once_each, statistics_run
from training.provenance import record_own_command


def test_all_folders_are_named_once_each_and_data_after_what_it_was_rendered_by(tmp_path):
    rooms, prepared, other = (tmp_path / name for name in ("rooms", "prepared", "other"))
    for folder in (rooms, prepared, prepared / "visible_points"):
        folder.mkdir()
        record_own_command(folder, ["made", folder.name])
    (prepared / "dataset.yaml").write_text(yaml.safe_dump({"root": "../rooms"}))
    settings = {
        "data": {"root": str(prepared), "more_train": [str(other)]},
        "distillation": {
            "features": [str(tmp_path / "features"), ""],
            "unpaired": {"scans": [str(prepared)], "features": [str(tmp_path / "features")]},
        },
    }
    history = once_each(data_history(settings))
    assert [entry["data"] for entry in history] == [
        str(folder)
        for folder in (prepared, other, tmp_path / "features", prepared / "visible_points")
    ]
    made = [line for entry in history for line in entry["commands"] if line[0] != "#"]
    assert made == [
        f"python -m training made {name}" for name in ("rooms", "prepared", "visible_points")
    ]


def test_commands_of_a_folder_that_came_between_two_runs_are_added_once():
    first, second, third = (["# commit 0", name] for name in ("rooms", "prepare", "rooms again"))
    alone = ["no comment"]
    history = once_each(
        [
            {"data": "d", "commands": first + second + alone},
            {"run": "r", "experiment": "e", "commands": []},
            {"data": "d", "commands": first + third + second + alone},
        ]
    )
    assert history == (
        {"data": "d", "commands": first + second + alone + third},
        {"run": "r", "experiment": "e", "commands": []},
    )


def test_folders_of_visible_points_that_are_named_are_those(tmp_path):
    settings = {
        "data": {"root": "a"},
        "distillation": {"features": ["f"], "visible_points": ["elsewhere"]},
    }
    assert [entry["data"] for entry in data_history(settings)] == ["a", "f", "elsewhere"]


def test_statistics_that_say_of_no_run_are_named_alone(tmp_path):
    file = tmp_path / "statistics.json"
    distillation = {"statistics_2d_of": str(file)}
    for content in (None, "", "[]", "{}"):
        if content is not None:
            file.write_text(content)
        unknown = (None, {"data": str(file), "commands": []})
        assert statistics_run({"distillation": distillation}) == unknown
    # where numbers are given, the file is not read
    assert statistics_run({"distillation": distillation | {"statistics_2d": [0, 1]}}) is None
    assert statistics_run({}) is None
    assert statistics_run({"distillation": {"statistics_2d_of": "running"}}) is None
