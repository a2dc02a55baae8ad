# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import hashlib
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from seg3d2d_ros.labels import LabelSpace
from training.points.networks.pointweb import PointWeb
from training.points.networks.registry import build_point_network, build_sampling
from training.published_weights.pointweb import POINTWEB_S3DIS, import_pointweb
from training.published_weights.published_weights_error import PublishedWeightsError

CONFIG = Path(__file__).parents[3] / "config" / "labels"


def published(classes: int = 13, channels: int = 6) -> PointWeb:
    torch.manual_seed(3)
    network = PointWeb(classes, channels, centroids=(32, 32, 32, 3)).eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif name.endswith(("running_mean", "bias")):
            tensor.normal_(0, 0.1)
    return network


def save(path: Path, network: nn.Module, prefix: str = "module.", **beside) -> Path:
    weights = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    torch.save({"epoch": 100, "state_dict": weights, **beside}, path)
    return path


def test_a_published_checkpoint_gives_its_features_and_the_classes_by_name(tmp_path):
    network = published()
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    file = save(tmp_path / "train_epoch_100.pth", network, optimizer=optimizer.state_dict())
    imported = import_pointweb(file)
    assert not imported.network.training
    ours = build_point_network(
        imported.network_name, {**imported.config, "centroids": [32, 32, 32, 3]}, 13
    )
    ours.load_state_dict(imported.network.state_dict())
    inputs = torch.rand(1, 64, 3), torch.rand(1, 64, 6)
    with torch.no_grad():
        theirs, mine = network(*inputs), ours.eval()(*inputs)
    assert torch.equal(mine.features, theirs.features)
    space = LabelSpace.load(CONFIG / "s3dis13.yaml")
    assert sorted(space.names) == sorted(POINTWEB_S3DIS.names)
    for place, name in enumerate(space.names):
        their_place = POINTWEB_S3DIS.names.index(name)
        assert torch.allclose(mine.logits[:, place], theirs.logits[:, their_place], atol=1e-6)
    assert "moved: table, chair, sofa, bookcase" in imported.report
    assert "prefix 'module.'" in imported.report and "epoch, optimizer" in imported.report


def test_the_classes_that_the_published_order_has_elsewhere_are_moved(tmp_path):
    network = published()
    with torch.no_grad():
        network.FC_layer[2].conv.bias.copy_(torch.arange(13.0))
    imported = import_pointweb(save(tmp_path / "weights.pth", network))
    _, bias = imported.network.classifier
    # table 8, chair 7, sofa 10 and bookcase 9 in PointWeb's list
    assert bias.tolist() == [0, 1, 2, 3, 4, 5, 6, 8, 7, 10, 9, 11, 12]


def test_weights_without_prefix_and_without_counters_are_taken(tmp_path):
    network = published()
    weights = {n: t for n, t in network.state_dict().items() if "num_batches" not in n}
    torch.save(weights, tmp_path / "weights.pth")
    imported = import_pointweb(tmp_path / "weights.pth")
    assert "prefix 'module.'" not in imported.report
    name = "SA_modules.2.afa.mlp.layer1.conv.weight"
    assert torch.equal(imported.network.state_dict()[name], weights[name])


def test_other_classes_keep_the_order_of_the_file(tmp_path):
    network = published(20, 3)
    space = LabelSpace.load(CONFIG / "scannet20.yaml")
    imported = import_pointweb(save(tmp_path / "scannet.pth", network), space)
    assert imported.label_space is space
    for one, other in zip(imported.network.classifier, network.classifier, strict=True):
        assert torch.equal(one, other)
    assert "the file's order" in imported.report
    sampling = build_sampling("pointweb", imported.sampling)
    assert sampling.num_points == 8192 and not sampling.colors
    assert imported.config == {"feature_channels": 3} and imported.network.num_classes == 20


def test_the_settings_of_s3dis_are_the_published_ones(tmp_path):
    imported = import_pointweb(save(tmp_path / "s3dis.pth", published()))
    sampling = build_sampling("pointweb", imported.sampling)
    assert (sampling.block_size, sampling.stride, sampling.num_points) == (1.0, 0.5, 4096)
    network = build_point_network("pointweb", imported.config, 13)
    assert [module.centroids for module in network.SA_modules] == [1024, 256, 64, 16]


class Dangerous:
    def __reduce__(self):
        return (Path.touch, (Path("ran"),))


def test_code_in_a_checkpoint_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": published().state_dict(), "best": Dangerous()}, "weights.pth")
    with pytest.raises(PublishedWeightsError, match="pickled with code"):
        import_pointweb(Path("weights.pth"))
    assert not Path("ran").exists()


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(PublishedWeightsError, match="can't be read"):
        import_pointweb(tmp_path / "absent.pth")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_one_sentence(tmp_path, part):
    file = save(tmp_path / "weights.pth", published())
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(PublishedWeightsError, match="no PyTorch checkpoint, or damaged"):
        import_pointweb(file)


def test_another_network_is_one_sentence(tmp_path):
    torch.save({"state_dict": nn.Linear(3, 4).state_dict()}, tmp_path / "weights.pth")
    with pytest.raises(PublishedWeightsError, match=r"no PointWeb: its weight 'SA_modules"):
        import_pointweb(tmp_path / "weights.pth")


def changed(name: str, change) -> dict[str, torch.Tensor]:
    weights = published().state_dict()
    weights[name] = change(weights[name])
    return weights


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            changed("FP_modules.1.mlp.layer0.conv.weight", lambda w: w[:, :100]),
            r"1 weights differ.*'FP_modules\.1\.mlp\.layer0\.conv\.weight' is \[256, 100, 1, 1\]",
        ),
        (
            changed("SA_modules.0.mlp.layer0.conv.weight", lambda w: w[:, :7]),
            "4 feature channels",
        ),
        (changed("FC_layer.2.conv.weight", lambda w: w[:, :, 0, 0]), r"is \[13, 128\] there"),
        ({**published().state_dict(), "extra": torch.zeros(3)}, "'extra' is unknown"),
        (
            {n: t for n, t in published().state_dict().items() if ".afa." not in n},
            r"'SA_modules\.0\.afa\.mlp\.layer0\.conv\.weight' is missing",
        ),
    ],
)
def test_another_architecture_is_one_sentence(tmp_path, weights, message):
    torch.save({"state_dict": weights}, tmp_path / "weights.pth")
    with pytest.raises(PublishedWeightsError, match=message) as caught:
        import_pointweb(tmp_path / "weights.pth")
    assert "\n" not in str(caught.value)


def test_importing_leaves_the_file_as_it_was(tmp_path):
    file = save(tmp_path / "weights.pth", published())
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    import_pointweb(file)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert zipfile.is_zipfile(file)
