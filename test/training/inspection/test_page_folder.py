# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A page's folder: what of it a later page may remove."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.labelled_frames import DatasetError
from training.inspection.page_folder import LIST, PAGE, PICTURES, PageFolder

BLACK = np.zeros((4, 4, 3), np.uint8)


def write_page(path, numbers):
    folder = PageFolder(path)
    for number in numbers:
        folder.add(number, "image", BLACK)
    (path / PAGE).write_text("page")
    folder.finish()
    return folder


def names(path):
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())


def test_a_later_page_removes_the_pictures_of_the_earlier_and_nothing_else(tmp_path):
    out = tmp_path / "deep" / "out"
    write_page(out, [1, 2, 3])
    (out / PICTURES / "0007_image.jpg").write_bytes(b"of somebody else")
    (out / "notes.txt").write_text("mine")
    folder = write_page(out, [3, 5])
    assert names(out) == [
        PAGE,
        "notes.txt",
        LIST,
        f"{PICTURES}/0003_image.jpg",
        f"{PICTURES}/0005_image.jpg",
        f"{PICTURES}/0007_image.jpg",
    ]
    assert (out / LIST).read_text() == "0003_image.jpg\n0005_image.jpg\n"
    assert (out / PICTURES / "0007_image.jpg").read_bytes() == b"of somebody else"
    ours = [PAGE, LIST, f"{PICTURES}/0003_image.jpg", f"{PICTURES}/0005_image.jpg"]
    assert folder.size() == sum((out / name).stat().st_size for name in ours)


def test_a_picture_of_somebody_else_is_not_replaced(tmp_path):
    write_page(tmp_path, [1])
    (tmp_path / PICTURES / "0002_image.jpg").write_bytes(b"of somebody else")
    with pytest.raises(DatasetError, match=r"0002_image.jpg is none of the pictures in .*move it"):
        write_page(tmp_path, [1, 2])
    assert (tmp_path / PICTURES / "0002_image.jpg").read_bytes() == b"of somebody else"


@pytest.mark.parametrize("there", ["photo.jpg", f"{PICTURES}/0001_image.jpg", PAGE])
def test_a_folder_with_other_things_is_refused_and_left_as_it_was(tmp_path, there):
    (tmp_path / PICTURES).mkdir()
    (tmp_path / there).write_bytes(b"of somebody else")
    with pytest.raises(DatasetError, match="holds things that no page of a scene has written"):
        PageFolder(tmp_path)
    assert names(tmp_path) == [there]
    assert (tmp_path / there).read_bytes() == b"of somebody else"


def test_what_an_interrupted_page_left_goes_with_the_next(tmp_path):
    interrupted = PageFolder(tmp_path)
    interrupted.add(1, "image", BLACK)
    interrupted.add(2, "image", BLACK)
    write_page(tmp_path, [2, 3])
    pictures = {path.name for path in (tmp_path / PICTURES).iterdir()}
    assert pictures == {"0002_image.jpg", "0003_image.jpg"}


def test_a_list_that_names_other_files_removes_none_of_them(tmp_path):
    (tmp_path / "index.jpg").write_bytes(b"of somebody else")
    out = tmp_path / "out"
    write_page(out, [1])
    (out / LIST).write_text("../../index.jpg\n/etc/nothing\n\n0001_image.jpg\n")
    write_page(out, [2])
    assert (tmp_path / "index.jpg").exists()
    assert not (out / PICTURES / "0001_image.jpg").exists()
