# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d parse``."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from seg3d2d_ros.cli import main

COLORS = np.uint8([(255, 0, 0), (0, 255, 0), (0, 0, 255)])


@pytest.fixture
def images(tmp_path):
    """Three images of known labels by the channel bundle."""
    folder = tmp_path / "images"
    folder.mkdir()
    made = {}
    for number, size in enumerate([(48, 64), (30, 40), (96, 64)]):
        labels = np.random.default_rng(number).integers(0, 3, size, np.uint8)
        made[f"frame{number}"] = labels
        cv2.imwrite(str(folder / f"frame{number}.png"), COLORS[labels][:, :, ::-1])
    return folder, made


def parse(source, out, bundle, *options):
    return main(["parse", str(source), "--out", str(out), "--bundle", str(bundle.path), *options])


def test_folder(images, tmp_path, channel_bundle, capsys):
    folder, expected = images
    assert parse(folder, tmp_path / "new" / "out", channel_bundle) == 0
    out = tmp_path / "new" / "out"
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{name}_{kind}" for name in expected for kind in ("label.png", "overlay.jpg")
    )
    for name, labels in expected.items():
        written = cv2.imread(str(out / f"{name}_label.png"), cv2.IMREAD_UNCHANGED)
        assert written.dtype == np.uint8
        if name == "frame0":  # the network's own size: nothing is resized
            np.testing.assert_array_equal(written, labels)
        assert written.shape == labels.shape
        assert cv2.imread(str(out / f"{name}_overlay.jpg")).shape == (*labels.shape, 3)
    assert "3 images parsed" in capsys.readouterr().out


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_single_image_on_each_backend(images, tmp_path, channel_bundle, backend):
    folder, expected = images
    options = ("--backend", backend, "--precision", "fp32", "--threads", "1")
    assert parse(folder / "frame0.png", tmp_path / "out", channel_bundle, *options) == 0
    written = cv2.imread(str(tmp_path / "out" / "frame0_label.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, expected["frame0"])


def test_video(tmp_path, channel_bundle):
    path = tmp_path / "walk.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(3):
        video.write(np.full((48, 64, 3), COLORS[number][::-1], np.uint8))
    video.release()
    assert parse(path, tmp_path / "out", channel_bundle) == 0
    files = sorted((tmp_path / "out").glob("*_label.png"))
    labels = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]
    assert [int(np.median(image)) for image in labels] == [0, 1, 2]


def test_damaged_image_is_named_and_the_others_are_parsed(images, tmp_path, channel_bundle, capsys):
    folder, _ = images
    damaged = folder / "frame1.png"
    damaged.write_bytes(damaged.read_bytes()[:50])
    assert parse(folder, tmp_path / "out", channel_bundle) == 1
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert "1 failed:\n  frame1.png: " in capsys.readouterr().err


def test_full_disk_gives_one_line(images, tmp_path, channel_bundle, capsys, monkeypatch):
    def fail(path, content):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("seg3d2d_ros.cli.parse.write_file", fail)
    assert parse(images[0], tmp_path / "out", channel_bundle) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("seg3d2d: [Errno 28] No space left on device: ")
    assert list((tmp_path / "out").iterdir()) == []
