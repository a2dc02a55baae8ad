# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest

from seg3d2d_ros.labels import LabelClass, LabelSpace
from training.inspection.pictures import (
    NO_LABEL_COLOR,
    NOT_MEASURED,
    class_colors,
    depth_colors,
    depth_picture,
    depth_range,
    jpeg,
    points_picture,
    shrink,
)
from training.projection.visible_points import VisiblePoints

SPACE = LabelSpace("two", (LabelClass(0, "a", (255, 0, 0)), LabelClass(1, "b", (0, 0, 255))))


def test_points_lie_where_they_project_and_near_ones_on_top():
    image = np.full((100, 200, 3), 200, np.uint8)
    u, v = np.array([20, 20, 150], np.float32), np.array([30, 30, 70], np.float32)
    visible = VisiblePoints(u, v, np.array([5, 6, 7], np.uint32))
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    picture = points_picture(image, visible, colors)
    for column, row, color in ((20, 30, colors[0]), (150, 70, colors[2])):
        drawn = np.argwhere((picture == color).all(-1))
        np.testing.assert_allclose(drawn.mean(0), (row, column), atol=0.51)
    assert not (picture == colors[1]).all(-1).any()
    assert picture[90, 10].tolist() == [70, 70, 70]  # 200 * 0.35


def test_dark_points_are_brighter_than_the_image_and_keep_their_hue():
    visible = VisiblePoints(np.float32([5, 15]), np.float32([5, 5]), np.array([0, 1], np.uint32))
    colors = np.array([[50, 50, 50], [10, 20, 40]], np.uint8)
    picture = points_picture(np.full((10, 20, 3), 255, np.uint8), visible, colors)
    assert picture[5, 5].tolist() == [115, 115, 115]
    assert picture[5, 15].tolist() == [29, 58, 115]
    assert (picture[0] == 89).all()


def test_points_move_with_an_image_that_is_shrunk():
    image = np.zeros((300, 1280, 3), np.uint8)
    visible = VisiblePoints(
        np.array([1001], np.float32), np.array([201], np.float32), np.zeros(1, np.uint32)
    )
    picture = points_picture(image, visible, np.full((1, 3), 255, np.uint8))
    assert picture.shape == (150, 640, 3)
    # (1001 + 0.5) / 2 - 0.5
    np.testing.assert_allclose(np.argwhere(picture[..., 0]).mean(0), (100.25, 500.25), atol=0.5)


def test_points_at_the_edge_do_not_leave_the_picture():
    corners = np.array([[-0.5, -0.5], [19.4, -0.5], [19.4, 9.4], [-0.5, 9.4]], np.float32)
    visible = VisiblePoints(corners[:, 0], corners[:, 1], np.arange(4, dtype=np.uint32))
    picture = points_picture(
        np.zeros((10, 20, 3), np.uint8), visible, np.full((4, 3), 255, np.uint8)
    )
    assert picture[0, 0].all() and picture[0, 19].all() and picture[9, 19].all()
    assert not picture[5, 10].any()


def test_depth_colours_run_from_near_to_far_and_gaps_are_grey():
    depth = np.array([[0, 1, 2, 3]], np.float32)
    picture = depth_picture(depth, 1.0, 3.0)
    wanted = cv2.applyColorMap(np.array([[0, 127, 255]], np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    np.testing.assert_array_equal(picture[0, 1:], wanted[0])
    assert tuple(picture[0, 0]) == NOT_MEASURED
    np.testing.assert_array_equal(depth_colors(np.float32([0.1, 9]), 1, 3), wanted[0, [0, 2]])


def test_the_range_of_depths_ignores_gaps_and_outliers():
    depth = np.concatenate([np.zeros(500), np.linspace(1, 3, 1000), [60.0]]).astype(np.float32)
    near, far = depth_range(depth[:700], depth[700:])
    assert (near, far) == pytest.approx((1.0, 3.0), abs=0.03)
    assert depth_range(np.zeros((3, 3), np.float32)) is None
    assert depth_range() is None


def test_what_has_no_class_is_grey():
    colors = class_colors(np.array([0, 1, 255], np.uint8), SPACE)
    assert colors.tolist() == [[255, 0, 0], [0, 0, 255], list(NO_LABEL_COLOR)]


def test_ids_are_not_averaged_when_they_are_shrunk():
    ids = np.zeros((1300, 900), np.uint8)
    ids[:, 450:] = 200
    small = shrink(ids, ids=True)
    assert small.shape == (640, 443) and set(np.unique(small)) == {0, 200}


def test_jpegs_keep_the_colour_of_small_dots():
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:12, 10:12] = (255, 0, 0)
    back = cv2.imdecode(np.frombuffer(jpeg(image), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    red, green, blue = back[10:12, 10:12].reshape(-1, 3).mean(0)
    assert red > 180 and green < 60 and blue < 60
