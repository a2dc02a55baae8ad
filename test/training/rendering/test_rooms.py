# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import argparse
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")
pytest.importorskip("trimesh")
pytest.importorskip("tqdm")

from training.data.intrinsics import Intrinsics
from training.rendering.camera import Sensor
from training.rendering.command import add_parser
from training.rendering.dataset import render_dataset, splits_of
from training.rendering.furniture import FurnitureError, fetch
from training.rendering.layout import furnish
from training.rendering.layouts.registry import LAYOUTS, open_layout
from training.rendering.nyu40 import SCANNET20_IDS
from training.rendering.render import Renderer, render_ground_truth
from training.rendering.rooms_error import RoomsError
from training.rendering.views import choose_views

CAMERA = Intrinsics.from_fov(48, 36, 1.1)


def picture_of(seed, catalogue=None, kind="kitchen"):
    rng = np.random.default_rng(seed)
    furnished = furnish(kind, catalogue, rng)
    pose = choose_views(furnished, 1, 1.1, rng)[0]
    renderer = Renderer(furnished.scene, rng, np.array([1.0, 1.0, 1.5]))
    color = Sensor.sample(rng).expose(renderer.radiance(CAMERA, pose), rng)
    return color, render_ground_truth(furnished.scene, CAMERA, pose), pose


def test_the_same_seed_gives_the_same_picture_and_another_seed_another():
    (a, ta, pa), (b, tb, pb), (c, _, _) = picture_of(5), picture_of(5), picture_of(6)
    assert (a == b).all() and (ta.label == tb.label).all() and (ta.depth == tb.depth).all()
    assert (pa == pb).all()
    assert (a != c).mean() > 0.5


def test_rooms_without_catalogue_hold_every_class_of_the_benchmark():
    seen = set()
    rooms = {"living_room": 6, "bedroom": 6, "office": 6, "bathroom": 6, "kitchen": 5}
    for kind, seed in rooms.items():
        scene = furnish(kind, None, np.random.default_rng(seed)).scene
        seen |= set(np.unique(scene.label).tolist())
    assert set(SCANNET20_IDS) <= seen


@pytest.mark.parametrize("kind", ["living_room", "bathroom"])
def test_views_stand_inside_the_room_and_see_a_closed_room(kind):
    rng = np.random.default_rng(2)
    furnished = furnish(kind, None, rng)
    for pose in choose_views(furnished, 6, 1.1, rng):
        assert 0 < pose[0, 3] < furnished.room.width and 0 < pose[1, 3] < furnished.room.depth
        assert 0.29 < pose[2, 3] < 1.81
        truth = render_ground_truth(furnished.scene, CAMERA, pose)
        assert (truth.depth > 0).mean() > 0.95 and (truth.label > 0).mean() > 0.95


def test_splits_are_disjoint_complete_and_seeded():
    splits = splits_of(40, 0.2, 3)
    assert len(splits["val"]) == 8
    assert sorted(splits["train"] + splits["val"]) == list(range(40))
    assert splits == splits_of(40, 0.2, 3) != splits_of(40, 0.2, 4)


def test_a_missing_package_tool_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FurnitureError, match=r"^apt-get was not found[^\n]*--furniture$"):
        fetch(tmp_path / "furniture")


def parse(*words):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["rooms", *words])
    arguments.words = ["rooms", *words]
    return arguments


