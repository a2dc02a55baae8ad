# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What NyuReader makes of a MAT-file that h5py alone has written, and what may be wrong."""

from __future__ import annotations

import json
import pickle
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("scipy")

import scipy.io

from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestFrames, read_manifest
from training.data.nyu.camera import COLOR_CAMERA, color_camera, valid_region
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset

savemat = partial(scipy.io.savemat, do_compression=True)
MAT = "nyu_depth_v2_labeled.mat"


@pytest.fixture
def prepare(repository, tmp_path):
    def run(root, protocol=None, out="out", **options):
        reader = open_dataset("nyu", root, protocol)
        space = LabelSpace.load(repository / f"config/labels/{reader.protocol.label_space}.yaml")
        return prepare_dataset(reader, tmp_path / out, space, **options)

    return run


def test_frames_are_unpacked_upright_with_their_scene_split_and_number(matlab, root, prepare):
    prepared = prepare(root)
    assert (prepared.frames, prepared.defects) == ({"train": 3, "val": 1}, [])
    rows = read_manifest(prepared.folder)
    assert [(row.name, row.scene, row.split) for row in rows] == [
        ("0001", "kitchen_0004", "train"),
        ("0002", "kitchen_0004", "train"),
        ("0003", "study_room_0001", "val"),
        ("0004", "office_0012", "train"),
    ]
    for frame, row in enumerate(rows):
        image = cv2.imread(str(prepared.folder / row.image))[..., ::-1]
        assert (image == matlab.picture(frame)).all()
        label = cv2.imread(str(prepared.folder / row.label), cv2.IMREAD_UNCHANGED)
        assert label.dtype == np.uint8 and (label == matlab.nyu40(frame)).all()
        depth = cv2.imread(str(prepared.folder / row.depth), cv2.IMREAD_UNCHANGED)
        expected = np.where(matlab.raw_depth(frame) >= 10, 0, matlab.raw_depth(frame))
        assert np.abs(depth / row.depth_scale - expected).max() <= 0.5 / 5000 + 1e-7
        assert ((depth == 0) == (expected == 0)).all()
        assert (row.pose, row.depth_invalid) == (None, [0])
        assert row.intrinsics == color_camera(matlab.WIDTH, matlab.HEIGHT).row()


def test_the_camera_backprojects_as_the_toolbox_does():
    # rgb_plane2rgb_world.m: pixels from 1, x = (u - cx) z / fx
    u, v, z = 17, 400, 2.5
    x = ((u + 1) - 325.58244941119034) * z / 518.8579011745019
    y = ((v + 1) - 253.73616633400465) * z / 519.4696111212749
    ray = COLOR_CAMERA.rays().reshape(480, 640, 3)[v, u]
    assert np.allclose(ray * z, (x, y, z), atol=1e-5)
    assert color_camera(640, 480).row() == [640, 480, *COLOR_CAMERA.row()[2:]]


def test_the_valid_region_is_the_toolboxs():
    rows, columns = valid_region(640, 480)
    # rows 45 to 471 and columns 41 to 601 counted from 1
    assert (rows.start + 1, rows.stop, columns.start + 1, columns.stop) == (45, 471, 41, 601)


def test_outside_of_the_valid_region_nothing_is_labelled_in_nyu40_cropped(matlab, root, prepare):
    prepared = prepare(root, "nyu40_cropped")
    row = read_manifest(prepared.folder)[0]
    label = cv2.imread(str(prepared.folder / row.label), cv2.IMREAD_UNCHANGED)
    rows, columns = valid_region(matlab.WIDTH, matlab.HEIGHT)
    assert (rows, columns) == (slice(1, 6), slice(1, 9))
    expected = np.zeros((matlab.HEIGHT, matlab.WIDTH), np.uint8)
    expected[rows, columns] = matlab.nyu40(0)[rows, columns]
    assert (label == expected).all() and (label == 0).any()
    image = cv2.imread(str(prepared.folder / row.image))[..., ::-1]
    assert (image == matlab.picture(0)).all()


@pytest.mark.parametrize(
    ("protocol", "chair", "lamp"), [("nyu40", 4, 34), ("nyu13", 3, 6), ("nyu20", 4, 255)]
)
def test_trainings_see_the_classes_of_the_protocol(matlab, root, prepare, protocol, chair, lamp):
    folder = prepare(root, protocol).folder
    frames = ManifestFrames(folder, "val", LabelSpace.load(folder / "label_space.yaml"))
    image, label = frames.load(0)
    assert (image == matlab.picture(2)).all()
    assert (label[2, 7], label[0, 3], label[0, 0]) == (chair, lamp, 255)


