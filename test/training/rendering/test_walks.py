# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")

from training.data.intrinsics import Intrinsics
from training.rendering.camera import look_at
from training.rendering.layout import furnish
from training.rendering.walks import FRAME_RATE, NoWayError, image_motion, walk


def recording(carrier, kind, count=50):
    furnished = furnish(kind, None, np.random.default_rng(3))
    return furnished, np.stack(walk(furnished, carrier, count, 1.1, np.random.default_rng(1)))


@pytest.mark.parametrize("kind", ["living_room", "kitchen"])
@pytest.mark.parametrize(("carrier", "low", "high"), [("hand", 1.1, 1.8), ("robot", 0.3, 1.2)])
def test_the_camera_moves_smoothly_and_through_nothing(carrier, kind, low, high):
    furnished, poses = recording(carrier, kind)
    eyes = poses[:, :3, 3]
    assert low <= eyes[:, 2].min() and eyes[:, 2].max() <= high
    steps = np.linalg.norm(np.diff(eyes, axis=0), axis=1)
    assert steps.max() < 1.0 / FRAME_RATE
    cosine = np.einsum("nij,nij->n", poses[1:, :3, :3], poses[:-1, :3, :3])
    turns = np.arccos(np.clip((cosine - 1) / 2, -1, 1))
    assert np.rad2deg(turns.max()) < 6
    for rotation in poses[:, :3, :3]:
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    # Nothing lies in the way from one frame to the next, nor within 15 cm to any side.
    way = np.diff(eyes, axis=0).astype(np.float32)
    blocked = furnished.scene.blocked(eyes[:-1].astype(np.float32), way, np.ones(len(way), "f"))
    assert not blocked.any()
    for angle in np.linspace(0, 2 * np.pi, 9):
        side = np.array([np.cos(angle), np.sin(angle), 0], np.float32)
        ways = np.broadcast_to(side, eyes.shape).astype(np.float32)
        near = furnished.scene.blocked(eyes.astype(np.float32), ways, np.full(len(eyes), 0.15, "f"))
        assert not near.any()


def test_a_robot_keeps_height_and_stays_level():
    _, poses = recording("robot", "office")
    assert np.ptp(poses[:, 2, 3]) < 1e-9
    assert np.abs(poses[:, 2, 0]).max() < 0.01  # the image's x axis is level


def test_the_same_seed_walks_the_same_way():
    assert (recording("hand", "bedroom", 20)[1] == recording("hand", "bedroom", 20)[1]).all()


def test_no_way_is_one_sentence(monkeypatch):
    monkeypatch.setattr("training.rendering.walks.CARRIERS", {"hand": lambda *_: None})
    with pytest.raises(NoWayError, match=r"^no hand gets through this bedroom [^\n]*seed$"):
        walk(furnish("bedroom", None, np.random.default_rng(0)), "hand", 3, 1.1, None, tries=2)


def test_the_pictures_motion_is_that_of_a_far_point():
    camera = Intrinsics.from_fov(320, 240, 1.0)
    eye = np.array([1.0, 2.0, 1.5])
    one = look_at(eye, eye + np.array([1.0, 0.2, -0.1]))
    other = look_at(eye, eye + np.array([1.0, 0.25, -0.12]))
    far = np.append(eye + 1e6 * one[:3, 2], 1.0)  # in the middle of the first picture
    x, y, z = (np.linalg.inv(other) @ far)[:3]
    assert image_motion(one, other, camera.fx) == pytest.approx(
        (camera.fx * x / z, camera.fx * y / z), rel=0.02
    )
