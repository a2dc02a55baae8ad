# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import ctypes

import pytest

from seg3d2d_ros.engine_cache import cuda_device_name, engine_folder


def test_whatever_an_engine_depends_on_names_its_folder(channel_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    choices = {"runtime": "onnxruntime-1.20", "device": "NVIDIA Orin/nvgpu", "precision": "fp16"}
    folder = engine_folder(channel_bundle, **choices)
    assert folder.is_dir() and folder.parent == tmp_path / "seg3d2d" / "engines"
    assert folder == engine_folder(channel_bundle, **choices)
    others = {engine_folder(channel_bundle, **(choices | {key: "another"})) for key in choices}
    assert len(others | {folder}) == 4 and channel_bundle.hash[:16] in folder.name


def test_without_a_driver_the_device_is_unknown():
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        assert cuda_device_name(0) == "unknown"
    else:
        pytest.skip("there is a CUDA driver")