def test_scenes_go_to_several_processes_and_give_the_same(root, prepare):
    alone = read_manifest(prepare(root).folder)
    assert read_manifest(prepare(root, out="again", workers=2).folder) == alone


def test_a_reader_travels_without_the_file(root):
    reader = open_dataset("nyu", root)
    assert len(reader.scenes()) == 3
    assert len(pickle.dumps(reader)) < 2000


def test_a_scene_in_both_splits_keeps_each_frames_own(root, prepare):
    savemat(root / "splits.mat", {"trainNdxs": [[2], [4]], "testNdxs": [[1], [3]]})
    rows = read_manifest(prepare(root).folder)
    assert [row.split for row in rows] == ["val", "train", "val", "train"]


def test_a_scene_has_the_split_of_its_first_frame_that_is_in_a_list(root):
    savemat(root / "splits.mat", {"trainNdxs": [[3]], "testNdxs": [[2]]})
    assert open_dataset("nyu", root).scenes() == {
        "kitchen_0004": "val",  # whose first frame is in neither list
        "study_room_0001": "train",
        "office_0012": "train",  # of which no frame is in a list
    }


def only_defect(prepared, frames):
    (defect,) = prepared.defects
    assert sum(prepared.frames.values()) == frames
    assert "\n" not in defect.text
    return defect


def test_without_raw_depth_frames_are_used_without_depth(matlab, root, prepare):
    matlab.write_mat(root / MAT, rawDepths=None)
    prepared = prepare(root)
    defect = only_defect(prepared, 4)
    assert "lacks rawDepths" in defect.text and not defect.dropped
    assert all(row.depth is None for row in read_manifest(prepared.folder))


def test_raw_depth_of_another_shape_is_not_used(matlab, root, prepare):
    matlab.write_mat(root / MAT, rawDepths=np.ones((6, 10, 3), np.float32))
    defect = only_defect(prepare(root), 4)
    assert "rawDepths of" in defect.text and "(3, 10, 6)" in defect.text


def test_a_label_without_a_name_leaves_its_frame_out(matlab, root, prepare):
    wrong = np.stack([matlab.labels(k) for k in range(4)], 2)
    wrong[3, 3, 1] = 5
    matlab.write_mat(root / MAT, labels=wrong)
    defect = only_defect(prepare(root), 3)
    assert "frame 2 of" in defect.text and "has the labels 5, beyond the 4" in defect.text
    assert defect.dropped and defect.scene == "kitchen_0004"


def test_a_frame_without_labels_is_left_out(matlab, root, prepare):
    none = np.stack([matlab.labels(k) * (k != 2) for k in range(4)], 2)
    matlab.write_mat(root / MAT, labels=none)
    assert "0003.png has no labelled pixel" in only_defect(prepare(root), 3).text


def test_a_frame_in_neither_list_is_left_out(root, prepare):
    savemat(root / "splits.mat", {"trainNdxs": [[1], [2]], "testNdxs": [[3]]})
    assert "frame 4 of" in only_defect(prepare(root), 3).text


def test_lists_that_name_other_frames_are_a_defect(root, prepare):
    savemat(root / "splits.mat", {"trainNdxs": [[1], [2], [4], [9]], "testNdxs": [[3]]})
    assert (
        "names 1 frames that the data set does not have (9)" in only_defect(prepare(root), 4).text
    )


def test_depth_that_is_no_number_is_no_measurement(matlab, root, prepare):
    depth = np.stack([matlab.raw_depth(k) for k in range(4)], 2)
    depth[1, 1, 0], depth[1, 2, 0], depth[1, 3, 0] = np.nan, np.inf, -1
    matlab.write_mat(root / MAT, rawDepths=depth)
    folder = prepare(root).folder
    row = read_manifest(folder)[0]
    image = cv2.imread(str(folder / row.depth), cv2.IMREAD_UNCHANGED)
    assert (image[1, 1:4] == 0).all() and image[1, 4] == round(3.25 * 5000)


