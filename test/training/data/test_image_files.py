# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing of image files."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.data.image_files import encode_image, write_image


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_what_is_written_can_be_read_back(tmp_path, kind):
    image = np.arange(24).reshape(4, 6).astype(kind) * 9
    path = write_image(tmp_path / "a.png", image)
    assert path == tmp_path / "a.png"
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert read.dtype == kind and np.array_equal(read, image)
    assert path.read_bytes() == encode_image(".png", image)


def test_options_are_the_encoders(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    sizes = [
        write_image(tmp_path / f"{q}.jpg", image, [cv2.IMWRITE_JPEG_QUALITY, q]).stat().st_size
        for q in (20, 95)
    ]
    assert sizes[0] < sizes[1] / 2


def test_a_full_or_missing_disk_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        write_image(tmp_path / "missing" / "a.png", np.zeros((2, 2), np.uint8))
    assert list(tmp_path.iterdir()) == []
