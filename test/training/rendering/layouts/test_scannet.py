# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")

from training.data.intrinsics import Intrinsics
from training.rendering.camera import look_at
from training.rendering.domain import Part
from training.rendering.layout import furnish
from training.rendering.layouts.scannet import (
    FRAMES_FOLDER,
    ScanNetLayout,
    SceneWriter,
    write_splits,
)
from training.rendering.render import GroundTruth
from training.rendering.room_job import RoomJob

CAMERA = Intrinsics.from_fov(40, 30, 1.0)


def frame(seed):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (3, 4, 3)).astype(np.uint8)
    return (
        cv2.resize(coarse, (40, 30), interpolation=cv2.INTER_CUBIC),
        GroundTruth(
            rng.uniform(0, 9, (30, 40)).astype(np.float32),
            rng.integers(0, 41, (30, 40)).astype(np.uint8),
            rng.integers(0, 400, (30, 40)).astype(np.uint16),
        ),
        look_at(rng.uniform(0, 3, 3), np.zeros(3)),
    )


def test_files_read_back_as_scannets(tmp_path):
    frames = [frame(k) for k in range(2)]
    with SceneWriter(tmp_path / FRAMES_FOLDER / "scene0007_00", CAMERA, CAMERA) as writer:
        for color, truth, pose in frames:
            writer.add(color, truth, truth.depth, pose, 95)
    folder = tmp_path / "scannet_frames_25k" / "scene0007_00"
    for k, (color, truth, pose) in enumerate(frames):
        read = lambda part, k=k: cv2.imread(str(folder / part / f"{k:06d}.png"), -1)  # noqa: E731
        depth, label, instance = read("depth"), read("label"), read("instance")
        assert depth.dtype == np.uint16 and np.abs(depth / 1000 - truth.depth).max() <= 0.0005001
        assert label.dtype == np.uint8 and (label == truth.label).all()
        assert instance.dtype == np.uint8 and (instance == np.minimum(truth.instance, 255)).all()
        assert np.allclose(np.loadtxt(folder / f"pose/{k:06d}.txt"), pose, atol=1e-6)
        jpeg = cv2.imread(str(folder / f"color/{k:06d}.jpg"))[..., ::-1]
        assert jpeg.shape == color.shape and np.corrcoef(jpeg.ravel(), color.ravel())[0, 1] > 0.98
    for name in ("intrinsics_color.txt", "intrinsics_depth.txt"):
        matrix = np.loadtxt(folder / name)
        assert matrix.shape == (4, 4) and np.allclose(matrix[:3, :3], CAMERA.matrix, atol=1e-5)


def test_a_scene_appears_only_when_it_is_complete(tmp_path):
    with (
        pytest.raises(RuntimeError),
        SceneWriter(tmp_path / FRAMES_FOLDER / "scene0000_00", CAMERA, CAMERA) as writer,
    ):
        color, truth, pose = frame(0)
        writer.add(color, truth, truth.depth, pose, 90)
        raise RuntimeError
    assert list((tmp_path / "scannet_frames_25k").iterdir()) == []


def test_splits_are_lists_of_scene_names(tmp_path):
    write_splits(tmp_path, {"train": ["scene0000_00", "scene0002_00"], "val": []})
    assert (tmp_path / "splits/train.txt").read_text() == "scene0000_00\nscene0002_00\n"
    assert (tmp_path / "splits/val.txt").read_text() == ""


def room_job(out, **changes):
    options = {
        "index": 2,
        "part": Part("A", "train"),
        "seed": 0,
        "frames": 1,
        "size": (40, 30),
        "furniture": out,
        "kind": "bathroom",
        "carrier": None,
        "scan": True,
        "depth_size": (20, 15),
        "layout": ScanNetLayout(),
    }
    return RoomJob(out, **(options | changes))


def write(job):
    rng = np.random.default_rng(6)
    return list(job.layout.write(job, furnish(job.kind, None, rng), rng))


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_missing_of_a_room_is_written_again_and_nothing_else(tmp_path):
    pytest.importorskip("scipy")
    with_sens = room_job(tmp_path, sens=True)
    assert not with_sens.done and write(with_sens) == [1] and with_sens.done
    scan = tmp_path / "scans/scene0002_00"
    assert sorted(path.name.removeprefix("scene0002_00") for path in scan.iterdir()) == [
        ".aggregation.json",
        ".sens",
        ".txt",
        "_2d-label-filt.zip",
        "_vh_clean_2.0.010000.segs.json",
        "_vh_clean_2.labels.ply",
        "_vh_clean_2.ply",
    ]
    whole = contents(tmp_path)
    (scan / "scene0002_00.sens").unlink()
    assert room_job(tmp_path).done and not with_sens.done
    assert write(with_sens) == [] and contents(tmp_path) == whole  # out of the finished frames
    (scan / "scene0002_00_vh_clean_2.labels.ply").unlink()  # the last of a mesh's files
    assert not room_job(tmp_path).done and room_job(tmp_path, scan=False).done
    assert write(with_sens) == [] and contents(tmp_path) == whole


def test_a_recording_needs_no_mesh(tmp_path):
    job = room_job(tmp_path, scan=False, sens=True)
    assert write(job) == [1] and job.done
    names = sorted(path.name for path in (tmp_path / "scans/scene0002_00").iterdir())
    assert names == ["scene0002_00.sens", "scene0002_00.txt", "scene0002_00_2d-label-filt.zip"]
