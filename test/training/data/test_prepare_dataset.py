# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The driver of all readers, with a reader of the plainest layout: <scene>/<frame>.{jpg,png}."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from seg3d2d_ros.labels import LabelSpace
from training.data.dataset_reader import DatasetReader, PreparedScene
from training.data.defects import Defect, DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestFrames, ManifestRow, read_manifest, read_scans
from training.data.prepare_dataset import prepare_dataset
from training.data.protocol import Protocol


class PlainReader(DatasetReader):
    label_source = "nyu40"
    no_label = 0
    label_ids = frozenset(range(41))

    def scenes(self):
        names = sorted(path.name for path in self.root.iterdir() if path.is_dir())
        return {name: "val" if name.endswith("2") else "train" for name in names}

    def prepare_scene(self, scene, split, out):
        if scene == "zz_interrupted":
            raise KeyboardInterrupt
        prepared = PreparedScene()
        for image in sorted((self.root / scene).glob("*.jpg")):
            label = str(image.with_suffix(".png"))
            prepared.rows.append(ManifestRow(str(image), label, scene, split, None))
        if not prepared.rows:
            text = f"{self.root / scene} holds no frame"
            prepared.defects.append(Defect(DefectKind.MISSING_FILE, scene, text, scene))
        return prepared

    def inputs(self, scene):
        return [self.root / scene]


def add_frame(folder, name, seed):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    label = rng.choice([0, 1, 5, 22], (12, 16)).astype(np.uint8)
    cv2.imwrite(str(folder / f"{name}.jpg"), rng.integers(0, 255, (12, 16, 3)).astype(np.uint8))
    cv2.imwrite(str(folder / f"{name}.png"), label)


@pytest.fixture
def root(tmp_path):
    for number in (1, 2, 3):
        for frame in range(2):
            add_frame(tmp_path / "data" / f"room{number}", f"{frame:03d}", 10 * number + frame)
    return tmp_path / "data"


@pytest.fixture
def space(repository):
    return LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")


def protocol(**changes):
    return Protocol("all", "plain", "scannet20", "a test", **changes)


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_defect_is_listed_counted_and_none_ends_the_work(root, space, tmp_path):
    (root / "room1" / "000.jpg").write_bytes(b"damaged")
    (root / "room3" / "001.png").unlink()
    (root / "room4").mkdir()
    prepared = prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    assert prepared.frames == {"train": 2, "val": 2}
    listed = (tmp_path / "out" / "defects.txt").read_text().splitlines()
    assert sorted(line.split("\t")[0] for line in listed) == [
        "missing file",
        "missing file",
        "unreadable image",
    ]
    assert all(line.split("\t")[1] == "left out" for line in listed)
    text = prepared.text()
    assert "2 missing file" in text and "1 unreadable image" in text
    assert {row.scene for row in read_manifest(tmp_path / "out")} == {"room1", "room2", "room3"}
    assert read_scans(tmp_path / "out") == []


def test_labels_are_read_in_the_classes_of_the_model(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    frames = ManifestFrames(tmp_path / "out", "val", space)
    assert [(f.scene, f.name) for f in frames.frames] == [("room2", "000"), ("room2", "001")]
    raw = cv2.imread(str(root / "room2" / "001.png"), -1)
    expected = np.full(raw.shape, 255)
    expected[raw == 1], expected[raw == 5] = 0, 4
    assert np.array_equal(frames.load(1)[1], expected)


def test_a_protocol_of_another_size_resizes_images_and_labels(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol(size=(6, 8))), tmp_path / "out", space)
    image, label = ManifestFrames(tmp_path / "out", "train", space).load(0)
    assert image.shape == (6, 8, 3) and label.shape == (6, 8)
    whole = cv2.imread(str(root / "room1" / "000.jpg"))[..., ::-1].astype(float)
    means = whole.reshape(6, 2, 8, 2, 3).mean((1, 3))
    assert np.abs(image - means).max() <= 1
    raw = cv2.imread(str(root / "room1" / "000.png"), -1)
    quarters = space.lookup("nyu40")[raw].reshape(6, 2, 8, 2).transpose(0, 2, 1, 3)
    assert (quarters.reshape(6, 8, 4) == label[..., None]).any(-1).all()


