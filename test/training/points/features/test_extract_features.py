# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Features of small scans by a real network with random weights, run in every way there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("trimesh")
pytest.importorskip("safetensors")

from seg3d2d_ros.confusion_matrix import ConfusionMatrix  # noqa: E402
from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from training.data.labelled_frames import DatasetError  # noqa: E402
from training.data.manifest import ScanRow, read_scans, write_scans  # noqa: E402
from training.data.scan import Scan, read_ply, write_ply  # noqa: E402
from training.engine.experiment import ExperimentError  # noqa: E402
from training.points.features.array_file import PointFeaturesError  # noqa: E402
from training.points.features.extract_features import extract_features  # noqa: E402
from training.points.features.features_folder import PointFeatures  # noqa: E402
from training.points.networks.registry import build_point_network  # noqa: E402
from training.points.point_model import load_point_model, save_point_model  # noqa: E402

CONFIG = {"in_channels": 3, "conv1_kernel_size": 3}
SPLITS = {"room0": "train", "area/room1": "train", "room2": "val"}


def save_model(folder, space, seed, change=None):
    torch.manual_seed(seed)
    network = build_point_network("res16unet14a", CONFIG, space.num_classes)
    if change is not None:
        change(network)
    save_point_model(
        folder,
        network,
        space,
        network_name="res16unet14a",
        config=CONFIG,
        sampling={"voxel_size": 0.1},
        licence="CC0-1.0",
        source="random weights",
    )
    return folder


@pytest.fixture(scope="module")
def space(repository):
    return LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")


@pytest.fixture(scope="module")
def model(space, tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "teacher", space, 1)


