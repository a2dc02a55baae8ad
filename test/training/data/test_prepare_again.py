# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What the driver of all readers reads again, and what it does not."""

import errno
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from plain_layout import PlainReader, add_frame, files, protocol

from training.data.labelled_frames import DatasetError
from training.data.manifest import read_manifest
from training.data.prepare_dataset import prepare_dataset


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
