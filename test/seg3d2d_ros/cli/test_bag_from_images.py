# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d bag from-images``."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from seg3d2d_ros.bag.frame_source import open_frame_source
from seg3d2d_ros.cli import main

pytest.importorskip("rosbags")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "images"
    made.mkdir()
    for number in range(4):
        cv2.imwrite(str(made / f"{number}.png"), np.full((48, 64, 3), 50 * number, np.uint8))
    (made / "camera-intrinsics.txt").write_text("70 0 31.5\n0 70 23.5\n0 0 1\n")
    return made


def test_folder_to_bag(folder, tmp_path, capsys):
    bag = tmp_path / "walk"
    assert main(["bag", "from-images", str(folder), str(bag), "--rate", "10"]) == 0
    assert capsys.readouterr().out.startswith(f"4 frames written to {bag} (")
    source = open_frame_source(bag)
    frames = list(source)
    assert [f.stamp_ns - frames[0].stamp_ns for f in frames] == [0, 10**8, 2 * 10**8, 3 * 10**8]
    values = [float(f.image.mean()) for f in frames]
    assert values == pytest.approx([0, 50, 100, 150], abs=1)
    assert source.calibration.k[:3] == (70, 0, 31.5)


def test_damaged_image_is_left_out_and_named(folder, tmp_path, capsys):
    (folder / "1.png").write_bytes(b"no image")
    arguments = ["bag", "from-images", str(folder), str(tmp_path / "walk"), "--frames", "3"]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("3 frames written")
    assert captured.err.startswith("seg3d2d: 1.png left out: ")


def test_existing_bag_is_not_overwritten(folder, tmp_path, capsys):
    bag = tmp_path / "walk"
    bag.mkdir()
    (bag / "precious").write_text("data")
    assert main(["bag", "from-images", str(folder), str(bag)]) == 2
    assert str(bag) in capsys.readouterr().err
    assert [path.name for path in bag.iterdir()] == ["precious"]
