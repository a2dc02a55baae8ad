# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Association of time stamps and poses between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from training.data.defects import DefectError
from training.data.rgbd.tum import Track, associate


def test_stamps_are_paired_with_the_nearest_within_the_limit():
    first = np.array([10.0, 10.033, 10.066, 11.0])
    second = np.array([10.070, 10.001, 10.040, 11.0201])
    assert associate(first, second, 0.02) == {0: 1, 1: 2, 2: 0}
    assert associate(first, np.empty(0), 0.02) == {}
    # The limit itself counts, also with large seconds.
    assert associate(np.array([1305031102.16]), np.array([1305031102.18]), 0.02) == {0: 0}


def test_a_stamp_belongs_to_one_pair_and_the_nearest_pair_wins():
    assert associate(np.array([1.000, 1.010]), np.array([1.009]), 0.02) == {1: 0}
    # What loses its nearest takes the next.
    assert associate(np.array([1.000, 1.010]), np.array([1.009, 0.985]), 0.02) == {1: 0, 0: 1}


def test_pairs_agree_with_trying_all_of_them():
    rng = np.random.default_rng(3)
    first, second = rng.uniform(0, 3, 60), rng.uniform(0, 3, 70)
    gaps = np.abs(first[:, None] - second)
    expected = {}
    while (gaps <= 0.02).any():
        i, j = np.unravel_index(gaps.argmin(), gaps.shape)
        expected[int(i)] = int(j)
        gaps[i, :] = gaps[:, j] = np.inf
    assert associate(first, second, 0.02) == expected


def test_a_pose_between_two_is_interpolated():
    turns = Rotation.from_rotvec([[0, 0, 0], [0, 0, np.pi / 2]])
    track = Track(
        np.array([5.0, 5.01]),
        np.array([[0.0, 0, 0], [1.0, 2, 3]]),
        turns.as_quat(),
        Path("truth.txt"),
    )
    pose = track.at(5.0025)
    np.testing.assert_allclose(pose[:3, 3], [0.25, 0.5, 0.75], atol=1e-9)
    angle = np.deg2rad(22.5)
    np.testing.assert_allclose(pose[:2, 0], [np.cos(angle), np.sin(angle)], atol=1e-9)
    # Near the end the last pose counts; further away there is none.
    np.testing.assert_allclose(track.at(5.025)[:3, 3], [1, 2, 3])
    with pytest.raises(DefectError, match="no pose within 20 ms"):
        track.at(5.04)


def test_remarks_repeated_stamps_and_lost_poses_are_skipped(tmp_path):
    path = tmp_path / "groundtruth.txt"
    path.write_text(
        "# time tx ty tz qx qy qz qw\n\n"
        "2.0 7 0 0 0 0 0 1\n"
        "1.0 5 0 0 0 0 0 1\n"
        "1.0 6 0 0 0 0 0 1\n"
        "1.5 0 0 0 0 0 0 0\n"
        "1.6 nan 0 0 0 0 0 1\n"
    )
    track = Track.read(path)
    assert track.at(1.0)[0, 3] == 5
    assert track.at(2.0)[0, 3] == 7
    with pytest.raises(DefectError, match="no pose within"):
        track.at(1.5)
    path.write_text("# nothing\n")
    with pytest.raises(DefectError, match="holds no pose"):
        Track.read(path)
