# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reading damaged files of arrays: an array or a sentence, whatever the damage."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

from training.points.features.array_file import PointFeaturesError, map_array, read_arrays
from training.points.features.features_record import FeaturesRecord
from training.points.features.moments import Moments

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(50, 6)).astype(np.float16)


def npy(array=FEATURES):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.fixture
def npz(tmp_path):
    counts = np.zeros((3, 4), np.int64)
    FeaturesRecord(Moments.of(FEATURES), "a" * 64, "b" * 64, counts).write(tmp_path / "whole.npz")
    return (tmp_path / "whole.npz").read_bytes()


def refused(read, path, content):
    path.write_bytes(content)
    with pytest.raises(PointFeaturesError, match=f"{path.name} .*write it anew") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def read_record(path):
    return FeaturesRecord.read(path, 6)


def replaced(content, mark, offset, value):
    damaged = bytearray(content)
    damaged[content.index(mark) + offset] = value
    return bytes(damaged)


def test_a_header_without_its_end_is_refused(tmp_path):
    refused(map_array, tmp_path / "a.npy", replaced(npy(), b"}", 0, ord(" ")))


def test_another_kind_of_file_is_refused(tmp_path, npz):
    refused(map_array, tmp_path / "a.npy", npz)
    refused(read_record, tmp_path / "a.npz", npy())


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 99)], ids=["encrypted", "compression"])
def test_entries_that_cannot_be_unpacked_are_refused(tmp_path, npz, offset, value):
    refused(read_record, tmp_path / "a.npz", replaced(npz, b"PK\x01\x02", offset, value))


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_changed_bytes_give_an_array_or_a_sentence(tmp_path, npz, kind):
    whole, path = {"npy": npy(), "npz": npz}[kind], tmp_path / f"fuzzed.{kind}"
    read = map_array if kind == "npy" else read_record
    rng, refusals = np.random.default_rng(1), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that look like those of older versions
        for _ in range(400):
            damaged = bytearray(whole)
            for _ in range(rng.choice([1, 1, 2, 5])):
                damaged[rng.integers(140 if kind == "npy" else len(whole))] = rng.integers(256)
            path.write_bytes(damaged)
            try:
                read(path)
            except PointFeaturesError:
                refusals += 1
    assert refusals > 50


def test_arrays_of_other_types_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", mean=np.zeros(3, np.int32))
    with pytest.raises(PointFeaturesError, match="the array 'mean' is of the type int32"):
        read_arrays(tmp_path / "a.npz", {"mean": "f"})
