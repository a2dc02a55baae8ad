# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Jobs in this process, in several, and as Ray tasks."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from training.data.labelled_frames import DatasetError
from training.scene_jobs import ONE_THREAD, run_scene_jobs


def work(job):
    number, raises = job
    if raises:
        raise DatasetError(f"job {number} can't be done")
    return number * number, os.getpid(), {name: os.environ.get(name) for name in ONE_THREAD}


def jobs(count, failing=None):
    return [(number, number == failing) for number in range(count)]


def test_one_worker_is_this_process():
    results = list(run_scene_jobs(work, jobs(5)))
    assert [number for number, _, _ in results] == [0, 1, 4, 9, 16]
    assert {pid for _, pid, _ in results} == {os.getpid()}


def test_several_workers_are_other_processes_of_one_thread_each():
    before = dict(os.environ)
    results = list(run_scene_jobs(work, jobs(6), workers=2))
    assert sorted(number for number, _, _ in results) == [0, 1, 4, 9, 16, 25]
    assert os.getpid() not in {pid for _, pid, _ in results}
    assert all(variables == ONE_THREAD for _, _, variables in results)
    assert dict(os.environ) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_comes_out(workers):
    with pytest.raises(DatasetError, match="^job 2 can't be done$"):
        list(run_scene_jobs(work, jobs(5, failing=2), workers=workers))


def test_a_missing_ray_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DatasetError, match="--ray needs Ray on every machine: pip install ray"):
        list(run_scene_jobs(work, jobs(1), ray_address="local"))


SCRIPT = """
import json, os, sys
import numpy as np
sys.path.insert(0, {repository!r})
from training.data.labelled_frames import DatasetError
from training.projection.scene_file import points_sha256
from training.projection.visible_file import StoredFrame
from training.scene_jobs import run_scene_jobs

listening = []
def listen():
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in open(file).read().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A":
                listening.append((columns[1].split(":")[0], int(columns[9])))

points = [np.full((k + 1, 3), k, np.float32) for k in range(5)]
results = run_scene_jobs(points_sha256, points, workers=2, ray_address="local")
found = [next(results)]
listen()
mine = {inodes!r}
found += list(results)
try:
    list(run_scene_jobs(StoredFrame.encode.__func__, [None], ray_address="local"))
except Exception as error:
    raised = type(error).__name__, str(error)
print(json.dumps(dict(found=sorted(found), listening=listening, raised=raised)))
"""