def write_scan(path, seed, points=400):
    """A floor (nyu40 id 2) and a wall (1), some points without a class."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 2, (points, 3))
    floor = np.arange(points) % 2 == 0
    places[floor, 2], places[~floor, 1] = 0, 0
    labels = np.where(floor, 2, 1).astype(np.uint16)
    labels[::9] = 0
    colors = rng.integers(1, 256, (points, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_ply(path, Scan(places.astype(np.float32), colors, labels))


@pytest.fixture
def prepared(tmp_path, space):
    folder = tmp_path / "prepared"
    rows = []
    for seed, (scene, split) in enumerate(SPLITS.items()):
        write_scan(folder / "scans" / f"{scene}.ply", seed)
        rows.append(ScanRow(scene, split, "ply", f"scans/{scene}.ply"))
    write_scans(folder, rows)
    (folder / "label_space.yaml").write_text(yaml.safe_dump(space.to_mapping()))
    (folder / "dataset.yaml").write_text("dataset: rooms\nlabel_source: nyu40\n")
    return folder


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def expected_features(model, scan):
    """What the network says, without the code that is tested."""
    loaded = load_point_model(model)
    (part,) = loaded.sampling.parts(scan.points, scan.colors)
    with torch.inference_mode():
        output = loaded.network(*part.inputs)
    return output.features[torch.from_numpy(part.rows)], output.logits[torch.from_numpy(part.rows)]


def test_features_statistics_and_figures_are_those_of_the_network(model, prepared, tmp_path):
    report = extract_features(model, prepared, tmp_path / "out")
    there = PointFeatures(tmp_path / "out")
    rows = read_scans(prepared)
    assert there.check(rows, prepared).fits
    training, hits, labelled = [], 0, 0
    for row in rows:
        scan = read_ply(prepared / row.path)
        features, logits = expected_features(model, scan)
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
    assert val.startswith("val: 1 scenes, 400 points")
    assert there.description.teacher == "teacher: res16unet14a, random weights; licence CC0-1.0"


def test_processes_give_the_bytes_that_one_gives(model, prepared, tmp_path):
    extract_features(model, prepared, tmp_path / "one")
    extract_features(model, prepared, tmp_path / "two", workers=2)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_the_number_of_threads_changes_no_byte(model, prepared, tmp_path):
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            extract_features(model, prepared, tmp_path / str(threads))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "3")


@pytest.mark.slow
def test_ray_gives_the_bytes_that_one_process_gives(model, prepared, tmp_path):
    pytest.importorskip("ray")
    script = (
        "import sys; from pathlib import Path\n"
        "from training.points.features.extract_features import extract_features\n"
        "extract_features(*map(Path, sys.argv[1:]), workers=2, ray_address='local')\n"
    )
    command = [sys.executable, "-c", script, str(model), str(prepared), str(tmp_path / "ray")]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[4])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    extract_features(model, prepared, tmp_path / "one")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "ray")


def test_what_is_finished_is_kept_and_what_changed_is_made_anew(model, prepared, tmp_path):
    out = tmp_path / "out"
    extract_features(model, prepared, out)
    before = files_of(out)
    times = {path: path.stat().st_mtime_ns for path in (out / "scenes").rglob("*.np?")}
    report = extract_features(model, prepared, out)
    assert "3 scenes were there already" in report.text()
    assert files_of(out) == before
    assert {path: path.stat().st_mtime_ns for path in times} == times
    scan = read_ply(prepared / "scans/room0.ply")
    scan.colors[5] = 255 - scan.colors[5]
    write_ply(prepared / "scans/room0.ply", scan)
    report = extract_features(model, prepared, out)
    assert [scene.kept for scene in report.scenes] == [False, True, True]
    changed = {name for name, content in files_of(out).items() if content != before[name]}
    assert changed == {"scenes/room0.npy", "scenes/room0.npz", "statistics.npz"}


@pytest.mark.parametrize("damage", ["truncate", "no record", "no array", "other array"])
def test_a_scene_whose_files_are_not_whole_is_made_anew(model, prepared, tmp_path, damage):
    out = tmp_path / "out"
    extract_features(model, prepared, out, splits=["val"])
    before = files_of(out)
    path = out / "scenes" / "room2.npy"
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "no record":
        path.with_suffix(".npz").unlink()
    elif damage == "no array":
        path.unlink()
    else:
        np.save(path, np.zeros((3, 96), np.float16))
    extract_features(model, prepared, out, splits=["val"])
    assert files_of(out) == before


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(model, tmp_path, prepared):
    rows = []
    for seed in range(12):
        write_scan(prepared / "scans" / f"many{seed}.ply", seed, 3000)
        rows.append(ScanRow(f"many{seed}", "train", "ply", f"scans/many{seed}.ply"))
    write_scans(prepared, rows)
    out = tmp_path / "killed"
    script = (
        "import sys; from pathlib import Path\n"
        "from training.points.features.extract_features import extract_features\n"
        "extract_features(*map(Path, sys.argv[1:]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(model), str(prepared), str(out)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[4])},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while len(list((out / "scenes").glob("*.npz"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    made = len(list((out / "scenes").glob("*.npz")))
    assert 2 <= made < 12
    assert not (out / "statistics.npz").exists()
    with pytest.raises(PointFeaturesError, match="unfinished"):
        PointFeatures(out).statistics.count  # noqa: B018
    report = extract_features(model, prepared, out)
    assert sum(scene.kept for scene in report.scenes) == made
    extract_features(model, prepared, tmp_path / "whole")
    assert files_of(out) == files_of(tmp_path / "whole")


def test_a_damaged_scene_is_reported_and_the_others_go_on(model, prepared, tmp_path):
    rows = read_scans(prepared)
    (prepared / "scans/room0.ply").write_bytes(b"ply\nformat")
    one = Scan(np.zeros((1, 3), np.float32), np.full((1, 3), 9, np.uint8))
    far = Scan(np.array([[0, 0, 0], [1e7, 0, 0]], np.float32), np.full((2, 3), 9, np.uint8))
    gray = Scan(np.ones((5, 3), np.float32), np.zeros((5, 3), np.uint8))
    holes = Scan(np.full((5, 3), np.nan, np.float32), np.full((5, 3), 9, np.uint8))
    others = {"one": one, "far": far, "gray": gray, "holes": holes}
    for name, scan in others.items():
        write_ply(prepared / "scans" / f"{name}.ply", scan)
        rows.append(ScanRow(name, "train", "ply", f"scans/{name}.ply"))
    rows.append(ScanRow("gone", "train", "ply", "scans/gone.ply"))
    write_scans(prepared, rows)
    report = extract_features(model, prepared, tmp_path / "out")
    found = (tmp_path / "out" / "defects.txt").read_text().splitlines()
    assert found == report.defects
    words = {
        "room0.ply is no readable PLY file": "room0",
        "m across": "far",
        "has no colours": "gray",
        "coordinates that are no finite numbers": "holes",
        "gone.ply can't be read": "gone",
    }
    assert len(found) == len(words)
    for line, (text, scene) in zip(found, words.items(), strict=True):
        assert text in line and scene in line
    assert "5 scenes have none" in report.text()
    there = PointFeatures(tmp_path / "out")
    assert there.load("one", one).shape == (1, 96)
    assert there.statistics.count == 401
    assert sorted(p.stem for p in (tmp_path / "out/scenes").rglob("*.npy")) == [
        "one",
        "room1",
        "room2",
    ]


def enlarge(network):
    network.get_submodule("block8.0.norm2.bn").weight.data.fill_(3e7)


def poison(network):
    network.get_submodule("block8.0.norm2.bn").bias.data[7] = np.nan


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (enlarge, "beyond the 65504 that float16 holds; scale the teacher's features down"),
        (poison, "in channel 7 is nan, no finite number; check the teacher's weights"),
    ],
)
def test_what_half_precision_cannot_hold_is_an_error(space, prepared, tmp_path, change, complaint):
    model = save_model(tmp_path / "loud", space, 1, change)
    with pytest.raises(DatasetError, match=f"none of the 3 scans gives features.*{complaint}"):
        extract_features(model, prepared, tmp_path / "out")
    assert len((tmp_path / "out" / "defects.txt").read_text().splitlines()) == 3
    assert not list((tmp_path / "out").rglob("scenes/*"))


def test_features_of_another_model_are_not_mixed_with(model, space, prepared, tmp_path):
    out = tmp_path / "out"
    extract_features(model, prepared, out)
    before = files_of(out)
    other = save_model(tmp_path / "other", space, 2)
    with pytest.raises(PointFeaturesError, match="features of another teacher"):
        extract_features(other, prepared, out)
    assert files_of(out) == before


def test_one_split_alone_leaves_the_statistics_as_they_are(model, prepared, tmp_path):
    out = tmp_path / "out"
    report = extract_features(model, prepared, out, splits=["val"])
    assert "over the split 'train', which was not asked for" in report.text()
    assert not (out / "statistics.npz").exists()
    extract_features(model, prepared, out, splits=["train"])
    before = (out / "statistics.npz").read_bytes()
    extract_features(model, prepared, out, splits=["val"])
    assert (out / "statistics.npz").read_bytes() == before


def test_what_cannot_be_done_is_said_before_anything_is_changed(model, prepared, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(DatasetError, match="no scan of the split 'tset', only of train, val"):
        extract_features(model, prepared, out, splits=["train", "tset"])
    with pytest.raises(ExperimentError, match="device 'warp' can't be had"):
        extract_features(model, prepared, out, device="warp")
    extract_features(model, prepared, out)
    before = files_of(out)
    (prepared / "scans").rename(prepared / "away")
    with pytest.raises(DatasetError, match="none of the 3 scans .* is the data set's disk mounted"):
        extract_features(model, prepared, out)
    assert files_of(out) == before
    write_scans(prepared, [*read_scans(prepared), read_scans(prepared)[0]])
    with pytest.raises(DatasetError, match="has the scene 'room0' twice"):
        extract_features(model, prepared, out)
    write_scans(prepared, [])
    with pytest.raises(DatasetError, match="lists no scan"):
        extract_features(model, prepared, out)


def test_labels_of_other_classes_are_not_compared(repository, prepared, tmp_path):
    space = LabelSpace.load(repository / "config" / "labels" / "panorooms30.yaml")
    model = save_model(tmp_path / "other", space, 1)
    report = extract_features(model, prepared, tmp_path / "out", splits=["val"])
    first, second = report.text().splitlines()[:2]
    assert "the classifier gives" not in first
    assert second.startswith("not compared with the scans' labels: ")
    assert "panorooms30" in second
    assert report.scenes[0].record.confusion is None


def test_a_label_space_without_ids_of_the_labels_is_compared_by_its_names(
    model, space, prepared, tmp_path
):
    nameless = save_model(tmp_path / "nameless", LabelSpace("mine", space.classes), 1)
    texts = [
        extract_features(folder, prepared, tmp_path / f"{folder.name}_out", splits=["val"]).text()
        for folder in (model, nameless)
    ]
    assert "the classifier gives" in texts[0]
    assert texts[0].splitlines()[0] == texts[1].splitlines()[0]


def test_figures_count_what_the_classifier_gives_the_features_as_they_are_stored(
    model, space, tmp_path, prepared
):
    report = extract_features(model, prepared, tmp_path / "out")
    there = PointFeatures(tmp_path / "out")
    by_hand = ConfusionMatrix(space)
    for row in read_scans(prepared):
        scan = read_ply(prepared / row.path)
        features = there.load(row.scene, scan).astype(np.float32)
        scores = features @ there.classifier.weight.T + there.classifier.bias
        by_hand.add(np.array([255, 0, 1])[scan.labels], scores.argmax(1))
    found = sum(scene.record.confusion for scene in report.scenes)
    assert np.array_equal(found, by_hand.counts)
    assert found.sum() == 3 * 400 - 3 * 45
