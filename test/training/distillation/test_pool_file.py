# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A pool that is stored is read again where it is of the same inputs, and made anew where not."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import yaml

pytest.importorskip("torch")

from training.data.scan import Scan, write_ply
from training.distillation.pool_file import open_pool, stored_pool
from training.engine.workers import Workers
from training.points.features.features_writer import write_scene
from training.points.scenes import LabelledScenes
from training.projection.scene_file import points_sha256


@pytest.fixture
def reads(monkeypatch):
    """Scenes that are read."""
    read, load = [], LabelledScenes.load

    def counting(self, index):
        read.append(self.rows[index].scene)
        return load(self, index)

    monkeypatch.setattr(LabelledScenes, "load", counting)
    return read


@pytest.fixture
def opened(new_source, tmp_path):
    path = tmp_path / "run" / "feature_pool_0.npz"

    def open_one(show_progress=False, **settings):
        settings = {"per_class": 40} | settings
        return open_pool(path, new_source(**settings), Workers("cpu"), show_progress)

    open_one.path = path
    return open_one


def assert_alike(one, other):
    assert one.seen.tolist() == other.seen.tolist() and one.defects == other.defects
    for class_id in range(4):
        assert np.array_equal(one.vectors(class_id), other.vectors(class_id))
    assert one.draw(3, [0, 1, 2], 30)[0].equal(other.draw(3, [0, 1, 2], 30)[0])


def test_a_stored_pool_is_read_and_no_scene_is(opened, pool_data, reads, caplog):
    (pool_data.folder / "scenes" / "bath.npy").unlink()
    first = opened()
    assert reads == ["kitchen", "hall", "bath"] and first.width == 3
    content = opened.path.read_bytes()
    del reads[:]
    caplog.clear()
    assert_alike(opened(), first)
    assert not reads
    assert "bath.npy can't be read" in caplog.text  # is said at each start
    opened.path.unlink()
    opened()
    assert opened.path.read_bytes() == content
    assert list(opened.path.parent.iterdir()) == [opened.path]


def test_a_process_that_does_not_see_the_leaders_file_reads_the_scenes_itself(
    opened, new_source, reads, tmp_path
):
    class Follower(Workers):
        leads = False

    first = opened()
    (elsewhere := tmp_path / "elsewhere").mkdir()
    del reads[:]
    follower = Follower("cpu")
    assert_alike(open_pool(opened.path, new_source(per_class=40), follower), first)
    assert not reads
    path = elsewhere / opened.path.name
    assert_alike(open_pool(path, new_source(per_class=40), follower), first)
    assert reads and not list(elsewhere.iterdir())


def other_labels(data):
    scan = data.scans["hall"]
    write_ply(data.prepared / "hall.ply", Scan(scan.points, scan.colors, scan.labels // 2))


def other_points(data):
    scan = data.scans["hall"]
    write_ply(data.prepared / "hall.ply", Scan(scan.points + 1, scan.colors, scan.labels))


def other_features(data):
    values = np.load(data.folder / "scenes/hall.npy") + np.float16(1)
    write_scene(data.folder, "hall", values, points_sha256(data.scans["hall"].points))


def features_under_their_record(data):
    np.save(data.folder / "scenes/hall.npy", np.load(data.folder / "scenes/hall.npy") * 2)


def no_features(data):
    (data.folder / "scenes/hall.npz").unlink()


def fewer_scenes(data):
    path = data.prepared / "scans.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))


def another_teacher(data):
    path = data.folder / "features.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"teacher": "another"}))


CHANGES = (other_labels, other_points, other_features, features_under_their_record, no_features)
CHANGES += (fewer_scenes, another_teacher)


@pytest.mark.parametrize("change", CHANGES)
def test_a_pool_of_other_files_is_made_anew_and_that_is_said(
    opened, pool_data, reads, caplog, change, new_pool
):
    opened()
    del reads[:]
    change(pool_data)
    with caplog.at_level(logging.INFO):
        found = opened()
    assert reads and "others than those that" in caplog.text
    assert_alike(found, new_pool(per_class=40))
    del reads[:]
    assert_alike(opened(), found)
    assert not reads


@pytest.mark.parametrize("setting", ["seed", "per_class", "most_scenes"])
def test_a_pool_of_other_settings_is_made_anew(opened, reads, setting):
    opened()
    del reads[:]
    opened(**{setting: 2})
    assert reads


def test_classes_of_another_label_space_make_another_pool(opened, pool_data, new_source, reads):
    before = new_source().fingerprint()
    assert new_source().fingerprint() == before
    source = new_source()
    source.scenes._table[1] = 0
    assert source.fingerprint() != before


def truncated(content, vectors):
    return content[: len(content) // 2]


def flipped(content, vectors):
    place = content.index(vectors) + len(vectors) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def empty(content, vectors):
    return b""


@pytest.mark.parametrize("damage", [truncated, flipped, empty])
def test_a_damaged_pool_is_made_anew_and_that_is_said(opened, reads, caplog, damage):
    first = opened()
    content = opened.path.read_bytes()
    opened.path.write_bytes(damage(content, first.vectors(0).tobytes()))
    del reads[:]
    assert_alike(opened(), first)
    assert len(reads) == 3 and "scenes are read anew" in caplog.text
    assert opened.path.read_bytes() == content


def test_arrays_that_do_not_fit_are_damage(opened, new_source, caplog):
    opened()
    with np.load(opened.path) as content:
        arrays = dict(content)
    source = new_source(per_class=40)
    for changes in ({"counts": arrays["counts"] + 1}, {"seen": arrays["seen"][:2]}):
        np.savez(opened.path, **(arrays | changes))
        assert stored_pool(opened.path, source, source.fingerprint()) is None
        assert "is damaged" in caplog.text
        caplog.clear()


def test_progress_is_shown_where_the_run_shows_it(opened, capsys):
    opened()
    assert not capsys.readouterr().err
    opened.path.unlink()
    opened(show_progress=True)
    assert "3D features: 100%" in capsys.readouterr().err
