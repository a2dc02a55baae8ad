# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import struct

import numpy as np
import pytest

from seg3d2d_ros.bag.label_store import BagLabelError, LabelStore

LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.fixture
def store(tmp_path):
    return LabelStore(tmp_path / "new" / ".out.labels")


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(np.uint16) * 5000])
def test_labels_are_kept_for_the_same_job(store, labels):
    with store.held({"bag": "a"}):
        store.write(7, labels)
    with LabelStore(store.folder).held({"bag": "a"}):
        assert 7 in store and 6 not in store
        read = store.read(7)
        assert read.dtype == labels.dtype and (read == labels).all()
    store.remove()
    assert not store.folder.exists()


def test_labels_of_another_job_are_not_taken(store):
    with store.held({"bag": "a"}):
        store.write(0, LABELS)
    with pytest.raises(BagLabelError, match=r"out\.labels holds the begun labels of another bag"):
        store.held({"bag": "b"}).__enter__()
    # what is left of a removal that was interrupted belongs to nobody
    (store.folder / "job.json").unlink()
    with store.held({"bag": "b"}):
        assert store.is_empty()
        store.write(1, LABELS)
    with store.held({"bag": "b"}):
        assert 1 in store


def test_nothing_is_left_of_a_job_without_labels(store):
    with pytest.raises(ZeroDivisionError), store.held({"bag": "a"}):
        raise ZeroDivisionError
    assert not store.folder.exists()


def test_one_process_at_a_time(store):
    with store.held({"bag": "a"}):
        with pytest.raises(BagLabelError, match="another process is writing .* wait for it"):
            LabelStore(store.folder).held({"bag": "a"}).__enter__()
        store.write(0, LABELS)
    with LabelStore(store.folder).held({"bag": "a"}):
        assert 0 in store


@pytest.fixture
def three(store):
    """Content of the file with labels of the images 0 to 2, and where each record ends."""
    ends = []
    with store.held({"bag": "a"}):
        for index in range(3):
            store.write(index, LABELS + index)
            ends.append((store.folder / "labels").stat().st_size)
    return (store.folder / "labels").read_bytes(), ends


def cut_off(content, place):
    return content[:place]


def extended(content, place):
    """As where a file system had room for a file's length before its content."""
    return content[:place] + bytes(1000)


@pytest.mark.parametrize("damaged", [cut_off, extended])
def test_wherever_the_file_is_damaged_the_labels_before_are_kept(store, three, damaged):
    content, ends = three
    for place in range(len(content)):
        (store.folder / "labels").write_bytes(damaged(content, place))
        again = LabelStore(store.folder)
        with again.held({"bag": "a"}):
            whole = sum(end <= place for end in ends)
            assert again.indices() == set(range(whole))
            for index in range(whole, 3):
                again.write(index, LABELS + index)
            assert all((again.read(index) == LABELS + index).all() for index in range(3))
        assert (store.folder / "labels").read_bytes() == content


@pytest.fixture
def reads(monkeypatch):
    """How many bytes were asked for at once."""
    asked, pread = [], os.pread

    def reads(file, size, place):
        asked.append(size)
        return pread(file, size, place)

    monkeypatch.setattr(os, "pread", reads)
    return asked


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_of_a_wrong_bit_one_label_dies_or_where_records_end(store, three, reads, bit):
    content, ends = three
    begins = [0, *ends[:-1]]
    # as documented: magic, four numbers of four bytes, then the size of the frame
    bounds = {begin + k for begin in begins for k in (0, 1, 2, 3, 20, 21, 22, 23)}
    for begin, end in zip(begins, ends, strict=True):
        assert struct.unpack_from("<I", content, begin + 20) == (end - begin - 24 - 4,)
    file = store.folder / "labels"
    for place in range(len(content)):
        wrong = bytearray(content)
        wrong[place] ^= 1 << bit
        file.write_bytes(wrong)
        hit = sum(end <= place for end in ends)
        lost = set(range(hit, 3)) if place in bounds else {hit}
        reads.clear()
        again = LabelStore(store.folder)
        with again.held({"bag": "a"}):
            assert max(reads) <= len(content)
            assert again.indices() == {0, 1, 2} - lost
            for index in lost:
                again.write(index, LABELS + index)
        mended = file.read_bytes()
        # what is damaged stays where whole records follow it, else it makes room
        assert mended.startswith(wrong if max(lost) < 2 else content)
        once_more = LabelStore(store.folder)
        with once_more.held({"bag": "a"}):
            assert all((once_more.read(index) == LABELS + index).all() for index in range(3))
        assert file.read_bytes() == mended


def test_of_two_records_of_an_image_the_later_counts(store):
    with store.held({"bag": "a"}):
        store.write(0, LABELS)
        store.write(0, LABELS + 1)
    with LabelStore(store.folder).held({"bag": "a"}):
        pass
    again = LabelStore(store.folder)
    with again.held({"bag": "a"}):
        assert len(again) == 1 and (again.read(0) == LABELS + 1).all()


@pytest.mark.parametrize("end", [0, 10, 60, 1000])
def test_of_another_job_not_a_byte_is_changed(store, three, monkeypatch, end):
    content, _ = three
    wrong = content[:end] + b"torn"
    (store.folder / "labels").write_bytes(wrong)
    files = {file: file.read_bytes() for file in store.folder.iterdir()}
    with pytest.raises(BagLabelError, match="another bag, camera, model, backend or version"):
        store.held({"bag": "b"}).__enter__()
    monkeypatch.setattr("seg3d2d_ros.bag.label_store._FORMAT", 0)
    with pytest.raises(BagLabelError, match="another bag, camera, model, backend or version"):
        store.held({"bag": "a"}).__enter__()
    assert {file: file.read_bytes() for file in store.folder.iterdir()} == files


def test_a_job_that_is_damaged_is_another(store, three):
    (store.folder / "job.json").write_bytes(b"\xff\x00{")
    with pytest.raises(BagLabelError, match="another bag, camera, model, backend or version"):
        store.held({"bag": "a"}).__enter__()
    assert (store.folder / "labels").read_bytes() == three[0]


def test_damage_meanwhile_is_said(store):
    with store.held({"bag": "a"}):
        store.write(0, LABELS)
        file = store.folder / "labels"
        file.write_bytes(file.read_bytes()[:-1] + b"x")
        with pytest.raises(BagLabelError, match="labels has been damaged; the same command"):
            store.read(0)
        file.write_bytes(b"")
        with pytest.raises(BagLabelError, match="labels has been damaged; the same command"):
            store.read(0)


def test_what_does_not_fit_leaves_the_others_whole(store):
    import resource

    noise = np.random.default_rng(1).integers(0, 256, (40, 50), np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with store.held({"bag": "a"}):
        store.write(0, noise)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                store.write(1, noise)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        store.write(2, noise)
        assert store.indices() == {0, 2}
    again = LabelStore(store.folder)
    with again.held({"bag": "a"}):
        assert again.indices() == {0, 2}
        assert (again.read(2) == noise).all()


def test_labels_of_an_older_version_are_refused(store):
    store.folder.mkdir(parents=True)
    (store.folder / "job.json").write_text('{\n "bag": "a"\n}')
    (store.folder / "000000.png").write_bytes(b"label image")
    with pytest.raises(BagLabelError, match="an older version of seg3d2d began; remove it"):
        store.held({"bag": "a"}).__enter__()
    assert (store.folder / "000000.png").exists()
