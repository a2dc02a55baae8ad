# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Contact sheets: every pixel of a picture beside its truth and its labels, in known places."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from seg3d2d_ros.labels import LabelClass, LabelSpace
from seg3d2d_ros.overlay import draw_legend
from training import contact_sheet
from training.contact_sheet import ParsedPicture, draw_contact_sheet, encode_contact_sheet

SPACE = LabelSpace(
    "things",
    (
        LabelClass(0, "wall", (200, 0, 0)),
        LabelClass(1, "floor", (0, 200, 0)),
        LabelClass(2, "absent", (0, 0, 200)),
    ),
)


def picture(height=128, width=256):
    image = np.full((height, width, 3), (10, 120, 240), np.uint8)
    truth = np.zeros((height, width), np.uint8)
    truth[height // 2 :] = 1
    truth[:, : width // 4] = 255
    return ParsedPicture(image, truth, np.zeros_like(truth))


def test_image_truth_and_labels_lie_side_by_side_in_the_colours_of_the_label_space():
    sheet = draw_contact_sheet([picture(), picture()], SPACE)
    assert sheet.shape[0] == 24 + 2 * (128 + 6)
    for top in (24, 24 + 128 + 6):
        row = sheet[top : top + 128]
        assert (row[:, :256] == (10, 120, 240)).all()
        assert (row[:, 256:262] == 255).all()
        assert (row[:64, 262 + 64 : 518] == (200, 0, 0)).all()
        assert (row[64:, 262 + 64 : 518] == (0, 200, 0)).all()
        assert (row[:, 262 : 262 + 64] == 0).all()  # without a class
        assert (row[:, 524:780] == (200, 0, 0)).all()
    legend = sheet[:, 786:]
    assert (legend == draw_legend(SPACE, {0, 1}, len(sheet))).all()


def test_upright_and_odd_sizes_fit_their_tiles():
    sheet = draw_contact_sheet([picture(512, 100), picture(33, 50)], SPACE)
    assert sheet.shape[0] == 24 + (256 + 6) + (169 + 6)
    assert (sheet[24:280, :50] == (10, 120, 240)).all() and (sheet[24:280, 50:262] == 255).all()


def test_labels_of_16_bits_have_colours():
    many = LabelSpace("many", tuple(LabelClass(k, f"c{k}", (k % 251, 7, 9)) for k in range(300)))
    labels = np.full((64, 64), 299, np.uint16)
    sheet = draw_contact_sheet(
        [ParsedPicture(np.zeros((64, 64, 3), np.uint8), labels, labels)], many
    )
    assert (sheet[24:280, 262:518] == (299 % 251, 7, 9)).all()


def test_a_sheet_too_large_is_compressed_more_and_else_refused(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    noisy = [picture(256, 256)._replace(image=noise)] * 4
    best = encode_contact_sheet(noisy, SPACE)
    assert len(best) <= contact_sheet.MAX_BYTES
    drawn = draw_contact_sheet(noisy, SPACE)
    decoded = cv2.imdecode(np.frombuffer(best, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert decoded.shape == drawn.shape
    truth = np.s_[40:120, 350:500]  # within one class
    assert np.abs(decoded[truth].astype(int) - drawn[truth]).max() <= 8
    monkeypatch.setattr(contact_sheet, "MAX_BYTES", len(best) * 2 // 3)
    assert len(encode_contact_sheet(noisy, SPACE)) <= len(best) * 2 // 3
    monkeypatch.setattr(contact_sheet, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="4 pictures takes .* more than 1000; give fewer"):
        encode_contact_sheet(noisy, SPACE)


def test_no_picture_and_labels_of_another_size_are_refused():
    with pytest.raises(ValueError, match="at least one picture"):
        draw_contact_sheet([], SPACE)
    with pytest.raises(ValueError, match=r"sizes \(128, 256\), \(128, 256\) and \(3, 4\)"):
        draw_contact_sheet([picture()._replace(parsed=np.zeros((3, 4), np.uint8))], SPACE)