def test_an_interrupted_run_goes_on_to_the_same_files(root, space, tmp_path):
    whole = prepare_dataset(PlainReader(root, protocol()), tmp_path / "whole", space)
    (root / "zz_interrupted").mkdir()
    with pytest.raises(KeyboardInterrupt):
        prepare_dataset(PlainReader(root, protocol()), tmp_path / "parts", space)
    (root / "zz_interrupted").rmdir()
    assert not (tmp_path / "parts" / "manifest.jsonl").exists()
    scenes = tmp_path / "parts" / "scenes"
    done = {path.name: path.stat().st_mtime_ns for path in scenes.iterdir()}
    assert len(done) == 3
    prepared = prepare_dataset(PlainReader(root, protocol()), tmp_path / "parts", space)
    assert prepared.frames == whole.frames
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert all((scenes / name).stat().st_mtime_ns == t for name, t in done.items())


def test_a_mended_scene_is_read_anew(root, space, tmp_path):
    sound = (root / "room1" / "000.jpg").read_bytes()
    (root / "room1" / "000.jpg").write_bytes(b"damaged")
    assert prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space).defects
    (root / "room1" / "000.jpg").write_bytes(sound)
    prepared = prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    assert prepared.defects == [] and prepared.frames == {"train": 4, "val": 2}
    assert (tmp_path / "out" / "defects.txt").read_text() == ""


@pytest.fixture
def run(root, space, tmp_path):
    """Prepares, and says which scenes were read."""

    def written():
        return {path.stem: path.stat().st_mtime_ns for path in (out / "scenes").glob("*.json")}

    def prepare():
        before = written()
        prepared = prepare_dataset(PlainReader(root, protocol()), out, space)
        return prepared, {scene for scene, time in written().items() if before.get(scene) != time}

    out = tmp_path / "out"
    return prepare


def test_what_has_not_changed_is_not_read_again(root, run, tmp_path):
    assert run()[1] == {"room1", "room2", "room3"}
    before = files(tmp_path / "out")
    assert run()[1] == set()
    assert files(tmp_path / "out") == before


def test_a_frame_that_was_added_is_found(root, run):
    run()
    add_frame(root / "room2", "002", 99)
    prepared, read = run()
    assert prepared.frames == {"train": 4, "val": 3} and read == {"room2"}


def test_a_scene_of_which_a_label_was_changed_is_read_anew(root, run, tmp_path):
    run()
    before = [row.sha256 for row in read_manifest(tmp_path / "out")]
    cv2.imwrite(str(root / "room3" / "001.png"), np.full((12, 16), 7, np.uint8))
    assert run()[1] == {"room3"}
    after = [row.sha256 for row in read_manifest(tmp_path / "out")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True] * 5 + [False]


def test_a_scene_of_another_split_is_read_anew(root, run, monkeypatch):
    run()
    splits = {"room1": "train", "room2": "val", "room3": "test"}
    monkeypatch.setattr(PlainReader, "scenes", lambda _: splits)
    prepared, read = run()
    assert prepared.frames == {"train": 2, "val": 2, "test": 2} and read == {"room3"}


def test_premises_of_the_data_set_that_changed_have_scenes_read_anew(root, run, monkeypatch):
    run()
    monkeypatch.setattr(PlainReader, "premises", lambda _, scene: ["meshes"] * (scene != "room1"))
    assert run()[1] == {"room2", "room3"}


