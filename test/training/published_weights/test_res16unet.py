# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from itertools import product

import pytest
import torch

from seg3d2d_ros.labels import LabelSpace
from training.points.networks.registry import build_point_network, build_sampling
from training.published_weights.kernel_orders import HYBRID_OF_HYPERCUBE
from training.published_weights.published_weights_error import PublishedWeightsError
from training.published_weights.res16unet import hybrid_to_hypercube, import_res16unet


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors gain nothing from more, and lose much where the cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def hypercube_offsets():
    """Region HYPERCUBE, size 3: x fastest, then y, then z, each from -1 to 1."""
    return [(x, y, z) for z, y, x in product((-1, 0, 1), repeat=3)]


def hybrid_offsets():
    """Region HYBRID of three cubic axes, size 3.

    From the centre on, every axis in turn adds, for each offset that is there already, the one
    before and the one after it along that axis.
    """
    offsets = [(0, 0, 0)]
    for axis in range(3):
        added = []
        for offset in offsets:
            for step in (-1, 1):
                moved = list(offset)
                moved[axis] = step
                added.append(tuple(moved))
        offsets += added
    return offsets


def published_state(network):
    """The network's weights as MinkowskiEngine 0.4 would have stored them."""
    hypercube, hybrid = hypercube_offsets(), hybrid_offsets()
    order = [hypercube.index(offset) for offset in hybrid]
    state = {}
    for name, tensor in network.state_dict().items():
        in_block = name.startswith("block") and name.endswith("kernel") and tensor.ndim == 3
        state[name] = tensor[order] if in_block else tensor
    return state


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    network = build_point_network("res16unet14a", {"conv1_kernel_size": 3}, 20).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


@pytest.fixture
def save(tmp_path):
    def save_state(state, **beside):
        file = tmp_path / "published.pth"
        torch.save({"state_dict": state} | beside, file)
        return file

    return save_state


@pytest.fixture(scope="module")
def scene():
    generator = torch.Generator().manual_seed(5)
    voxels = torch.randint(0, 24, (1500, 4), generator=generator).int()
    voxels[:, 0], voxels[:, 3] = 0, voxels[:, 3] % 6
    voxels = torch.unique(voxels, dim=0)
    return voxels, torch.rand(len(voxels), 3, generator=generator) - 0.5


def test_the_permutation_follows_from_the_two_regions_definitions():
    hybrid = hybrid_offsets()
    assert len(set(hybrid)) == 27
    derived = [hybrid.index(offset) for offset in hypercube_offsets()]
    assert derived == list(HYBRID_OF_HYPERCUBE)
    # the list that the specification gives
    assert derived == [
        *[19, 15, 23, 11, 9, 13, 21, 17, 25, 5, 3, 7, 1, 0, 2, 6, 4, 8],
        *[20, 16, 24, 12, 10, 14, 22, 18, 26],
    ]


def test_every_offset_keeps_its_weights():
    kernel = torch.tensor(hybrid_offsets(), dtype=torch.float32)[:, :, None]
    moved = hybrid_to_hypercube(kernel)[:, :, 0]
    assert moved.tolist() == [list(map(float, offset)) for offset in hypercube_offsets()]


def test_an_import_computes_what_the_published_network_did(network, save, scene):
    imported = import_res16unet(save(published_state(network), epoch=3, optimizer={}))
    assert imported.network_name == "res16unet14a"
    assert imported.config == {"in_channels": 3, "conv1_kernel_size": 3}
    assert imported.label_space.name == "scannet20"
    assert not imported.network.training
    with torch.no_grad():
        expected, output = network(*scene), imported.network(*scene)
    assert torch.equal(output.features, expected.features)
    assert torch.equal(output.logits, expected.logits)
    again = build_point_network(imported.network_name, imported.config, 20)
    again.load_state_dict(imported.network.state_dict())
    assert build_sampling(imported.network_name, imported.sampling).voxel_size == 0.02


def test_a_load_without_the_permutation_computes_something_else(network, save, scene):
    naive = import_res16unet(save(published_state(network)), kernel_order="hypercube")
    with torch.no_grad():
        expected, output = network(*scene).logits, naive.network(*scene).logits
    assert float((output - expected).norm() / expected.norm()) > 0.1
    assert float((output.argmax(1) != expected.argmax(1)).float().mean()) > 0.1


