# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A small labelled MAT-file, written by h5py as MATLAB would, without any code of ours."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")

HEIGHT, WIDTH = 6, 10
NAMES = ["chair", "wall", "lamp", "floor"]
TO_40 = [5, 1, 35, 2]
SCENES = ["kitchen_0004", "kitchen_0004", "study_room_0001", "office_0012"]


def picture(frame):
    """Asymmetric in both directions: red grows to the right, green downwards, blue is the frame."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0] = 20 * np.arange(WIDTH)
    image[..., 1] = 30 * np.arange(HEIGHT)[:, None]
    image[..., 2] = 50 * frame
    return image


def labels(frame):
    label = np.full((HEIGHT, WIDTH), 2, np.uint16)  # wall
    label[4:] = 4  # floor, below
    label[1:4, 7:9] = 1  # a chair, on the right
    label[0, 0] = 0
    label[0, 1 + frame] = 3
    return label


def nyu40(frame):
    return np.array([0, *TO_40], np.uint8)[labels(frame)]


def raw_depth(frame):
    depth = np.full((HEIGHT, WIDTH), 3.25 + frame, np.float32)
    depth[:, 0] = 0
    depth[5, 9] = 10.0
    depth[2] = 1.23456
    return depth


def cells(file, name, strings):
    references = []
    for k, text in enumerate(strings):
        codes = np.array([[ord(letter)] for letter in text], np.uint16)
        references.append(file.create_dataset(f"#refs#/{name}{k}", data=codes).ref)
    file.create_dataset(name, (1, len(strings)), h5py.ref_dtype)[0] = references


def write_mat(path, frames=4, **changes):
    """``changes``: other arrays in MATLAB's shape, or None to leave one out."""
    arrays = {
        "images": np.stack([picture(k) for k in range(frames)], 3),
        "labels": np.stack([labels(k) for k in range(frames)], 2),
        "rawDepths": np.stack([raw_depth(k) for k in range(frames)], 2),
        "depths": np.ones((HEIGHT, WIDTH, frames), np.float32),
        "names": NAMES,
        "scenes": SCENES[:frames],
    } | changes
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in arrays.items():
            if isinstance(value, list):
                cells(file, name, value)
            elif value is not None:
                # MATLAB's arrays by columns are HDF5's by rows with the axes in reverse.
                file.create_dataset(name, data=value.transpose())
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


@pytest.fixture
def root(tmp_path):
    """Four frames of three scenes with a split and a mapping of their own."""
    scipy_io = pytest.importorskip("scipy.io")
    savemat = partial(scipy_io.savemat, do_compression=True)  # as MATLAB does
    folder = tmp_path / "nyu"
    folder.mkdir()
    write_mat(folder / "nyu_depth_v2_labeled.mat")
    savemat(
        folder / "splits.mat",
        {"trainNdxs": np.array([[1], [2], [4]]), "testNdxs": np.array([[3]], np.uint16)},
    )
    savemat(folder / "classMapping40.mat", {"mapClass": np.array([TO_40], np.uint8)})
    return folder


@pytest.fixture(scope="session")
def matlab():
    """What is in the file, and the function that writes it."""
    return sys.modules[__name__]