def test_without_the_rendering_libraries_the_verb_says_what_to_install(tmp_path):
    program = (
        "import sys; sys.modules['open3d'] = None\n"
        "from training.rendering.command import main\n"
        "raise SystemExit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "rooms", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("rooms: open3d is not installed")


def test_a_furniture_folder_without_furniture_is_named(tmp_path, capsys):
    arguments = parse("--out", str(tmp_path / "out"), "--furniture", str(tmp_path))
    assert arguments.run(arguments) == 1
    assert f"{tmp_path} holds no furniture" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_carrier_without_a_recording_is_refused(tmp_path, capsys):
    arguments = parse("--out", str(tmp_path), "--carrier", "robot")
    assert arguments.run(arguments) == 1
    assert "--carrier is for recordings" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--size", "axb"], ["--size", "8x8"], ["--rooms", "0"], ["--split-val", "2"]]
)
def test_bad_arguments_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        parse("--out", "x", *words)
    assert words[1] in capsys.readouterr().err


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_help_names_the_size_of_pictures_of_each_layout(name, capsys):
    if name == "nyu":
        pytest.importorskip("h5py")
    with pytest.raises(SystemExit):
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    size = "{}x{}".format(*open_layout(name).default_size)
    assert (f"({size}; " if name == "scannet" else f"; {name}: {size}") in text


def test_a_recording_is_only_for_scannets_layout(tmp_path, capsys):
    arguments = parse("--out", str(tmp_path), "--sens", "--format", "nyu")
    assert arguments.run(arguments) == 1
    assert "--sens is for --format scannet, not for nyu" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", ["s3dis", "nyu"])
def test_another_size_of_depth_images_is_refused_where_one_camera_takes_both(tmp_path, layout):
    arguments = parse("--out", str(tmp_path / "out"), "--format", layout, "--depth-size", "40x30")
    with pytest.raises(RoomsError, match="leave out --depth-size"):
        render_dataset(arguments)
    assert not (tmp_path / "out").exists()


def files(folder):
    """All but the command line, which names the folder and the number of workers."""
    return {
        p.relative_to(folder): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name != "commands.txt"
    }


def test_the_verb_resumes_reproduces_and_refuses_other_settings(tmp_path, catalogue, capsys):
    small = [
        "--rooms",
        "2",
        "--frames-per-room",
        "1",
        "--val-frames-per-room",
        "1",
        "--size",
        "40x30",
        "--split-val",
        "0.5",
    ]
    first = parse("--out", str(tmp_path / "a"), *small)
    assert first.run(first) == 0
    whole = files(tmp_path / "a")
    assert len(whole) == 4 + 2 * 7 + 2 * 5
    (tmp_path / "a/scannet_frames_25k/scene0001_00/color/000000.jpg").unlink()
    (tmp_path / "a/scannet_frames_25k/scene0001_00").rename(tmp_path / "moved")
    (tmp_path / "a/scans/scene0000_00").rename(tmp_path / "moved_too")
    assert first.run(first) == 0
    assert files(tmp_path / "a") == whole
    recorded = (tmp_path / "a/commands.txt").read_text().splitlines()
    assert recorded[1:] == [f"python -m training rooms --out {tmp_path / 'a'} {' '.join(small)}"]
    other = parse("--out", str(tmp_path / "a"), *small, "--seed", "9")
    capsys.readouterr()
    assert other.run(other) == 1
    assert "other settings" in capsys.readouterr().err
    assert (tmp_path / "a/commands.txt").read_text().splitlines() == recorded


def test_scannets_own_sizes(tmp_path, catalogue):
    arguments = parse(
        *("--out", str(tmp_path), "--rooms", "1", "--split-val", "0", "--frames-per-room", "1"),
        *("--size", "324x242", "--depth-size", "160x120", "--kind", "bathroom", "--no-scan"),
    )
    assert arguments.run(arguments) == 0
    folder = tmp_path / "scannet_frames_25k/scene0000_00"
    shapes = {
        part: cv2.imread(str(next((folder / part).iterdir())), -1).shape[:2]
        for part in ("color", "label", "instance", "depth")
    }
    assert shapes == {
        "color": (242, 324),
        "label": (242, 324),
        "instance": (242, 324),
        "depth": (120, 160),
    }
    color, depth = (np.loadtxt(folder / f"intrinsics_{k}.txt") for k in ("color", "depth"))
    assert color[0, 0] / 324 == pytest.approx(depth[0, 0] / 160, rel=1e-5)
    assert color[0, 2] == 161.5 and depth[1, 2] == 59.5