def test_weights_that_are_in_order_already_stay_as_they_are(network, save):
    imported = import_res16unet(save(network.state_dict()), kernel_order="hypercube")
    for name, tensor in network.state_dict().items():
        assert torch.equal(imported.network.state_dict()[name], tensor)
    assert "All 33 kernels were taken as they are" in imported.report


def test_the_report_says_what_was_done(network, save):
    state = {f"module.{name}": tensor for name, tensor in published_state(network).items()}
    report = import_res16unet(save(state, epoch=3, optimizer={}, best_val=72.0)).report
    assert "is res16unet14a: 3 input channels, first kernel 3x3x3, 20 classes." in report
    assert "16 kernels of 3x3x3 inside the blocks were put from" in report
    assert "block1 2, block2 2, block3 2, block4 2, block5 2" in report
    assert "the other 17 kernels were taken as they are" in report
    assert "prefix 'module.'" in report
    assert "Not used: epoch, optimizer, best_val." in report


def test_networks_for_s3dis_get_positions_and_larger_voxels_and_classes_by_name(save, repository):
    settings = {"in_channels": 6, "conv1_kernel_size": 3}
    published = build_point_network("res16unet14a", settings, 13)
    for weight in (published.final.kernel, published.final.bias):
        weight.data[:] = torch.arange(13.0)
    imported = import_res16unet(save(published.state_dict()))
    assert imported.sampling == {"voxel_size": 0.05, "positions": "voxels"}
    space = LabelSpace.load(repository / "config" / "labels" / "s3dis13.yaml")
    assert imported.label_space.names == space.names
    # the published list, and what its data loader leaves out
    listed = (
        "clutter beam board bookcase ceiling chair column door floor sofa stairs table wall window"
    )
    kept = [name for name in listed.split() if name != "stairs"]
    for tensor in imported.network.classifier:
        columns = tensor.reshape(13, -1)[:, 0].tolist()
        assert [kept[int(k)] for k in columns] == list(space.names)
    assert "by name" in imported.report
    assert "Three of the input channels are positions" in imported.report


def test_counters_that_old_files_lack_are_no_trouble(network, save):
    state = published_state(network)
    state = {name: state[name] for name in state if not name.endswith("num_batches_tracked")}
    assert import_res16unet(save(state)).network_name == "res16unet14a"


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: s.pop("final.kernel"), "no Res16UNet: its weight 'final.kernel' is missing"),
        (
            lambda s: s.update({"conv0p1s1.kernel": torch.zeros(3, 32)}),
            r"no Res16UNet: its weight 'conv0p1s1\.kernel' is \[3, 32\]",
        ),
        (
            lambda s: s.update({"conv0p1s1.kernel": torch.zeros(343, 3, 32)}),
            "its first kernel has 343 offsets, not 27 or 125",
        ),
        (
            lambda s: s.pop("block3.0.norm1.bn.weight"),
            r"compared with res16unet14a, 1 weights differ, the first: "
            r"'block3\.0\.norm1\.bn\.weight' is missing",
        ),
        (
            lambda s: s.update({"block8.0.conv2.kernel": torch.zeros(27, 64, 64)}),
            r"'block8\.0\.conv2\.kernel' is \[27, 64, 64\] and not \[27, 96, 96\]",
        ),
        (lambda s: s.update({"aux.kernel": torch.zeros(3)}), r"'aux\.kernel' is unknown"),
        (
            lambda s: s.update({"bn0.bn.weight": torch.zeros(32).int()}),
            r"weight 'bn0\.bn\.weight' is of the type int32, strided, cpu, weights are real",
        ),
    ],
)
def test_another_architecture_is_refused_with_its_first_difference(network, save, change, message):
    state = published_state(network)
    change(state)
    with pytest.raises(PublishedWeightsError, match=message):
        import_res16unet(save(state))


def test_weights_of_a_2d_network_are_refused(save):
    with pytest.raises(PublishedWeightsError, match=r"'conv0p1s1\.kernel' is missing"):
        import_res16unet(save({"layer0.0.weight": torch.zeros(64, 3, 3, 3)}))


def test_an_unknown_kernel_order_is_refused(network, save):
    with pytest.raises(PublishedWeightsError, match="no kernel order 'cross'; there are hybrid"):
        import_res16unet(save(network.state_dict()), kernel_order="cross")
