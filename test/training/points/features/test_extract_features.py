# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Features of small scans by a real network with random weights, run in every way there is."""

from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trimesh")
pytest.importorskip("safetensors")

from training.data.labelled_frames import DatasetError  # noqa: E402
from training.data.manifest import read_scans, write_scans  # noqa: E402
from training.data.scan import Scan, read_ply, write_ply  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402
from training.points.features.array_file import PointFeaturesError  # noqa: E402
from training.points.features.extract_features import extract_features  # noqa: E402
from training.points.features.features_folder import PointFeatures  # noqa: E402
from training.points.features.features_writer import held  # noqa: E402
from training.points.point_model import load_point_model  # noqa: E402


def expected_features(teacher, scan):
    """What the model says: the model's own tests are about whether that is right."""
    loaded = load_point_model(teacher)
    (part,) = loaded.sampling.parts(scan.points, scan.colors)
    with torch.inference_mode():
        output = loaded.network(*part.inputs)
    return output.features[torch.from_numpy(part.rows)], output.logits[torch.from_numpy(part.rows)]


def test_features_statistics_and_figures_are_those_of_the_network(teacher, rooms, tmp_path):
    report = extract_features(teacher, rooms, tmp_path / "out")
    there = PointFeatures(tmp_path / "out")
    rows = read_scans(rooms)
    assert there.check(rows, rooms).fits
    training, hits, labelled = [], 0, 0
    for row in rows:
        scan = read_ply(rooms / row.path)
        features, logits = expected_features(teacher, scan)
        found = there.load(row.scene, scan)
        np.testing.assert_allclose(found, features.numpy(), rtol=1e-3, atol=1e-5)
        assert float(features.std()) > 0
        # the classifier beside the features gives the network's own scores
        scores = found.astype(np.float32) @ there.classifier.weight.T + there.classifier.bias
        np.testing.assert_allclose(scores, logits.numpy(), rtol=2e-2, atol=2e-3)
        if row.split == "train":
            training.append(found.astype(np.float64))
            truth = np.array([255, 0, 1])[scan.labels]
            hits += int((scores.argmax(1) == truth)[truth < 255].sum())
            labelled += int((truth < 255).sum())
    together = np.concatenate(training)
    assert there.statistics.count == len(together) == 800
    np.testing.assert_allclose(there.statistics.mean, together.mean(0), rtol=1e-12)
    np.testing.assert_allclose(there.statistics.variance, together.var(0), rtol=1e-11, atol=1e-18)
    train, val = report.text().splitlines()[:2]
    spread = f"{together.std(0).mean():.4g}"
    assert train.startswith(
        f"train: 2 scenes, 800 points, width 96, standard deviation of the "
        f"channels {spread} on average; the classifier gives "
        f"{round(100 * hits / labelled, 1)} % of the labelled points"
    )
    assert val.startswith("val: 1 scene, 400 points")
    assert there.description.teacher == "teacher: res16unet14a, random weights; licence CC0-1.0"


def test_the_order_of_points_changes_no_feature(teacher, write_rooms, make_room, tmp_path):
    room = make_room(4)
    # one point for each voxel, which looks like its first
    _, rows = np.unique(np.floor(room.points / 0.1), axis=0, return_index=True)
    order = np.random.default_rng(0).permutation(rows)
    scans = {
        name: Scan(room.points[some], room.colors[some])
        for name, some in (("here", rows), ("there", order))
    }
    rooms = write_rooms({name: ("train", scan) for name, scan in scans.items()})
    extract_features(teacher, rooms, tmp_path / "out")
    features = PointFeatures(tmp_path / "out")
    found = np.zeros((2, len(room.points), 96), np.float16)
    found[0, rows] = features.load("here", scans["here"])
    found[1, order] = features.load("there", scans["there"])
    assert len(rows) > 300 and (found[0, rows].std(0) > 0).any()
    np.testing.assert_allclose(found[0], found[1], rtol=2e-3, atol=1e-5)


def test_processes_give_the_bytes_that_one_gives(teacher, rooms, tmp_path, files_of):
    extract_features(teacher, rooms, tmp_path / "one")
    extract_features(teacher, rooms, tmp_path / "two", workers=2)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_the_number_of_threads_changes_no_byte(teacher, rooms, tmp_path, files_of):
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            extract_features(teacher, rooms, tmp_path / str(threads))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "3")


@pytest.mark.slow
def test_ray_gives_the_bytes_that_one_process_gives(teacher, rooms, tmp_path, files_of):
    pytest.importorskip("ray")
    script = (
        "import sys; from pathlib import Path\n"
        "from training.points.features.extract_features import extract_features\n"
        "extract_features(*map(Path, sys.argv[1:]), workers=2, ray_address='local')\n"
    )
    command = [sys.executable, "-c", script, str(teacher), str(rooms), str(tmp_path / "ray")]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[4])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    extract_features(teacher, rooms, tmp_path / "one")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "ray")


