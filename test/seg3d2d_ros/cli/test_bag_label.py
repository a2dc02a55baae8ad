# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d bag label``."""

from __future__ import annotations

import pytest

from seg3d2d_ros.bag.frame_source import open_frame_source
from seg3d2d_ros.cli import main
from seg3d2d_ros.parser import ParserConfig, SceneParser

pytest.importorskip("rosbags")
pytest.importorskip("onnxruntime")


def test_the_shipped_recording(repository, channel_bundle, tmp_path, capsys):
    bag = repository / "recordings" / "living_room"
    out = tmp_path / "labelled"
    words = ["--bundle", str(channel_bundle.path), "--backend", "onnxruntime"]
    assert main(["bag", "label", str(bag), str(out), *words]) == 0
    assert "labelled in" in capsys.readouterr().out
    labels = open_frame_source(out, "/parse/label")
    images = open_frame_source(bag)
    assert len(labels) == len(images) > 50
    parser = SceneParser(channel_bundle, ParserConfig("onnxruntime"))
    for label, image in zip(labels, images, strict=True):
        assert label.stamp_ns == image.stamp_ns
        assert (label.image[..., 0] == parser.parse(image.image).labels).all()


def test_faults_of_use_are_one_line(tmp_path, channel_bundle, capsys):
    (tmp_path / "empty").mkdir()
    for source, said in (("none", "does not exist"), ("empty", "no metadata.yaml")):
        words = [
            str(tmp_path / source),
            str(tmp_path / "out"),
            "--bundle",
            str(channel_bundle.path),
        ]
        assert main(["bag", "label", *words]) == 2
        error = capsys.readouterr().err
        assert said in error and len(error.splitlines()) == 1