def test_a_frame_that_could_not_be_read_for_a_moment_is_read_anew(root, run, monkeypatch):
    read_bytes = Path.read_bytes

    def fail(path):
        if path == root / "room1" / "000.jpg":
            raise OSError(errno.EIO, "Input/output error")
        return read_bytes(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        prepared, _ = run()
    assert prepared.frames == {"train": 3, "val": 2}
    assert "Input/output error" in prepared.defects[0].text
    prepared, read = run()
    assert (prepared.frames, prepared.defects) == ({"train": 4, "val": 2}, [])
    assert read == {"room1"}


@pytest.mark.parametrize("content", ['{"rows": [], "scan": null, "defects": []}', "[]", "{"])
def test_what_another_version_left_is_read_anew(content, root, run, tmp_path):
    (tmp_path / "out" / "scenes").mkdir(parents=True)
    (tmp_path / "out" / "scenes" / "room1.json").write_text(content)
    prepared, read = run()
    assert prepared.frames == {"train": 4, "val": 2} and "room1" in read


def test_a_scene_of_which_an_unpacked_file_is_gone_is_unpacked_again(root, space, tmp_path):
    class Unpacking(PlainReader):
        def prepare_scene(self, scene, split, out):
            prepared = super().prepare_scene(scene, split, out)
            out.mkdir(parents=True, exist_ok=True)
            for number, row in enumerate(prepared.rows):
                copy = out / Path(row.image).name
                copy.write_bytes(Path(row.image).read_bytes())
                prepared.rows[number] = replace(row, image=str(copy))
            return prepared

    prepare_dataset(Unpacking(root, protocol()), tmp_path / "copies", space)
    whole = files(tmp_path / "copies")
    (tmp_path / "copies/unpacked/room2/001.jpg").unlink()
    prepare_dataset(Unpacking(root, protocol()), tmp_path / "copies", space)
    assert files(tmp_path / "copies") == whole


def test_a_folder_of_another_data_set_is_refused(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    before = files(tmp_path / "out")
    with pytest.raises(DatasetError, match="another data set or protocol"):
        prepare_dataset(PlainReader(root, protocol(size=(6, 8))), tmp_path / "out", space)
    assert files(tmp_path / "out") == before


def test_a_data_set_of_which_nothing_can_be_used_is_an_error(tmp_path, space):
    (tmp_path / "data" / "room1").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"nothing usable; the first defect: .*holds no frame"):
        prepare_dataset(PlainReader(tmp_path / "data", protocol()), tmp_path / "out", space)


class WanderingReader(PlainReader):
    """Goes to another folder, as a worker that was started in another one."""

    def prepare_scene(self, scene, split, out):
        os.chdir("/")
        return super().prepare_scene(scene, split, out)


def test_relative_folders_are_found_by_workers_in_another_folder(
    root, space, tmp_path, monkeypatch
):
    expected = prepare_dataset(PlainReader(root, protocol()), tmp_path / "whole", space)
    monkeypatch.chdir(root)
    reader = WanderingReader(Path("../data"), protocol())
    prepared = prepare_dataset(reader, Path("../out"), space)
    assert prepared.frames == expected.frames and prepared.defects == []
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def bare(space):
    """The same classes, of which nothing says which ids of a data set they are."""
    return LabelSpace(space.name, space.classes)


def test_a_label_space_that_does_not_know_the_data_sets_ids_is_refused(root, space, tmp_path):
    message = "'scannet20' does not say which of the ids of 'nyu40'.*give it source_ids for 'nyu40'"
    with pytest.raises(DatasetError, match=message):
        prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", bare(space))
    assert not (tmp_path / "out").exists()


def test_a_model_of_the_same_classes_reads_ids_by_the_prepared_label_space(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    with_ids, without = (
        ManifestFrames(tmp_path / "out", "train", s).load(0)[1] for s in (space, bare(space))
    )
    raw = cv2.imread(str(root / "room1" / "000.png"), -1)
    assert (without[raw == 1] == 0).all() and (without[raw == 5] == 4).all()
    assert np.array_equal(with_ids, without)
    other = LabelSpace("other", space.classes[:3])
    with pytest.raises(DatasetError, match="whose classes are not those of 'other'"):
        ManifestFrames(tmp_path / "out", "train", other)


def test_paths_in_the_manifest_are_relative_to_it(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    lines = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["image"] == "../data/room1/000.jpg"
    tmp_path.joinpath("moved").mkdir()
    for name in ("data", "out"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert len(ManifestFrames(tmp_path / "moved" / "out", "train", space)) == 4
    assert ManifestFrames(tmp_path / "moved" / "out", "train", space).load(3)[0].shape == (
        12,
        16,
        3,
    )


def test_data_and_list_that_have_moved_together_need_no_reading(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    (tmp_path / "elsewhere").mkdir()
    for name in ("data", "out"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    whole = files(tmp_path / "elsewhere" / "out")
    (tmp_path / "elsewhere" / "out" / "scenes" / "room2.json").unlink()
    moved = tmp_path / "elsewhere"
    prepared = prepare_dataset(PlainReader(moved / "data", protocol()), moved / "out", space)
    assert prepared.frames == {"train": 4, "val": 2}
    assert files(moved / "out") == whole


def test_a_list_that_has_moved_away_from_its_data_is_refused(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    (tmp_path / "deep").mkdir()
    (tmp_path / "out").rename(tmp_path / "deep" / "out")
    with pytest.raises(DatasetError, match="from another --root"):
        prepare_dataset(PlainReader(root, protocol()), tmp_path / "deep" / "out", space)