def test_what_is_finished_is_kept_and_what_changed_is_made_anew(teacher, rooms, tmp_path, files_of):
    out = tmp_path / "out"
    extract_features(teacher, rooms, out)
    before = files_of(out)
    times = {path: path.stat().st_mtime_ns for path in (out / "scenes").rglob("*.np?")}
    report = extract_features(teacher, rooms, out)
    assert "there already and kept: 3 scenes" in report.text()
    assert files_of(out) == before
    assert {path: path.stat().st_mtime_ns for path in times} == times
    scan = read_ply(rooms / "scans/room0.ply")
    scan.colors[5] = 255 - scan.colors[5]
    write_ply(rooms / "scans/room0.ply", scan)
    report = extract_features(teacher, rooms, out)
    assert [scene.kept for scene in report.scenes] == [False, True, True]
    changed = {name for name, content in files_of(out).items() if content != before[name]}
    assert changed == {"scenes/room0.npy", "scenes/room0.npz", "statistics.npz"}


@pytest.mark.parametrize(
    "damage", ["truncate", "header", "no record", "no array", "other array", "scalar"]
)
def test_a_scene_whose_files_are_not_whole_is_made_anew(teacher, rooms, tmp_path, damage, files_of):
    out = tmp_path / "out"
    extract_features(teacher, rooms, out, splits=["val"])
    before = files_of(out)
    path = out / "scenes" / "room2.npy"
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "header":
        path.write_bytes(path.read_bytes().replace(b"}", b" ", 1))
    elif damage == "scalar":
        np.save(path, np.float16(3))
    elif damage == "no record":
        path.with_suffix(".npz").unlink()
    elif damage == "no array":
        path.unlink()
    else:
        np.save(path, np.zeros((3, 96), np.float16))
    extract_features(teacher, rooms, out, splits=["val"])
    assert files_of(out) == before


@pytest.fixture
def interruptible():
    """SIGINT raises KeyboardInterrupt also where whatever started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_interrupted_in_the_middle_it_goes_on_to_the_same_bytes(
    teacher, tmp_path, write_rooms, make_room, files_of, interruptible
):
    rooms = write_rooms({f"many{seed}": ("train", make_room(seed)) for seed in range(16)})
    out, over = tmp_path / "interrupted", threading.Event()

    def interrupt_after_two():
        while len(list((out / "scenes").glob("*.npz"))) < 2:
            if over.wait(0.001):
                return
        # as Ctrl-C has it, without a signal of the operating system into native code
        _thread.interrupt_main(signal.SIGINT)

    thread = threading.Thread(target=interrupt_after_two)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        try:
            extract_features(teacher, rooms, out)
        finally:
            over.set()
            thread.join()
    made = len(list((out / "scenes").glob("*.npz")))
    assert 2 <= made < 16
    assert not (out / "statistics.npz").exists()
    with pytest.raises(PointFeaturesError, match="unfinished"):
        PointFeatures(out).statistics.count  # noqa: B018
    report = extract_features(teacher, rooms, out)
    assert sum(scene.kept for scene in report.scenes) == made
    extract_features(teacher, rooms, tmp_path / "whole")
    assert files_of(out) == files_of(tmp_path / "whole")


def test_two_runs_do_not_write_to_one_folder(teacher, rooms, tmp_path, files_of):
    out = tmp_path / "out"
    extract_features(teacher, rooms, out, splits=["val"])
    before = files_of(out)
    with held(out), pytest.raises(PointFeaturesError, match="another run is writing to .*out"):
        extract_features(teacher, rooms, out)
    assert files_of(out) == before
    extract_features(teacher, rooms, out)


def test_features_of_another_model_are_not_mixed_with(
    teacher, scannet20, rooms, tmp_path, files_of, save_teacher
):
    out = tmp_path / "out"
    extract_features(teacher, rooms, out)
    before = files_of(out)
    other = save_teacher(tmp_path / "other", scannet20, 2)
    with pytest.raises(PointFeaturesError, match="features of another teacher"):
        extract_features(other, rooms, out)
    assert files_of(out) == before


def test_what_cannot_be_done_is_said_before_anything_is_changed(teacher, rooms, tmp_path, files_of):
    out = tmp_path / "out"
    with pytest.raises(DatasetError, match="no scan of the split 'tset', only of train, val"):
        extract_features(teacher, rooms, out, splits=["train", "tset"])
    for device in ("warp", "meta"):
        with pytest.raises(ExperimentError, match=f"device '{device}' can't be had"):
            extract_features(teacher, rooms, out, device=device)
    extract_features(teacher, rooms, out)
    before = files_of(out)
    (rooms / "scans").rename(rooms / "away")
    with pytest.raises(DatasetError, match="none of the 3 scans .* is the data set's disk mounted"):
        extract_features(teacher, rooms, out)
    assert files_of(out) == before
    write_scans(rooms, [*read_scans(rooms), read_scans(rooms)[0]])
    with pytest.raises(DatasetError, match="has the scene 'room0' twice"):
        extract_features(teacher, rooms, out)
    write_scans(rooms, [])
    with pytest.raises(DatasetError, match="lists no scan"):
        extract_features(teacher, rooms, out)
