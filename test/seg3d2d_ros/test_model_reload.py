# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Loading models one after the other, beside the one that runs."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest

pytest.importorskip("rclpy")

from seg3d2d_ros.model_reload import ModelLoader
from seg3d2d_ros.parameters import NodeParameters


def load(loader, bundle):
    loading = loader.load(NodeParameters(bundle=str(bundle), threads=1))
    deadline = time.monotonic() + 60
    while not loading.outcome.done():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return loading.outcome.result()


def test_all_models_are_loaded_in_one_thread_which_keeps_none_of_them(channel_bundle, tmp_path):
    before = set(threading.enumerate())  # other tests' loaders among them
    loader = ModelLoader()
    for _ in range(2):
        parser, output = load(loader, channel_bundle.path)
        assert parser.bundle.hash == channel_bundle.hash
        assert output.label_space == channel_bundle.label_space
        fault = load(loader, tmp_path / "nothing")
        assert isinstance(fault, str) and "no model bundle" in fault
    begun = set(threading.enumerate()) - before
    assert {thread for thread in begun if thread.name == "model-loading"} == {loader._thread}
    model = weakref.ref(parser)
    del parser, output
    deadline = time.monotonic() + 10
    while model() is not None:  # the thread may still be on its way out of the last call
        assert time.monotonic() < deadline
        gc.collect()
        time.sleep(0.01)
