# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A scene as a bag, read by a reader that knows nothing of ours."""

from __future__ import annotations

import resource

import cv2
import numpy as np
import pytest

mcap = pytest.importorskip("mcap.reader")
decoder = pytest.importorskip("mcap_ros2.decoder")
pytest.importorskip("rosbags")
pytest.importorskip("trimesh")

from seg3d2d_ros.bag.writer import BagWriteError  # noqa: E402
from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.data.labelled_frames import DatasetError  # noqa: E402
from training.scene_bag import write_scene_bag  # noqa: E402

K = np.array([[50.0, 0, 31.5, 0], [0, 52, 23.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def rotation(axis, angle):
    """Rodrigues' formula."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@pytest.fixture
def scene(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "scene0000_00"
    for part in ("color", "depth", "label", "pose"):
        (folder / part).mkdir(parents=True)
    for name in ("color", "depth"):
        np.savetxt(folder / f"intrinsics_{name}.txt", K if name == "color" else K / 2)
    for k in range(3):
        name = f"{k:06d}"
        color = np.full((48, 64, 3), 60 * k, np.uint8)
        cv2.imwrite(str(folder / "color" / f"{name}.jpg"), color)
        depth = rng.integers(0, 9000, (24, 32)).astype(np.uint16)
        cv2.imwrite(str(folder / "depth" / f"{name}.png"), depth)
        label = rng.integers(0, 41, (48, 64)).astype(np.uint8)
        cv2.imwrite(str(folder / "label" / f"{name}.png"), label)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation((1, 2 - k, 0.5), 0.3 + 1.2 * k), (1, k, 1.5)
        if k == 1:
            pose[:] = -np.inf
        np.savetxt(folder / "pose" / f"{name}.txt", pose)
    return folder


@pytest.fixture
def space(repository):
    return LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")


def read(bag):
    """Decoded messages and their times by topic."""
    found = {}
    with next(bag.glob("*.mcap")).open("rb") as stream:
        reader = mcap.make_reader(stream, decoder_factories=[decoder.DecoderFactory()])
        for _, channel, message, content in reader.iter_decoded_messages():
            found.setdefault(channel.topic, []).append((message.log_time, content))
    return found


def test_every_topic_holds_what_the_files_hold(scene, space, tmp_path):
    done = write_scene_bag(scene, tmp_path / "bag", space, rate=10)
    assert (done.frames, done.without_pose) == (3, ["000001"])
    found = read(tmp_path / "bag")
    assert {topic: len(messages) for topic, messages in found.items()} == {
        "/camera/image/compressed": 3,
        "/camera/camera_info": 3,
        "/camera/depth/image": 3,
        "/camera/depth/camera_info": 3,
        "/camera/label": 3,
        "/camera/label_info_yaml": 1,
        "/tf": 2,
    }
    times = [time for time, _ in found["/camera/label"]]
    assert np.diff(times).tolist() == [10**8, 10**8]
    ids = {1: 0, 2: 1, 39: 19, 22: 255, 0: 255}  # wall, floor, otherfurniture; ceiling, none
    for k in range(3):
        name = f"{k:06d}"
        image, depth, label = (
            found[topic][k][1]
            for topic in ("/camera/image/compressed", "/camera/depth/image", "/camera/label")
        )
        assert bytes(image.data) == (scene / "color" / f"{name}.jpg").read_bytes()
        stored = cv2.imread(str(scene / "depth" / f"{name}.png"), -1)
        assert (depth.encoding, depth.width, depth.step) == ("16UC1", 32, 64)
        assert (np.frombuffer(bytes(depth.data), "<u2").reshape(24, 32) == stored).all()
        truth = cv2.imread(str(scene / "label" / f"{name}.png"), -1)
        pixels = np.frombuffer(bytes(label.data), np.uint8).reshape(48, 64)
        assert label.encoding == "mono8" and label.header.frame_id == "camera_optical_frame"
        for nyu40, expected in ids.items():
            assert (pixels[truth == nyu40] == expected).all()
    info, depth_info = (
        found[t][0][1] for t in ("/camera/camera_info", "/camera/depth/camera_info")
    )
    assert list(info.k) == K[:3, :3].ravel().tolist() and (info.width, info.height) == (64, 48)
    assert depth_info.k[0] == 25 and (depth_info.width, depth_info.height) == (32, 24)


def test_the_transform_takes_points_of_the_camera_into_the_world(scene, space, tmp_path):
    write_scene_bag(scene, tmp_path / "bag", space)
    for (_, message), k in zip(read(tmp_path / "bag")["/tf"], (0, 2), strict=True):
        (stamped,) = message.transforms
        assert (stamped.header.frame_id, stamped.child_frame_id) == ("map", "camera_optical_frame")
        q, t = stamped.transform.rotation, stamped.transform.translation
        pose = np.loadtxt(scene / "pose" / f"{k:06d}.txt")
        point, axis = np.array([0.3, -0.2, 2.0]), np.array([q.x, q.y, q.z])
        turned = point + 2 * np.cross(axis, np.cross(axis, point) + q.w * point)
        assert turned + np.array([t.x, t.y, t.z]) == pytest.approx(
            pose[:3, :3] @ point + pose[:3, 3]
        )


def test_damage_is_named_and_nothing_is_left(scene, space, tmp_path):
    (scene / "label" / "000002.png").write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"000002\.png is no one-channel image"):
        write_scene_bag(scene, tmp_path / "bag", space)
    (scene / "pose" / "000000.txt").write_text("1 2 3")
    with pytest.raises(DatasetError, match=r"000000\.txt holds no 4x4 matrix"):
        write_scene_bag(scene, tmp_path / "bag", space)
    with pytest.raises(DatasetError, match="holds no .jpg; give a scene"):
        write_scene_bag(tmp_path, tmp_path / "bag", space)
    assert not (tmp_path / "bag").exists()
    (tmp_path / "bag").mkdir()
    with pytest.raises(BagWriteError, match="exists already"):
        write_scene_bag(scene, tmp_path / "bag", space)


def test_the_verb(scene, repository, tmp_path, capsys):
    space = str(repository / "config" / "labels" / "scannet20.yaml")
    bag = tmp_path / "bag"
    words = ["to-bag", str(scene), str(bag), "--label-space", space, "--rate", "5"]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{bag}: 3 frames, 1 without a pose\n"
    assert np.diff([time for time, _ in read(bag)["/camera/label"]]).tolist() == [2 * 10**8] * 2
    # the same scene gives the same bag, byte for byte
    again = tmp_path / "again" / "bag"
    assert main([*words[:2], str(again), *words[3:]]) == 0
    for file in bag.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()


def test_a_full_disk_leaves_nothing(scene, space, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, limits[1]))
    try:
        with pytest.raises(
            BagWriteError, match=r"bag can't be written \(File too large\); make room"
        ):
            write_scene_bag(scene, tmp_path / "new" / "bag", space)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((tmp_path / "new").iterdir()) == []
