# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where pixels go, against what OpenCV does to images, and frames that a protocol resizes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import JoinedFrames, LabelledFrame, LabelledFrames
from training.data.resizing import compose, moved, resize_matrix


@pytest.mark.parametrize(("from_size", "to_size"), [((60, 90), (20, 45)), ((40, 30), (120, 60))])
def test_the_matrix_of_a_resize_is_that_of_opencv(from_size, to_size):
    v, u = np.mgrid[: from_size[0], : from_size[1]].astype(np.float32)
    matrix = resize_matrix(from_size, to_size)
    where = [
        cv2.resize(part, to_size[::-1], interpolation=cv2.INTER_LINEAR)[4:-4, 4:-4]
        for part in (u, v)
    ]
    rows, columns = np.mgrid[4 : to_size[0] - 4, 4 : to_size[1] - 4]
    made = moved(matrix, *where)
    np.testing.assert_allclose(made[0], columns, atol=1e-3)
    np.testing.assert_allclose(made[1], rows, atol=1e-3)


def test_corners_stay_corners_and_intrinsics_follow_the_same_map():
    matrix = resize_matrix((968, 1296), (240, 320))
    np.testing.assert_allclose(matrix @ [-0.5, -0.5, 1], [-0.5, -0.5])
    np.testing.assert_allclose(matrix @ [1295.5, 967.5, 1], [319.5, 239.5])
    camera = Intrinsics(1296, 968, 1170.2, 1165.5, 650.1, 480.3)
    scaled = camera.scaled(320, 240)
    wanted = np.vstack([matrix, [0, 0, 1]]) @ camera.matrix
    np.testing.assert_allclose(scaled.matrix, wanted)
    np.testing.assert_array_equal(resize_matrix((7, 9), (7, 9)), np.eye(2, 3))


def test_two_maps_after_each_other_are_one():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(-2, 2, (2, 2, 3))
    place = rng.uniform(0, 100, 2)
    halfway = first @ [*place, 1]
    np.testing.assert_allclose(compose(second, first) @ [*place, 1], second @ [*halfway, 1])


def frame_on_disk(folder, height, width):
    image = np.zeros((height, width, 3), np.uint8)
    cv2.imwrite(str(folder / "image.png"), image)
    cv2.imwrite(str(folder / "label.png"), np.zeros((height, width), np.uint8))
    return LabelledFrame("scene", "0", folder / "image.png", folder / "label.png")


def test_frames_say_how_they_were_resized(tmp_path):
    frame = frame_on_disk(tmp_path, 60, 81)
    table = np.arange(65536, dtype=np.uint16)
    own = LabelledFrames("train", [frame], table)
    resized = LabelledFrames("train", [frame], table, (24, 32))
    for frames, shape in ((own, (60, 81)), (resized, (24, 32))):
        image, labels, matrix = frames.load_with_matrix(0)
        assert image.shape == (*shape, 3) and labels.shape == shape
        np.testing.assert_array_equal(matrix, resize_matrix((60, 81), shape))
        for made, wanted in zip(frames.load(0), (image, labels), strict=True):
            np.testing.assert_array_equal(made, wanted)
    joined = JoinedFrames([own, resized])
    assert [joined.place(k) for k in range(2)] == [(own, 0), (resized, 0)]
