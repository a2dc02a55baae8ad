# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks' figures are made with."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from bench.codec import encode, raw_message
from bench.cv_bridge_decoding import ENCODINGS, CvBridgeDecoding
from bench.frame_accounts import FrameAccounts
from bench.process_memory import MemorySample, growth
from bench.report import Report


def accounts(**changes):
    values = {"received": "8", "parsed": "6", "dropped_stale": "2", "dropped_error": "0"}
    return FrameAccounts.collect(range(10), range(5), values | changes)


def test_every_frame_is_in_one_count():
    found = accounts()
    assert (found.lost_before_node, found.lost_after_node, found.uncounted) == (2, 1, 0)
    assert found.dropped == {"stale": 2}


@pytest.mark.parametrize(
    "changes",
    [
        {"received": "9"},  # one that is neither parsed nor dropped
        {"dropped_error": "1"},  # one in two counts
        {"received": "11", "dropped_stale": "5"},  # more than were sent
        {"received": "6", "parsed": "4"},  # fewer parsed than labels came
    ],
)
def test_frames_in_no_count_or_two_are_noticed(changes):
    assert accounts(**changes).uncounted > 0


@pytest.mark.parametrize("arrived", [[0, 1, 1], [0, 77]])
def test_labels_of_no_frame_and_repeated_ones_are_noticed(arrived):
    values = {"received": "2", "parsed": "2"}
    assert FrameAccounts.collect([0, 1], arrived, values).uncounted == 1


def test_memory_growth_compares_medians_of_two_times():
    samples = [MemorySample(t, 100.0 + t, 0.0, 0.0) for t in range(100)]
    samples.append(MemorySample(95.5, 10_000.0, 0.0, 0.0))  # one spike is no growth
    assert growth(samples, (10, 20), (90, 98)) == pytest.approx(79.25, abs=0.3)
    assert growth(samples, (200, 300), (90, 98)) is None


@pytest.mark.parametrize("measured, holds", [(3.0, True), (3.1, False), (None, False)])
def test_a_bound_that_fails_is_the_exit_status(tmp_path, capsys, measured, holds):
    report = Report("some", "a\nfigure", {"out": tmp_path, "size": (1, 2), "rate": 3})
    report.add_row(name="it", figure=measured)
    report.require("the figure", measured, at_most=3.0)
    status = report.finish(tmp_path / "new" / "some.json", {"name": "name", "figure": "ms"})
    assert status == (0 if holds else 1)
    said = capsys.readouterr().out
    assert f"{'holds' if holds else 'FAILS'}: the figure: {measured} (<= 3.0)" in said
    written = json.loads((tmp_path / "new" / "some.json").read_text())
    assert written["measured"] == "a figure" and written["settings"]["rate"] == 3
    assert written["bounds"][0]["holds"] == holds
    assert written["rows"] == [{"name": "it", "figure": measured}]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_reference_decodes_what_it_should(encoding):
    """A smooth image, which a mosaic and shared chroma keep, comes back."""
    rows, columns = np.mgrid[0:48, 0:64]
    image = np.dstack([40 + 2 * columns, 200 - 2 * rows, 60 + columns + rows]).astype(np.uint8)
    message = raw_message(image, encoding)
    decoding = CvBridgeDecoding()
    found = decoding.image(message)
    expected = image
    if encoding.startswith("mono"):
        expected = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert found.shape == image.shape and found.dtype == np.uint8
    tolerance = 4 if encoding.startswith(("bayer", "yuv", "yuyv", "uyvy")) else 0
    inner = np.s_[2:-2, 2:-2]
    assert np.abs(found[inner].astype(int) - expected[inner]).max() <= tolerance


def test_the_reference_heeds_padding_and_byte_order():
    image = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    padded = np.zeros((5, 9, 3), np.uint16)
    padded[:, :7] = encode(image, "bgr16")
    message = SimpleNamespace(
        height=5,
        width=7,
        encoding="bgr16",
        is_bigendian=1,
        step=9 * 6,
        data=padded.astype(">u2").tobytes(),
    )
    assert (CvBridgeDecoding().image(message) == image).all()


@pytest.fixture
def written_out(monkeypatch):
    """The steps of cv_bridge, whether it is installed or not."""
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    decoding = CvBridgeDecoding()
    assert "written out" in decoding.by
    return decoding


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_the_reference_scales_16_bits_after_the_conversion(written_out, pattern):
    """cv_bridge.cpp: cvtColor at the source's depth, then convertTo by 255/65535."""
    image = np.random.default_rng(2).integers(0, 65536, (24, 32), np.uint16)
    message = SimpleNamespace(
        height=24, width=32, encoding=f"bayer_{pattern}16", is_bigendian=0, step=64,
        data=image.astype("<u2").tobytes(),
    )  # fmt: skip
    second_row = {"rggb": "BG", "bggr": "RG", "gbrg": "GR", "grbg": "GB"}[pattern]
    wide = cv2.cvtColor(image, getattr(cv2, f"COLOR_Bayer{second_row}2RGB"))
    assert (written_out.image(message) == np.rint(wide / 257.0)).all()


@pytest.mark.parametrize("encoding", ["uyvy", "yuyv", "nv12", "nv21", "nv24", "8UC3", "16UC1"])
def test_the_reference_refuses_what_cv_bridge_does_not_know(written_out, encoding):
    message = SimpleNamespace(height=2, width=2, encoding=encoding, step=4, data=bytes(12))
    with pytest.raises(ValueError, match=f"no '{encoding}' into rgb8"):
        written_out.image(message)


def test_the_reference_takes_compressed_images_for_colour_of_their_own_depth(written_out):
    image = np.random.default_rng(3).integers(0, 65536, (4, 6, 3), np.uint16)
    _, data = cv2.imencode(".png", image[..., ::-1])
    found = written_out.compressed_image(SimpleNamespace(data=data.tobytes()))
    assert found.dtype == np.uint16 and (found == image).all()
    with pytest.raises(ValueError, match="no image in a format"):
        written_out.compressed_image(SimpleNamespace(data=b"no picture"))


def test_a_bundle_of_another_network_is_refused(bundle_path, channel_bundle):
    pytest.importorskip("torch")
    from bench.eager_network import fill_network
    from seg3d2d_ros.bundle import BundleError, ModelBundle
    from seg3d2d_ros.networks.registry import build_network

    bundle = ModelBundle.load(bundle_path)
    config = {**bundle.network["config"], "width": 32}
    network = build_network(bundle.network["name"], config, bundle.label_space.num_classes)
    with pytest.raises(BundleError, match="does not fit network 'efficientnet_lite_fpn'"):
        fill_network(network.eval(), bundle)
    with pytest.raises(BundleError, match="0 convolutions"):
        fill_network(network.eval(), channel_bundle)


def test_safetensors_fill_the_network_where_the_bundle_holds_them(write_channel_bundle, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from safetensors.torch import save_file

    from bench.eager_network import fill_network
    from seg3d2d_ros.bundle_writer import WeightsSource
    from seg3d2d_ros.networks.registry import build_network

    torch.manual_seed(0)
    original, other = (
        build_network("efficientnet_lite_fpn", {"width": 16}, 3).eval() for _ in range(2)
    )
    save_file(original.state_dict(), tmp_path / "model.safetensors")
    weights = [WeightsSource(tmp_path / "model.safetensors", "safetensors", "fp32")]
    bundle = write_channel_bundle(tmp_path / "bundle", weights=weights)
    assert fill_network(other, bundle) == "safetensors"
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(original(image), other(image))
