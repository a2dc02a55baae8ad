# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

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


@pytest.mark.parametrize("left", [0, 20])
def test_a_damaged_label_image_is_named(store, left):
    with store.held({"bag": "a"}):
        store.write(0, LABELS)
        (file,) = store.folder.glob("*.png")
        file.write_bytes(file.read_bytes()[:left])
        with pytest.raises(BagLabelError, match=r"000000\.png is damaged; remove it, and the same"):
            store.read(0)