def test_single_rooms_of_a_data_set(tmp_path, catalogue, capsys):
    small = ["--rooms", "3", "--frames-per-room", "1", "--val-frames-per-room", "1"]
    small += ["--size", "40x30", "--no-scan", "--kind", "corridor", "--split-val", "0.34"]
    for name, more in (("all", []), ("one", ["--scene", "scene0001_00"])):
        arguments = parse("--out", str(tmp_path / name), *small, *more)
        assert arguments.run(arguments) == 0
    one, whole = files(tmp_path / "one"), files(tmp_path / "all")
    frames = {p: content for p, content in one.items() if p.parts[0] == "scannet_frames_25k"}
    assert frames == {p: content for p, content in whole.items() if "scene0001_00" in p.parts}
    listed = [(tmp_path / "one/splits" / f"{s}.txt").read_text() for s in ("train", "val")]
    assert sorted(listed) == ["", "scene0001_00\n"]
    other = parse("--out", str(tmp_path / "none"), *small, "--scene", "scene0003_00")
    assert other.run(other) == 1
    assert "there is no scene0003_00 among 3 rooms" in capsys.readouterr().err
    corrected = parse("--out", str(tmp_path / "none"), *small, "--scene", "scene0001_00")
    assert corrected.run(corrected) == 0


def test_the_same_bytes_on_two_workers(tmp_path, catalogue):
    small = ["--rooms", "2", "--frames-per-room", "1", "--val-frames-per-room", "1"]
    small += ["--size", "64x48", "--kind", "bathroom", "--split-val", "0.5"]
    for workers in ("1", "2"):
        arguments = parse("--out", str(tmp_path / workers), *small, "--workers", workers)
        assert arguments.run(arguments) == 0
    one, two = files(tmp_path / "1"), files(tmp_path / "2")
    assert [name for name in one if one[name] != two.get(name)] == [] and len(one) == len(two)


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(tmp_path, catalogue):
    program = (
        "import resource\n"
        "from training.rendering.command import main\n"
        "limits = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2500, limits[1]))\n"
        "status = main()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, limits)\n"  # for whoever measures coverage
        "raise SystemExit(status)"
    )
    words = ["--rooms", "1", "--split-val", "0", "--frames-per-room", "1", "--kind", "corridor"]
    done = subprocess.run(
        [sys.executable, "-c", program, "rooms", "--out", str(tmp_path), *words, "--no-scan"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "goes on from there once that is mended" in done.stderr.splitlines()[-1]
    assert list((tmp_path / "scannet_frames_25k").iterdir()) == []


def test_every_listed_model_exists(catalogue):
    import yaml

    from training.rendering import furniture

    rules = yaml.safe_load(furniture._CLASSES.read_text())["roles"]
    for role, rule in rules.items():
        assert [m.key for m in catalogue.roles[role]] == rule["models"].split()


def test_models_have_the_catalogues_size_and_stand_on_the_floor(catalogue):
    from training.rendering.models import load_model

    for role in ("sofa", "office_chair", "bed", "toilet"):
        model = catalogue.roles[role][0]
        low, high = load_model(model, catalogue.folder).bounds
        assert np.allclose(high - low, model.size, atol=1e-3)
        assert np.allclose((low + high)[:2], 0, atol=1e-3) and low[2] == pytest.approx(0, abs=1e-3)


def test_backs_of_seats_are_behind_them(catalogue):
    from training.rendering.models import UnusableModelError, load_model

    for role in ("sofa", "dining_chair"):
        for model in catalogue.roles[role]:
            try:
                v = load_model(model, catalogue.folder).vertices
            except UnusableModelError:
                continue
            top = v.reshape(-1, 3)[v.reshape(-1, 3)[:, 2] > 0.85 * model.size[2]]
            assert top[:, 1].mean() > -0.1 * model.size[1], model.key
