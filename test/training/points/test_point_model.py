# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Point models: written and read again, and all that can be wrong with them."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from seg3d2d_ros.labels import LabelSpace, LabelSpaceError  # noqa: E402
from training.points.networks.point_network import PointNetworkError  # noqa: E402
from training.points.networks.registry import build_point_network  # noqa: E402
from training.points.point_model import load_point_model, save_point_model  # noqa: E402
from training.points.sampling.voxels import VoxelSampling  # noqa: E402

CONFIG = {"in_channels": 3, "conv1_kernel_size": 3}


@pytest.fixture(scope="module")
def label_space(repository):
    return LabelSpace.load(repository / "config" / "labels" / "s3dis13.yaml")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return build_point_network("res16unet14a", CONFIG, 13).eval()


@pytest.fixture(scope="module")
def saved(network, label_space, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "small"
    save_point_model(
        folder,
        network,
        label_space,
        network_name="res16unet14a",
        config=CONFIG,
        sampling={"voxel_size": 0.05},
        licence="Apache-2.0",
        source="random weights",
        metrics={"data": "none"},
    )
    return folder


@pytest.fixture
def model(saved, tmp_path):
    """A copy to damage; its weights are a link until a test writes others."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("point_model.yaml", "label_space.yaml"):
        shutil.copy(saved / name, folder)
    os.link(saved / "weights.safetensors", folder / "weights.safetensors")
    return folder


def edit(model, **changes):
    path = model / "point_model.yaml"
    mapping = yaml.safe_load(path.read_text())
    for name, value in changes.items():
        if value is None:
            mapping.pop(name, None)
        else:
            mapping[name] = value
    path.write_text(yaml.safe_dump(mapping))


def put_weights(model, content):
    """Other weights, whose hash the description names."""
    (model / "weights.safetensors").unlink()
    (model / "weights.safetensors").write_bytes(content)
    edit(model, sha256=hashlib.sha256(content).hexdigest())


def sentence(model, kind=PointNetworkError):
    with pytest.raises(kind) as caught:
        load_point_model(model)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500
    assert str(model) in text
    return text


def test_what_is_read_is_what_was_written(saved, network, label_space):
    model = load_point_model(saved)
    assert model.description.name == "small"
    assert model.description.licence == "Apache-2.0"
    assert model.description.metrics == {"data": "none"}
    assert model.sampling == VoxelSampling(voxel_size=0.05)
    assert model.label_space.names == label_space.names
    assert not model.network.training
    for name, tensor in network.state_dict().items():
        stored = model.network.state_dict()[name]
        assert stored.dtype == tensor.dtype
        expected = tensor.half().float() if tensor.ndim > 1 else tensor
        assert torch.equal(stored, expected), name


def test_the_same_network_gives_the_same_files(saved, network, label_space, tmp_path):
    again = tmp_path / "small"
    save_point_model(
        again,
        network,
        label_space,
        network_name="res16unet14a",
        config=CONFIG,
        sampling={"voxel_size": 0.05},
        licence="Apache-2.0",
        source="random weights",
        metrics={"data": "none"},
    )
    assert sorted(p.name for p in again.iterdir()) == sorted(p.name for p in saved.iterdir())
    for path in saved.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_a_label_space_of_other_classes_is_refused(network, repository, tmp_path):
    space = LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")
    with pytest.raises(PointNetworkError, match=r"13 classes apart.*'scannet20' has 20"):
        save_point_model(
            tmp_path / "model",
            network,
            space,
            network_name="res16unet14a",
            config=CONFIG,
            sampling={},
            licence="",
            source="",
        )
    assert not (tmp_path / "model").exists()


def test_a_folder_without_a_model_says_what_makes_one(tmp_path):
    assert "holds no point model" in sentence(tmp_path)
    assert "holds no point model" in sentence(tmp_path / "absent")


def test_a_missing_file_is_named(model):
    (model / "weights.safetensors").unlink()
    assert "weights.safetensors can't be read: No such file" in sentence(model)
    (model / "label_space.yaml").unlink()
    assert "cannot read label space" in sentence(model, LabelSpaceError)


def test_truncated_weights_are_refused(model):
    content = (model / "weights.safetensors").read_bytes()
    (model / "weights.safetensors").unlink()
    (model / "weights.safetensors").write_bytes(content[: len(content) // 2])
    assert "its SHA-256 differs" in sentence(model)


@pytest.mark.parametrize("length", [0, 5, 1000, -1])
def test_truncated_weights_are_refused_even_with_their_hash(model, length):
    content = (model / "weights.safetensors").read_bytes()
    put_weights(model, content[:length])
    assert "no safetensors" in sentence(model)


def test_another_hash_is_refused(model):
    edit(model, sha256="0" * 64)
    assert "its SHA-256 differs" in sentence(model)


def test_weights_of_another_architecture_are_refused(model):
    edit(model, network="res16unet18a")
    assert "the weights of another network" in sentence(model)


def test_weights_of_other_settings_are_refused(model):
    edit(model, config={**CONFIG, "conv1_kernel_size": 5})
    assert "1 of them differ, such as 'conv0p1s1.kernel'" in sentence(model)


def test_a_label_space_of_other_classes_does_not_fit_the_weights(model, repository):
    shutil.copy(repository / "config" / "labels" / "scannet20.yaml", model / "label_space.yaml")
    assert "such as 'final.bias'" in sentence(model)


def test_another_version_is_refused_whatever_its_fields(model):
    edit(model, format="seg3d2d point model 2", sha256=None, tensors=[1])
    text = sentence(model)
    assert "'seg3d2d point model 2', this version reads 'seg3d2d point model 1'" in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"- a\n- list\n",
        b"just text",
        b"{unclosed: [",
        b"\xff\xfe\x00garbage",
        b"when: 2001-99-99\n",
        b"[" * 2000,
        b"format: seg3d2d point model 1\nname: !!python/object/apply:os.system ['true']\n",
        b"format: seg3d2d point model 1\nname: alone\n",
        b"format: seg3d2d point model 1\n3: number\n",
    ],
    ids="empty list text unclosed binary date nested code incomplete number".split(),
)
def test_a_malformed_description_is_one_sentence(model, content):
    (model / "point_model.yaml").write_bytes(content)
    assert "malformed" in sentence(model)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"config": [1, 2]}, "'config' is a list, not a dict"),
        ({"sampling": "fine"}, "'sampling' is a str, not a dict"),
        ({"sha256": 7}, "'sha256' is a int, not a str"),
        ({"network": {"a": 1}}, "'network' is a dict, not a str"),
        ({"network": "pspnet"}, "there is no 3D network 'pspnet'; there are "),
        ({"config": {"depth": 3}}, "depth"),
        ({"config": {"in_channels": "three"}}, "in_channels|'<' not supported"),
        ({"config": {"in_channels": 0}}, "at least one class and one input channel"),
        ({"config": {"in_channels": 10**14}}, "."),
        ({"config": {"shape": "res16unet18a"}}, "shape"),
        ({"config": {3: 4}}, "."),
        ({"sampling": {"voxel_size": 0}}, "voxel_size is 0"),
        ({"sampling": {"voxel_size": "fine"}}, "sampling"),
        ({"sampling": {"blocks": 1}}, "blocks"),
        ({"licence": None}, "a field is missing or unknown"),
        ({"pickle": "x"}, "a field is missing or unknown"),
    ],
)
def test_wrong_fields_are_one_sentence(model, changes, complaint):
    edit(model, **changes)
    with pytest.raises(PointNetworkError, match=complaint):
        load_point_model(model)
    sentence(model)


class Planted:
    """Leaves a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("save", ["pickle", "torch"])
def test_no_code_is_run_from_weights(model, tmp_path, save):
    planted = tmp_path / "planted"
    if save == "pickle":
        content = pickle.dumps({"state_dict": Planted(planted)})
    else:
        torch.save({"state_dict": Planted(planted)}, tmp_path / "file")
        content = (tmp_path / "file").read_bytes()
    put_weights(model, content)
    assert "no safetensors" in sentence(model)
    assert not planted.exists()
    pickle.loads(pickle.dumps(Planted(planted)))  # it would have been there
    assert planted.exists()
