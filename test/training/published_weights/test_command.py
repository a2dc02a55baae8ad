# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb `import`: files as trainers save them become point models."""

from __future__ import annotations

import hashlib

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from training.__main__ import main  # noqa: E402
from training.points.networks.registry import build_point_network  # noqa: E402
from training.points.point_model import load_point_model  # noqa: E402


def res16unet(classes, **config):
    torch.manual_seed(4)
    return build_point_network("res16unet14a", {"conv1_kernel_size": 3} | config, classes)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A checkpoint as a trainer leaves it, its kernels in the order of hypercubes."""
    file = tmp_path_factory.mktemp("published") / "weights.pth"
    torch.save({"state_dict": res16unet(20).state_dict(), "iteration": 5}, file)
    return file


def run(*words):
    return main(["import", *map(str, words)])


def test_a_checkpoint_becomes_a_model_that_says_where_it_is_from(published, tmp_path, capsys):
    out = tmp_path / "teacher"
    words = ["res16unet", published, "--out", out, "--licence", "MIT"]
    assert run(*words, "--kernel-order", "hypercube", "--voxel-size", "0.04") == 0
    printed = capsys.readouterr().out
    assert "is res16unet14a: 3 input channels" in printed
    assert "Not used: iteration." in printed
    model = load_point_model(out)
    assert model.description.name == "teacher"
    assert model.description.licence == "MIT"
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    assert model.description.source == (
        f"published weights weights.pth, SHA-256 {digest}, kernels read in the order hypercube"
    )
    assert model.sampling.voxel_size == 0.04
    assert model.label_space.name == "scannet20"
    weights = model.network.state_dict()
    for name, tensor in res16unet(20).state_dict().items():
        expected = tensor.half().float() if tensor.ndim > 1 else tensor
        assert torch.equal(weights[name], expected), name
    assert f"SHA-256 {model.description.sha256}" in printed


def test_kernels_are_taken_for_hybrid_unless_said_otherwise(published, tmp_path, capsys):
    out = tmp_path / "teacher"
    assert run("res16unet", published, "--out", out, "--licence", "MIT") == 0
    assert "put from the order of region HYBRID" in capsys.readouterr().out
    model = load_point_model(out)
    assert model.sampling.voxel_size == 0.02
    weights = model.network.state_dict()
    source = res16unet(20).state_dict()
    assert not torch.equal(weights["block1.0.conv1.kernel"], source["block1.0.conv1.kernel"].half())
    # what is first in HYBRID is the centre, number 13 of 27
    centre = source["block1.0.conv1.kernel"][0].half().float()
    assert torch.equal(weights["block1.0.conv1.kernel"][13], centre)


def test_classes_must_be_as_many_as_the_label_spaces(tmp_path, capsys, repository):
    file, out = tmp_path / "mine.pth", tmp_path / "teacher"
    torch.save(res16unet(13).state_dict(), file)
    words = ["res16unet", file, "--out", out, "--licence", "MIT"]
    assert run(*words) == 1
    assert capsys.readouterr().err == (
        f"error: {file} tells 13 classes apart and not which; name a file of its classes, in its "
        "own order, with --label-space\n"
    )
    assert not out.exists()
    labels = repository / "config" / "labels"
    assert run(*words, "--label-space", labels / "scannet20.yaml") == 1
    assert "tells 13 classes apart, the label space 'scannet20' has 20" in capsys.readouterr().err
    assert not out.exists()
    space = labels / "nyu13.yaml"
    assert run(*words, "--label-space", space) == 0
    assert load_point_model(out).label_space.name == "nyu13"


def test_published_stanford_networks_find_their_own_classes(tmp_path):
    file, out = tmp_path / "stanford.pth", tmp_path / "teacher"
    torch.save(res16unet(13, in_channels=6).state_dict(), file)
    assert run("res16unet", file, "--out", out, "--licence", "MIT") == 0
    model = load_point_model(out)
    assert model.label_space.name == "s3dis13"
    assert (model.sampling.voxel_size, model.sampling.positions) == (0.05, "voxels")


def test_a_model_is_not_written_over(published, tmp_path, capsys):
    out = tmp_path / "teacher"
    words = ["res16unet", published, "--out", out, "--licence", "MIT"]
    assert run(*words) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run(*words, "--kernel-order", "hypercube") == 1
    assert "holds a point model already" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_same_file_gives_the_same_model(published, tmp_path):
    for folder in ("a", "b"):
        words = ["res16unet", published, "--licence", "MIT", "--out", tmp_path / folder / "teacher"]
        assert run(*words) == 0
    for path in (tmp_path / "a" / "teacher").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "teacher" / path.name).read_bytes()


@pytest.mark.parametrize("damage", ["absent", "truncated", "text", "another", "folder"])
def test_files_that_are_no_such_weights_are_one_sentence(published, tmp_path, capsys, damage):
    file = tmp_path / "file.pth"
    if damage == "truncated":
        file.write_bytes(published.read_bytes()[:100_000])
    elif damage == "text":
        file.write_text("no weights\n")
    elif damage == "another":
        torch.save({"state_dict": {"layer.weight": torch.zeros(3)}}, file)
    elif damage == "folder":
        file.mkdir()
    for kind in ("res16unet", "pointweb"):
        out = tmp_path / kind
        assert run(kind, file, "--out", out, "--licence", "MIT") == 1
        message = capsys.readouterr().err
        assert message.startswith("error: ") and message.count("\n") == 1
        assert str(file) in message
        assert not out.exists()


def test_what_is_missing_or_wrong_on_the_command_line_is_said(published, tmp_path, capsys):
    for words, complaint in (
        ([], "required: kind"),
        (["res16unet", published, "--out", tmp_path], "required: --licence"),
        (["res16unet", published, "--licence", "MIT"], "required: --out"),
        (["minkunet", published], "invalid choice: 'minkunet'"),
        (
            ["res16unet", published, "--out", "x", "--licence", "MIT", "--voxel-size", "0"],
            "'0' is no length in metres from 0.001 to 100",
        ),
    ):
        with pytest.raises(SystemExit):
            run(*words)
        assert complaint in capsys.readouterr().err


@pytest.fixture
def sorted_s3dis(tmp_path, repository):
    """The classes of S3DIS in an order that nobody has published."""
    space = yaml.safe_load((repository / "config" / "labels" / "s3dis13.yaml").read_text())
    names = sorted(entry["name"] for entry in space["classes"])
    for entry, name in zip(space["classes"], names, strict=True):
        entry["name"] = name
    (tmp_path / "sorted.yaml").write_text(yaml.safe_dump(space | {"name": "sorted"}))
    return tmp_path / "sorted.yaml"


@pytest.mark.parametrize(
    ("kind", "build"),
    [
        ("res16unet", lambda: res16unet(13, in_channels=6)),
        ("pointweb", lambda: build_point_network("pointweb", {}, 13)),
    ],
)
def test_what_the_user_says_of_the_classes_counts(tmp_path, capsys, sorted_s3dis, kind, build):
    network = build()
    file, out = tmp_path / "own.pth", tmp_path / "teacher"
    torch.save(network.state_dict(), file)
    words = [kind, file, "--out", out, "--licence", "MIT", "--label-space", sorted_s3dis]
    assert run(*words) == 0
    printed = capsys.readouterr().out
    assert "are in the file's order and taken for those of 'sorted', as asked for" in printed
    assert "without --label-space they would be taken for those of" in printed
    model = load_point_model(out)
    assert model.label_space.name == "sorted"
    assert torch.equal(model.network.classifier[1], network.classifier[1])


def test_pointweb_without_colours_has_no_classes_that_are_known(tmp_path, capsys, sorted_s3dis):
    file, out = tmp_path / "own.pth", tmp_path / "teacher"
    torch.save(build_point_network("pointweb", {"feature_channels": 3}, 13).state_dict(), file)
    words = ["pointweb", file, "--out", out, "--licence", "MIT"]
    assert run(*words) == 1
    assert "tells 13 classes apart and not which; name a file" in capsys.readouterr().err
    assert not out.exists()
    assert run(*words, "--label-space", sorted_s3dis) == 0
    assert "blocks are taken for those published for ScanNet" in capsys.readouterr().out


def test_a_folder_of_something_else_is_not_written_to(published, tmp_path, capsys):
    (tmp_path / "label_space.yaml").write_text("of a data set\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run("res16unet", published, "--out", tmp_path, "--licence", "MIT") == 1
    assert "holds something else than a point model" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "label_space.yaml").read_text() == "of a data set\n"


def test_pointweb_of_s3dis_has_the_classes_of_s3dis13(tmp_path, repository):
    torch.manual_seed(4)
    network = build_point_network("pointweb", {}, 13)
    file, out = tmp_path / "pointweb.pth", tmp_path / "teacher"
    torch.save({"state_dict": network.state_dict()}, file)
    words = ["pointweb", file, "--out", out, "--licence", "MIT"]
    space = yaml.safe_load((repository / "config" / "labels" / "s3dis13.yaml").read_text())
    names = [entry["name"] for entry in space["classes"]]
    assert run(*words) == 0
    model = load_point_model(out)
    assert model.label_space.names == tuple(names)
    bias = model.network.classifier[1]
    source = network.classifier[1]
    # the published order has chair before table, and bookcase before sofa
    for name, published in (("chair", 7), ("table", 8), ("bookcase", 9), ("sofa", 10)):
        assert bias[names.index(name)] == source[published], name
