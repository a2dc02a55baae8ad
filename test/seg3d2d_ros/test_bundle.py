# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import hashlib
import os
import pickle
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from seg3d2d_ros.bundle import BundleError, InputSpec, ModelBundle, resolve_bundle
from seg3d2d_ros.bundle_writer import WeightsSource, write_bundle


@pytest.fixture
def copy(channel_bundle, tmp_path):
    """A copy of a good bundle to damage."""
    return shutil.copytree(channel_bundle.path, tmp_path / "copy")


def rewrite(folder, change):
    """Change bundle.yaml and its hash, as someone would who edits a bundle on purpose."""
    mapping = yaml.safe_load((folder / "bundle.yaml").read_text())
    change(mapping)
    content = yaml.safe_dump(mapping).encode()
    (folder / "bundle.yaml").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (folder / "bundle.sha256").write_text(f"{digest}  bundle.yaml\n")


def refusal(folder):
    with pytest.raises(BundleError) as raised:
        ModelBundle.load(folder)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_round_trip_keeps_everything(channel_bundle):
    bundle = ModelBundle.load(channel_bundle.path)
    assert bundle == channel_bundle
    assert bundle.name == "brightest-channel"
    assert bundle.input == InputSpec(48, 64, 16, (0.0, 0.0, 0.0), (64.0, 64.0, 64.0))
    assert bundle.temperature == 2.0
    assert bundle.metrics == {"mIoU": 100.0}
    assert [w.format for w in bundle.weights] == ["onnx"]
    assert {f.path.name for f in bundle.files()} == {
        "model.onnx", "MODEL_CARD.md", "0.png", "0_label.png",
    }  # fmt: skip


def test_bundle_hash_is_what_sha256sum_checks(channel_bundle):
    done = subprocess.run(
        ["sha256sum", "--check", "bundle.sha256"],
        cwd=channel_bundle.path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "bundle.yaml: OK\n"
    assert (channel_bundle.path / "bundle.sha256").read_text().startswith(channel_bundle.hash)


def test_nothing_temporary_is_left(write_channel_bundle, tmp_path):
    first = write_channel_bundle(tmp_path / "model")
    second = write_channel_bundle(tmp_path / "model", temperature=1.0)
    assert first.hash != second.hash
    assert ModelBundle.load(tmp_path / "model").temperature == 1.0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "model.onnx"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"reference": [(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8))]},
            "labels have the shape",
        ),
        ({"weights": []}, "at least one weights file"),
        ({"weights": [WeightsSource("x.pt2", "pt2", "fp32")]}, "'pt2' is none of"),
        ({"weights": [WeightsSource(Path("absent"), "onnx", "fp32")]}, "can't be written"),
        ({"temperature": 0.0}, "temperature must be above 0"),
    ],
)
def test_a_failed_write_keeps_the_old_bundle(write_channel_bundle, tmp_path, change, message):
    old = write_channel_bundle(tmp_path / "model")
    temperature = change.pop("temperature", None)
    with pytest.raises(BundleError, match=message):
        if temperature is None:
            write_channel_bundle(tmp_path / "model", **change)
        else:
            _write(tmp_path / "model", old, temperature=temperature)
    assert ModelBundle.load(tmp_path / "model") == old
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "model.onnx"]


def _write(folder, like, **changes):
    arguments = {
        "name": like.name, "label_space": like.label_space, "network": like.network,
        "input": like.input, "output_stride": 1, "temperature": like.temperature,
        "weights": [WeightsSource(like.weights[0].path, "onnx", "fp32")], "reference": [],
        "card": "", "metrics": {}, "provenance": {}, "licence": "Apache-2.0", "credits": [],
    }  # fmt: skip
    return write_bundle(folder, **(arguments | changes))


def test_a_place_that_is_no_folder_is_named(channel_bundle, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="file/model can't be written"):
        _write(tmp_path / "file" / "model", channel_bundle)


def test_missing_parts(copy, tmp_path):
    assert "is no folder" in refusal(tmp_path / "absent")
    (copy / "model.onnx").unlink()
    assert "model.onnx of the bundle can't be read (No such file" in refusal(copy)
    (copy / "bundle.sha256").unlink()
    assert "bundle.sha256 can't be read" in refusal(copy)
    (copy / "bundle.yaml").unlink()
    assert "bundle.yaml can't be read" in refusal(copy)


