# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Jobs in this process, in several, and as Ray tasks."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from training.data.labelled_frames import DatasetError
from training.data.manifest import read_manifest
from training.projection.scene_file import points_sha256
from training.scene_jobs import ONE_THREAD, run_scene_jobs

ITSELF = "/proc/self"


def process_of(folder):
    """Of the one that resolves the link ``ITSELF``."""
    return int(Path(folder).name)


def test_one_worker_is_this_process():
    assert list(run_scene_jobs(os.path.basename, ["/a", "/b", "/c"])) == ["a", "b", "c"]
    assert list(run_scene_jobs(os.path.basename, ["/a", "/b"], workers=1)) == ["a", "b"]
    assert [*map(process_of, run_scene_jobs(os.path.realpath, [ITSELF]))] == [os.getpid()]


def test_several_workers_are_other_processes_of_one_thread_each():
    before = dict(os.environ)
    points = [np.full((k + 1, 3), k, np.float32) for k in range(5)]
    results = run_scene_jobs(points_sha256, points, workers=2)
    assert sorted(results) == sorted(map(points_sha256, points))
    assert [*run_scene_jobs(os.getenv, list(ONE_THREAD), workers=2)] == ["1"] * len(ONE_THREAD)
    (other,) = map(process_of, run_scene_jobs(os.path.realpath, [ITSELF], workers=2))
    assert other != os.getpid()
    assert dict(os.environ) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_comes_out_as_it_was_raised(workers, tmp_path):
    folders = [tmp_path / name for name in "abcd"]
    for folder in folders[:3]:
        folder.mkdir()
        (folder / "manifest.jsonl").write_text("")
    message = f"^{folders[3]}/manifest.jsonl cannot be read: "
    with pytest.raises(DatasetError, match=message):
        list(run_scene_jobs(read_manifest, folders, workers=workers))
    deadline = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not multiprocessing.active_children()


def test_a_killed_worker_is_one_sentence_and_no_wait_without_end():
    with pytest.raises(DatasetError, match="a worker process was killed.* try fewer --workers"):
        list(run_scene_jobs(os._exit, [1, 1, 1], workers=2))


def test_a_missing_ray_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DatasetError, match="--ray needs Ray on every machine: pip install ray"):
        list(run_scene_jobs(points_sha256, [], ray_address="local"))


RAY_RUN = """
import os, sys
sys.path.insert(0, {repository!r})  # neither the folder that it runs in nor PYTHONPATH has it
os.environ.pop("PYTHONPATH", None)
import numpy as np
from training.projection.scene_file import points_sha256
from training.scene_jobs import run_scene_jobs

jobs = [np.full((k + 1, 3), k, np.float32) for k in range(5)] + ["no points"]
results = run_scene_jobs(points_sha256, jobs, workers=2, ray_address="local")
print(next(results), flush=True)
input()  # meanwhile the test looks at what listens
try:
    for result in results:
        print(result, flush=True)
except Exception as error:
    print(type(error).__name__, error, sep=": ", flush=True)
"""
MARK = "SEG3D2D_TEST_RAY"


def marked_processes(mark):
    """Folders in /proc of the processes whose environment has the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(folder)
    return found


def listening_addresses(processes):
    """Addresses, as the kernel writes them, at which these processes take connections."""
    sockets = set()
    for folder in processes:
        with contextlib.suppress(OSError):
            sockets |= {str(file.readlink()) for file in (folder / "fd").iterdir()}
    lines = [
        line.split()
        for file in ("tcp", "tcp6")
        for line in Path("/proc/net", file).read_text().splitlines()[1:]
    ]
    return {c[1].split(":")[0] for c in lines if c[3] == "0A" and f"socket:[{c[9]}]" in sockets}


@pytest.mark.slow
def test_a_private_ray_cluster_gives_the_same_listens_to_this_machine_alone_and_ends(
    repository, tmp_path
):
    pytest.importorskip("ray")
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-c", RAY_RUN.format(repository=str(repository))],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        | {MARK: mark, "HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stdout.readline().strip()
        listening = listening_addresses(marked_processes(mark))
        output, errors = process.communicate("\n", timeout=120)
    finally:
        process.kill()
    assert first, errors
    assert not (tmp_path / ".ray").exists()
    *others, raised = output.splitlines()
    expected = {points_sha256(np.full((k + 1, 3), k, np.float32)) for k in range(5)}
    results = {first, *others}
    # the last one may still have been under way when the job that can't be done gave up
    assert results <= expected and len(results) >= 4
    assert raised == "ValueError: could not convert string to float: 'no points'"
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", f"{1 << 24:032X}"}
    assert listening and listening <= loopback
    deadline = time.monotonic() + 20
    while marked_processes(mark) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not marked_processes(mark)


MEETING = """
import time
from pathlib import Path

def meet(job):
    folder, name = job
    Path(folder, name).touch()
    deadline = time.monotonic() + 60
    while len(list(Path(folder).iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    return len(list(Path(folder).iterdir()))
"""
RAY_MEETING = """
import sys
sys.path.insert(0, {repository!r})
from meeting import meet
from training.scene_jobs import run_scene_jobs

jobs = [({folder!r}, "one"), ({folder!r}, "two")]
print(sorted(run_scene_jobs(meet, jobs, ray_address="local")))
"""


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one CPU runs one task at a time")
def test_with_ray_as_many_scenes_as_the_cluster_has_cpus_run_side_by_side(repository, tmp_path):
    pytest.importorskip("ray")
    (tmp_path / "meeting.py").write_text(MEETING)
    (tmp_path / "met").mkdir()
    program = RAY_MEETING.format(repository=str(repository), folder=str(tmp_path / "met"))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.stdout.strip() == "[2, 2]", done.stderr


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at '127.0.0.1:1'.* start one with"),
        ("ray://127.0.0.1:1", "no Ray cluster answers at 'ray://127.0.0.1:1'"),
        ("127.0.0.1:99999", "no Ray cluster answers at '127.0.0.1:99999'"),
        ("somewhere:else", "'somewhere:else' is no address of a Ray cluster"),
    ],
)
def test_a_cluster_that_does_not_answer_is_one_sentence_at_once(address, message):
    with pytest.raises(DatasetError, match=message):
        list(run_scene_jobs(points_sha256, [], ray_address=address))
