# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Run folders: the commands that trained in them."""

from __future__ import annotations

import shlex

from training.engine.run_folder import record_command, recorded_commands, training_command

WORDS = ["train", "config/experiments/a.yaml", "--set", "name=two words"]


def test_a_command_can_be_typed_again():
    command = training_command(WORDS, {})
    assert shlex.split(command) == ["python", "-m", "training", *WORDS]


def test_torchrun_is_part_of_the_command():
    environment = {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "1"}
    one_machine = "torchrun --standalone --nproc-per-node 2 -m training train a.yaml"
    assert training_command(["train", "a.yaml"], environment) == one_machine
    several = training_command(["train", "a.yaml"], environment | {"GROUP_WORLD_SIZE": "3"})
    assert several == "torchrun --nnodes 3 --nproc-per-node 2 -m training train a.yaml"


def test_commands_are_recorded_in_order_and_a_resumed_one_once(tmp_path):
    assert recorded_commands(tmp_path) == []
    for command in ("a", "a", "b 'c d'"):
        record_command(tmp_path, command, "0123")
    record_command(tmp_path, "b 'c d'", "4567-dirty")
    before, after = "# commit 0123", "# commit 4567-dirty"
    assert recorded_commands(tmp_path) == [before, "a", before, "b 'c d'", after, "b 'c d'"]
    assert [path.name for path in tmp_path.iterdir()] == ["commands.txt"]