@pytest.mark.parametrize("name", ["model.onnx", "reference/0_label.png", "MODEL_CARD.md"])
def test_one_changed_byte_anywhere_is_noticed(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    assert f"{name} is not the one the bundle was made with" in refusal(copy)


def test_a_picture_of_the_card_is_hashed_and_may_be_replaced(write_channel_bundle, tmp_path):
    with_picture = write_channel_bundle(tmp_path / "model", card_picture=b"a picture")
    assert with_picture.card_picture.path == tmp_path / "model" / "MODEL_CARD.jpg"
    assert with_picture.card_picture.read() == b"a picture"
    (tmp_path / "model" / "MODEL_CARD.jpg").write_bytes(b"b picture")
    assert "MODEL_CARD.jpg is not the one the bundle was made with" in refusal(tmp_path / "model")
    assert write_channel_bundle(tmp_path / "model").card_picture is None
    assert not (tmp_path / "model" / "MODEL_CARD.jpg").exists()


def test_tampered_yaml(copy):
    text = (copy / "bundle.yaml").read_text()
    (copy / "bundle.yaml").write_text(text.replace("temperature: 2.0", "temperature: 9.0"))
    assert "was altered after export" in refusal(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format_version=2), "has format version 2, this release reads 1"),
        (lambda m: m.pop("format_version"), "has format version None"),
        (lambda m: m.pop("label_space"), "malformed (KeyError: 'label_space')"),
        (lambda m: m["label_space"].update(classes=[]), "has no classes"),
        (lambda m: m["input"].update(height=50), "50x64 is no multiple of 16"),
        (lambda m: m["input"].update(std=[1, 0, 1]), "std above 0"),
        (lambda m: m["input"].update(mean=[1]), "three finite numbers each"),
        (lambda m: m["input"].update(std=[1.0, float("nan"), 1.0]), "three finite numbers each"),
        (lambda m: m["input"].update(height=float("inf")), "malformed (OverflowError"),
        (lambda m: m["input"].update(height=1 << 20, width=1 << 20), "beyond"),
        (lambda m: m.update(temperature=float("inf")), "above 0 and finite"),
        (lambda m: m.update(weights=[]), "lists no weights"),
        (lambda m: m["weights"][0].update(format="pt2"), "format 'pt2'"),
        (lambda m: m["weights"][0].update(path="../other.onnx"), "outside the bundle folder"),
        (lambda m: m["weights"][0].update(path="/etc/passwd"), "outside the bundle folder"),
        (lambda m: m.update(weights=7), "malformed"),
    ],
)
def test_yaml_that_was_edited_with_its_hash(copy, change, message):
    rewrite(copy, change)
    assert message in refusal(copy)


def test_a_link_out_of_the_bundle_is_refused(copy, tmp_path):
    shutil.move(copy / "model.onnx", tmp_path / "model.onnx")
    (copy / "model.onnx").symlink_to(tmp_path / "model.onnx")
    assert "outside the bundle folder" in refusal(copy)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"!!python/object/apply:os.system ['true']", "no plain YAML"),
        (b"[1, 2]", "no YAML mapping"),
        (b"\xc3\x28", "no plain YAML"),
        (b" " * (1 << 21), "larger than 1 MiB"),
    ],
)
def test_yaml_that_is_none(copy, content, message):
    (copy / "bundle.yaml").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (copy / "bundle.sha256").write_text(f"{digest}  bundle.yaml\n")
    assert message in refusal(copy)


class Payload:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (str(self.marker),))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_in_disguise_is_refused_and_not_run(copy, tmp_path, protocol):
    marker = tmp_path / "ran"
    content = pickle.dumps(Payload(marker), protocol)
    (copy / "model.onnx").write_bytes(content)
    rewrite(
        copy,
        lambda m: m["weights"][0].update(
            size=len(content), sha256=hashlib.sha256(content).hexdigest()
        ),
    )
    assert "stated to be onnx but is a Python pickle or archive" in refusal(copy)
    assert not marker.exists()


def test_find_weights_names_what_there_is(channel_bundle):
    assert channel_bundle.find_weights("openvino", "onnx").format == "onnx"
    with pytest.raises(BundleError, match="no weights as safetensors, only as onnx"):
        channel_bundle.find_weights("safetensors")


def test_resolve_by_path_and_by_name(channel_bundle, tmp_path, bundle_path):
    assert resolve_bundle(channel_bundle.path) == channel_bundle.path
    assert resolve_bundle("rooms-lite0-scannet20").name == "rooms-lite0-scannet20"
    with pytest.raises(BundleError, match="no model bundle 'absent'.*rooms-lite0-scannet20"):
        resolve_bundle("absent")
    with pytest.raises(BundleError, match="is no model bundle: it holds no bundle.yaml"):
        resolve_bundle(tmp_path)


def test_the_shipped_bundle_is_whole(bundle_path):
    bundle = ModelBundle.load(bundle_path)
    assert bundle.label_space.name == "scannet20"
    assert sum(f.size for f in bundle.files()) < 20e6
    assert len(bundle.reference) >= 2


def test_deeply_nested_yaml_is_refused(copy):
    content = b"[" * 5000 + b"]" * 5000
    (copy / "bundle.yaml").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (copy / "bundle.sha256").write_text(f"{digest}  bundle.yaml\n")
    assert "is no plain YAML" in refusal(copy)


@pytest.mark.parametrize("names", [["thesis.txt"], ["bundle.yaml", "bundle.sha256", "checkpoints"]])
def test_a_folder_that_holds_something_else_is_not_replaced(write_channel_bundle, tmp_path, names):
    target = tmp_path / "precious"
    target.mkdir()
    for name in names:
        (target / name).write_text("work of years")
    with pytest.raises(BundleError, match="holds something else than a model bundle"):
        write_channel_bundle(target)
    assert sorted(path.name for path in target.iterdir()) == sorted(names)


def test_a_bundle_or_an_empty_folder_is_replaced(write_channel_bundle, tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    first = write_channel_bundle(target)
    second = write_channel_bundle(target, temperature=3.0)
    assert first.hash != second.hash
    assert ModelBundle.load(target).temperature == 3.0