@pytest.mark.parametrize("name", ["images", "labels", "names", "scenes"])
def test_a_missing_array_is_one_sentence(matlab, root, name):
    matlab.write_mat(root / MAT, **{name: None})
    with pytest.raises(DatasetError, match=f"labeled.mat lacks {name}; get it anew"):
        open_dataset("nyu", root).scenes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((6, 10, 4), np.uint8)}, "images of .* not uint8 pictures"),
        ({"images": np.zeros((6, 10, 3, 4), np.float32)}, "images of .* is float32.*not uint8"),
        ({"labels": np.zeros((10, 6, 4), np.uint16)}, r"labels of .* \(4, 10, 6\)"),
        ({"labels": np.zeros((6, 10, 4), np.float64)}, "labels of .* is float64"),
        ({"scenes": ["kitchen_0004"]}, "has 1 scenes for 4 frames"),
        ({"scenes": np.zeros((4, 1), np.uint8)}, "scenes of .* is no list of strings"),
        ({"scenes": ["a", "b", "../c", "d"]}, "has a scene '../c', where names are like"),
        ({"names": ["a", "b", "c", "d", "e"]}, "maps 4 classes, where the data set names 5"),
    ],
)
def test_wrong_contents_are_one_sentence(matlab, root, change, message):
    matlab.write_mat(root / MAT, **change)
    with pytest.raises(DatasetError, match=message) as caught:
        open_dataset("nyu", root).scenes()
    assert "\n" not in str(caught.value)


def test_no_file_an_old_file_and_a_cut_off_file_are_one_sentence(root):
    path = root / MAT
    content = path.read_bytes()
    savemat(path, {"images": np.zeros(3)})
    with pytest.raises(DatasetError, match="is a MAT-file of version 5, the published one is of"):
        open_dataset("nyu", root).scenes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="is no HDF5 file or is cut off .*truncated"):
        open_dataset("nyu", root).scenes()
    path.write_bytes(b"")
    with pytest.raises(DatasetError, match="is no HDF5 file or is cut off"):
        open_dataset("nyu", root).scenes()
    path.unlink()
    with pytest.raises(DatasetError, match=r"nyu holds no nyu_depth_v2_labeled.mat, the labelled"):
        open_dataset("nyu", root).scenes()


def test_a_damaged_frame_costs_that_frame_alone(root, prepare):
    import h5py

    with h5py.File(root / MAT, "r+") as file:
        for name in ("images", "rawDepths"):
            data = file[name][()]
            del file[name]
            file.create_dataset(
                name, data=data, chunks=(1, *data.shape[1:]), compression="gzip", fletcher32=True
            )
        spots = [
            file[name].id.get_chunk_info_by_coord((frame, *[0] * (file[name].ndim - 1)))
            for name, frame in (("images", 1), ("rawDepths", 2))
        ]
    content = bytearray((root / MAT).read_bytes())
    for spot in spots:
        content[spot.byte_offset + spot.size // 2] ^= 0xFF
    (root / MAT).write_bytes(content)
    prepared = prepare(root)
    assert sum(prepared.frames.values()) == 3
    texts = {defect.dropped: defect.text for defect in prepared.defects}
    assert "images of frame 2 can't be read" in texts[True]
    assert "rawDepths of frame 3 can't be read" in texts[False]
    rows = {row.name: row for row in read_manifest(prepared.folder)}
    assert rows["0003"].depth is None and rows["0004"].depth is not None


def test_bytes_changed_by_chance_never_end_in_anything_but_a_sentence(root, prepare):
    content = (root / MAT).read_bytes()
    rng = np.random.default_rng(3)
    outcomes = set()
    for number in range(40):
        damaged = bytearray(content)
        for spot in rng.integers(512, len(content), 6):
            damaged[spot] = int(rng.integers(256))
        (root / MAT).write_bytes(damaged)
        try:
            prepare(root, out=f"out{number}")
            outcomes.add("read")
        except DatasetError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_the_command_prints_what_it_found(root, tmp_path, capsys, repository, monkeypatch):
    from training.__main__ import main

    monkeypatch.chdir(repository)
    words = ["prepare", "--dataset", "nyu", "--root", str(root), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "frames: 3 train, 1 val; 0 scans" in capsys.readouterr().out
    assert json.loads((tmp_path / "out/manifest.jsonl").read_text().splitlines()[0])
    command = (tmp_path / "out/commands.txt").read_text().splitlines()[1]
    assert command.startswith("python -m training prepare --dataset nyu ")
    (Path(root) / MAT).unlink()
    assert main([*words[:-1], str(tmp_path / "other")]) == 1
    assert "holds no nyu_depth_v2_labeled.mat" in capsys.readouterr().err
