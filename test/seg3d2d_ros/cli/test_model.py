# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d model info|verify|benchmark``."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import yaml

from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.cli import main


def run_json(capsys, *arguments):
    status = main([*map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_info_of_the_shipped_model(capsys, bundle_path):
    status, content = run_json(capsys, "model", "info", bundle_path)
    assert status == 0
    assert content["name"] == bundle_path.name
    assert content["hash"] == ModelBundle.load(bundle_path).hash
    metrics = content["metrics"]
    assert 35 < metrics["miou"] <= 100  # percent
    assert metrics["miou"] == pytest.approx(np.mean(list(metrics["class_iou"].values())), abs=0.1)


def test_info_for_people_is_yaml_with_the_same_content(capsys, channel_bundle):
    assert main(["model", "info", str(channel_bundle.path)]) == 0
    text = yaml.safe_load(capsys.readouterr().out)
    assert text == run_json(capsys, "model", "info", channel_bundle.path)[1]


def test_verify_of_the_shipped_model(capsys, bundle_path):
    status, content = run_json(capsys, "model", "verify", bundle_path)
    assert status == 0
    assert content["passed"]
    assert {"openvino_fp32", "onnxruntime_fp32"} <= content["metrics"].keys()
    assert all(row["label_agreement"] >= row["minimum"] for row in content["metrics"].values())


def test_verify_fails_where_labels_differ(capsys, tmp_path, write_channel_bundle):
    image = np.random.default_rng(7).integers(0, 256, (48, 64, 3), np.uint8)
    labels = np.argmax(image, axis=2).astype(np.uint8)
    labels[0] = (labels[0] + 1) % 3  # one of 48 rows is wrong
    bundle = write_channel_bundle(tmp_path / "wrong", reference=[(image, labels)])
    status, content = run_json(capsys, "model", "verify", bundle.path)
    assert status == 1
    assert not content["passed"]
    row = content["metrics"]["onnxruntime_fp32"]
    assert row == {"label_agreement": pytest.approx(100 * 47 / 48, abs=0.01), "minimum": 99.5}
    assert main(["model", "verify", str(bundle.path)]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_verify_of_a_damaged_bundle_gives_one_line(capsys, tmp_path, channel_bundle):
    folder = tmp_path / "damaged"
    shutil.copytree(channel_bundle.path, folder)
    weights = folder / channel_bundle.weights[0].path.name
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert main(["model", "verify", str(folder)]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert weights.name in errors


def test_benchmark(capsys, channel_bundle):
    arguments = ("--size", "64x48", "--frames", "3", "--threads", "1")
    status, content = run_json(capsys, "model", "benchmark", channel_bundle.path, *arguments)
    assert status == 0
    assert (content["image"], content["frames"], content["threads"]) == ("64x48", 3, 1)
    rows = content["metrics"].values()
    assert min(row["ratio"] for row in rows) == 1
    assert all(0 < row["median_ms"] <= row["p95_ms"] for row in rows)
    assert main(["model", "benchmark", str(channel_bundle.path), *arguments]) == 0
    assert "onnxruntime_fp32" in capsys.readouterr().out
