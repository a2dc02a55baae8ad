# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What a demo keeps of its topics, and the pictures and the report it makes of that."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from seg3d2d_ros.demo import DemoError
from seg3d2d_ros.demo.observations import MAX_KEPT_FRAMES, Observations
from seg3d2d_ros.demo.pictures import write_contact_sheet, write_video
from seg3d2d_ros.demo.report import write_report
from seg3d2d_ros.labels import LabelClass, LabelSpace

SPACE = LabelSpace("two", (LabelClass(0, "wall", (200, 0, 0)), LabelClass(1, "floor", (0, 0, 200))))
ORANGE, BLUE = (230, 120, 30), (20, 60, 210)


def filled(color, size=(48, 64)):
    return np.full((*size, 3), color, np.uint8)


@pytest.fixture
def observations():
    with Observations() as made:
        for k in range(20):
            made.add_image(k, filled(ORANGE))
            if k % 2 == 0:
                made.add_overlay(k, filled(BLUE))
        yield made


def test_classes_present():
    labels = np.zeros((80, 80), np.uint8)
    labels[:, 40:] = 1
    labels[:4, :4] = 255  # unlabeled is no class
    with Observations() as made:
        made.add_labels(labels, 0.1, 1.0)
    assert made.present_classes(2) == [0, 1]
    assert made.present_classes(2, least_share=0.499) == [1]


def test_only_so_many_pictures_are_kept_and_none_large():
    with Observations() as made:
        for k in range(MAX_KEPT_FRAMES + 5):
            made.add_image(k, filled(ORANGE, (2, 2)))
        made.add_overlay(0, filled(BLUE, (1080, 1920)))
        assert made.images == MAX_KEPT_FRAMES + 5
        assert made.stamps() == [0]
        assert made.overlay(0).shape == (360, 640, 3)


def test_contact_sheet(tmp_path, observations):
    path = tmp_path / "sheet.jpg"
    write_contact_sheet(path, observations, SPACE, [0, 1])
    sheet = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    # four rows of two pairs, each of two 320x240 tiles, with gaps of 8 between
    assert sheet.shape[0] == 4 * 240 + 3 * 8
    assert sheet.shape[1] > 4 * 320 + 2 * 8
    assert np.abs(sheet[120, 160] - np.int64(ORANGE)).max() < 12
    assert np.abs(sheet[120, 480] - np.int64(BLUE)).max() < 12
    assert np.abs(sheet[868, 648 + 160] - np.int64(ORANGE)).max() < 12


def test_video(tmp_path, observations):
    path = tmp_path / "overlay.webm"
    assert write_video(path, observations.overlays(), SPACE, [0], 15.0) == 10
    assert path.read_bytes()[:4] == b"\x1a\x45\xdf\xa3"  # EBML, as WebM begins
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(15, abs=0.1)
    count = 0
    while (frame := video.read()[1]) is not None:
        count += 1
        assert np.abs(frame[24, 32, ::-1] - np.int64(BLUE)).max() < 16
    assert count == 10
    assert [file.name for file in tmp_path.iterdir()] == ["overlay.webm"]


def test_no_video_without_overlays(tmp_path):
    with pytest.raises(DemoError, match="no overlay arrived"):
        write_video(tmp_path / "overlay.webm", iter([]), SPACE, [0], 15.0)
    assert list(tmp_path.iterdir()) == []


def test_report_is_one_file(tmp_path, observations):
    sheet, video, page = (tmp_path / name for name in ("s.jpg", "v.webm", "index.html"))
    write_contact_sheet(sheet, observations, SPACE, [0])
    write_video(video, observations.overlays(), SPACE, [0], 15.0)
    rows = [("frames <sent>", "10")]
    write_report(page, title="A & B", introduction="Seen.", rows=rows, sheet=sheet, video=video)
    text = page.read_text(encoding="utf-8")
    assert "<td>frames &lt;sent&gt;</td><td>10</td>" in text
    assert "<title>A &amp; B</title>" in text
    sources = re.findall(r'src="([^"]{20})', text)
    assert sources == ["data:video/webm;base", "data:image/jpeg;base"]
    write_report(page, title="", introduction="", rows=rows, sheet=sheet, video=None)
    assert "<video" not in page.read_text(encoding="utf-8")
