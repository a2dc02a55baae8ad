# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which frame's a pose of a trajectory is, where images are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("open3d")

from training.data.defects import DefectError, DefectKind
from training.data.rgbd.places_in_order import places_in_order
from training.data.rgbd.redwood import RedwoodLayout


def places(colors, length, depths=()):
    paths = [[Path(f"{name}.png") for name in names] for names in (colors, depths)]
    return places_in_order(*paths, range(length), Path("trajectory.log"))


@pytest.mark.parametrize(
    ("names", "length", "expected"),
    [
        (("0", "1", "2"), 3, [0, 1, 2]),
        (("0", "1", "2"), 2, [0, 1, 2]),  # the tracking ended early
        (("0", "2"), 3, [0, 2]),
        (("0", "2"), 4, [0, 2]),  # 3 is missing, too
        (("0", "1"), 4, [0, 1]),
        (("000001", "000002", "000003"), 3, [0, 1, 2]),
        (("000001", "000003"), 3, [0, 2]),
        (("8", "10"), 3, [0, 2]),
        (("1-0000000", "3-0066733"), 3, [0, 2]),  # number and time
        (("frame_7", "frame_9"), 3, [0, 2]),
        (("8", "18", "28"), 3, [0, 1, 2]),  # every tenth, with a pose each
        (("1305.25", "1305.31", "1306.10"), 3, [0, 1, 2]),  # times
        (("a", "b", "c"), 3, [0, 1, 2]),
        (("a", "b", "c"), 2, [0, 1, 2]),
        (("8", "10"), 0, [0, 1]),
    ],
)
def test_a_place_is_the_number_less_the_first_one(names, length, expected):
    assert places(names, length) == expected


@pytest.mark.parametrize(
    ("names", "length", "text"),
    [
        (("0", "2", "3"), 2, "there are 3, numbered 0 to 3"),
        (("1", "2"), 3, "there are 2, numbered 1 to 2"),  # which end is missing?
        (("8", "10"), 11, "there are 2, numbered 8 to 10"),
        (("8", "18", "28"), 5, "there are 3, numbered 8 to 28"),
        (("a", "b"), 3, "there are 2, whose names have no numbers"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(names, length, text):
    with pytest.raises(DefectError, match=f"has poses of {length} frames.*{text}") as caught:
        places(names, length)
    assert caught.value.kind is DefectKind.LOST_POSE


def test_depth_images_tell_of_colour_images_that_are_missing_at_the_ends():
    assert places(("2", "3"), 3, depths=("1", "2", "3")) == [1, 2]
    assert places(("1", "2"), 3, depths=("1", "2", "3")) == [0, 1]
    with pytest.raises(DefectError):
        places(("2", "3"), 3, depths=("100", "101"))  # of another numbering


@pytest.mark.parametrize("layout", ["redwood", "redwood_json"])
def test_a_frame_after_a_missing_one_keeps_its_own_pose(wall, layout, tmp_path):
    getattr(wall, layout)(tmp_path / "lab")
    (tmp_path / "lab/color/9.png").unlink()
    found = RedwoodLayout().find(tmp_path / "lab")
    assert [frame.name for frame in found.frames] == ["8", "10"]
    for frame, k in zip(found.frames, (0, 2), strict=True):
        np.testing.assert_allclose(frame.pose, wall.poses[k], atol=1e-9)
    assert [defect.kind for defect in found.defects] == [DefectKind.STRAY_FILE] * 2
    assert "the first of frame 1" in found.defects[1].text  # and its depth image
    assert not any(defect.dropped for defect in found.defects)


def test_frames_whose_poses_are_refused_are_used_without_and_it_is_said_once(wall, tmp_path):
    wall.redwood(tmp_path / "lab")
    for name in ("color/8.png", "depth/8.png"):
        (tmp_path / "lab" / name).unlink()
    found = RedwoodLayout().find(tmp_path / "lab")
    assert [frame.pose for frame in found.frames] == [None, None]
    (defect,) = found.defects
    assert defect.kind is DefectKind.LOST_POSE and not defect.dropped
    assert "there are 2, numbered 9 to 10" in defect.text
