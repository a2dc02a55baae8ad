# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The published PSPNet of distillation, against a transcription that uses its names alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from seg3d2d_ros.bundle import ModelBundle  # noqa: E402
from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from seg3d2d_ros.parser import ParserConfig, SceneParser  # noqa: E402
from seg3d2d_ros.reference_check import agreement, read_references  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.published_weights.distilled_pspnet import import_distilled_pspnet  # noqa: E402
from training.published_weights.parsing_bundle import (  # noqa: E402
    REFERENCES,
    reference_images,
)
from training.published_weights.published_weights_error import (  # noqa: E402
    PublishedWeightsError,
)

WIDTH, HIDDEN, WIDTH_2D, OUTPUTS = 8, 12, 10, 40
BLOCKS = (3, 4, 6, 3)
SCANNET = [*range(1, 13), 14, 16, 24, 28, 33, 34, 36, 39]


def published_layers():
    """Convolutions (name, channels out and in, kernel, bias) and batch norms (name, channels)."""
    convolutions, norms = [], []
    for k, (before, after) in enumerate([(3, 64), (64, 64), (64, 128)]):
        convolutions.append((f"layer0.{3 * k}", after, before, 3, False))
        norms.append((f"layer0.{3 * k + 1}", after))
    before = 128
    for stage, count in enumerate(BLOCKS, 1):
        width = 32 << stage
        for k in range(count):
            block = f"layer{stage}.{k}"
            for number, (a, b, kernel) in enumerate(
                [(before, width, 1), (width, width, 3), (width, 4 * width, 1)], 1
            ):
                convolutions.append((f"{block}.conv{number}", b, a, kernel, False))
                norms.append((f"{block}.bn{number}", b))
            if k == 0:
                convolutions.append((f"{block}.downsample.0", 4 * width, before, 1, False))
                norms.append((f"{block}.downsample.1", 4 * width))
            before = 4 * width
    for k in range(4):
        convolutions.append((f"ppm.features.{k}.1", 512, 2048, 1, False))
        norms.append((f"ppm.features.{k}.2", 512))
    for name, a, middle, b in (
        ("reg", 4096, HIDDEN, WIDTH),
        ("reg2", WIDTH, WIDTH, WIDTH),
        ("reg3", WIDTH, WIDTH, WIDTH),
        ("cls3", 4096, HIDDEN, WIDTH_2D),
    ):
        convolutions += [(f"{name}.0", middle, a, 3, False), (f"{name}.3", b, middle, 1, True)]
        norms.append((f"{name}.1", middle))
    convolutions += [
        ("cls2.0", WIDTH, WIDTH_2D + WIDTH, 3, False),
        ("cls2.4", OUTPUTS, WIDTH, 1, True),
    ]
    norms += [("cls3.4", WIDTH_2D), ("cls2.1", WIDTH), ("bn", WIDTH), ("bn2", WIDTH)]
    return convolutions, norms


@pytest.fixture(scope="module")
def weights():
    """Random weights under the published names, with a narrow branch."""
    generator = torch.Generator().manual_seed(7)
    convolutions, norms = published_layers()
    state = {}
    for name, b, a, kernel, bias in convolutions:
        scale = (2 / (a * kernel * kernel)) ** 0.5
        state[f"{name}.weight"] = scale * torch.randn(b, a, kernel, kernel, generator=generator)
        if bias:
            state[f"{name}.bias"] = 0.1 * torch.randn(b, generator=generator)
    for name, width in norms:
        # less of what is added to the shortcuts, as values would grow from block to block
        most = 0.4 if name.endswith("bn3") else 1.3
        state[f"{name}.weight"] = most * (0.5 + 0.5 * torch.rand(width, generator=generator))
        state[f"{name}.bias"] = 0.1 * torch.randn(width, generator=generator)
        state[f"{name}.running_mean"] = 0.1 * torch.randn(width, generator=generator)
        state[f"{name}.running_var"] = 0.5 + torch.rand(width, generator=generator)
        state[f"{name}.num_batches_tracked"] = torch.tensor(9)
    return state


@pytest.fixture(scope="module")
def checkpoint(weights, tmp_path_factory):
    file = tmp_path_factory.mktemp("published") / "train_epoch_50.pth"
    state = {f"module.{name}": value for name, value in weights.items()}
    torch.save({"epoch": 50, "state_dict": state, "optimizer": {"param_groups": []}}, file)
    return file


@pytest.fixture
def statistics(tmp_path):
    """As published: a mean [C], a variance [1, C] and scalars of the 2D branch."""
    folder = tmp_path / "meanvar"
    folder.mkdir()
    rng = np.random.default_rng(2)
    np.save(folder / "mean.npy", rng.uniform(0.2, 0.9, WIDTH))
    np.save(folder / "var.npy", rng.uniform(0.06, 1.6, (1, WIDTH)))
    np.save(folder / "mean_2d.npy", np.array([0.15]))
    np.save(folder / "var_2d.npy", np.array([0.04]))
    return folder


def published_outputs(state, folder, image):
    """Logits of all outputs and f3D_sim, of the published description, layer by layer."""

    def conv(x, name, stride=1, dilation=1):
        weight = state[f"{name}.weight"]
        padding = dilation * (weight.shape[-1] // 2)
        return F.conv2d(x, weight, state.get(f"{name}.bias"), stride, padding, dilation)

    def norm(x, name):
        of = [state[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *of, eps=1e-5)

    def pair(x, name):
        return conv(F.relu(norm(conv(x, f"{name}.0"), f"{name}.1")), f"{name}.3")

    x = image
    for k, stride in ((0, 2), (3, 1), (6, 1)):
        x = F.relu(norm(conv(x, f"layer0.{k}", stride), f"layer0.{k + 1}"))
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, count in enumerate(BLOCKS, 1):
        for k in range(count):
            block = f"layer{stage}.{k}"
            stride = 2 if stage == 2 and k == 0 else 1
            y = F.relu(norm(conv(x, f"{block}.conv1"), f"{block}.bn1"))
            y = conv(y, f"{block}.conv2", stride, {3: 2, 4: 4}.get(stage, 1))
            y = norm(conv(F.relu(norm(y, f"{block}.bn2")), f"{block}.conv3"), f"{block}.bn3")
            if k == 0:
                x = norm(conv(x, f"{block}.downsample.0", stride), f"{block}.downsample.1")
            x = F.relu(x + y)
    grids = [x]
    for k, bins in enumerate((1, 2, 3, 6)):
        y = conv(F.adaptive_avg_pool2d(x, bins), f"ppm.features.{k}.1")
        y = F.relu(norm(y, f"ppm.features.{k}.2"))
        grids.append(F.interpolate(y, x.shape[2:], mode="bilinear", align_corners=True))
    x = torch.cat(grids, 1)
    mean, variance, mean_2d, variance_2d = (
        torch.from_numpy(np.load(folder / f"{name}.npy")).float().view(1, -1, 1, 1)
        for name in ("mean", "var", "mean_2d", "var_2d")
    )
    simulated = F.relu(pair(norm(pair(x, "reg"), "bn") * variance.sqrt() + mean, "reg2"))
    y = F.relu(pair(norm(simulated, "bn2") * variance_2d.sqrt() + mean_2d, "reg3"))
    x = torch.cat([F.relu(norm(pair(x, "cls3"), "cls3.4")), y], 1)
    logits = conv(F.relu(norm(conv(x, "cls2.0"), "cls2.1")), "cls2.4")
    return logits, simulated


def test_logits_and_simulated_features_are_those_of_the_published_network(
    weights, checkpoint, statistics
):
    imported = import_distilled_pspnet(checkpoint, statistics)
    image = torch.randn(1, 3, 57, 41, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits, simulated = published_outputs(weights, statistics, image)
        ours = imported.network.outputs(image)
    assert logits.std() > 0.1 and simulated.std() > 0.1
    torch.testing.assert_close(ours.simulated_3d, simulated, rtol=1e-4, atol=1e-4)
    # outputs are NYU's ids: the 20 of ScanNet are chosen by number
    torch.testing.assert_close(ours.logits, logits[:, SCANNET], rtol=1e-4, atol=1e-4)
    assert imported.label_space.name == "scannet20"
    assert imported.config["branch"] == {
        "feature_width": WIDTH,
        "hidden": HIDDEN,
        "width_2d": WIDTH_2D,
        "norm": "dn",
        "dn_affine": "inner",
    }
    assert not imported.network.training
    for words in ("PSPNet-50", "40 outputs", "ids 0 to 39", "prefix 'module.'", "optimizer"):
        assert words in imported.report


def test_files_without_prefix_and_counters_are_taken(weights, statistics, tmp_path):
    old = {name: value for name, value in weights.items() if "num_batches" not in name}
    torch.save(old, tmp_path / "weights.pth")
    imported = import_distilled_pspnet(tmp_path / "weights.pth", statistics)
    assert torch.equal(imported.network.head.norm2.delta_sigma, weights["bn2.weight"])


def test_classes_that_the_user_names_keep_their_order(
    weights, checkpoint, statistics, repository, tmp_path
):
    space = LabelSpace.load(repository / "config" / "labels" / "nyu40.yaml")
    imported = import_distilled_pspnet(checkpoint, statistics, space)
    assert imported.label_space is space
    assert torch.equal(imported.network.head.classifier[4].bias, weights["cls2.4.bias"])
    thirteen = {
        name: value[:13] if name.startswith("cls2.4.") else value for name, value in weights.items()
    }
    torch.save(thirteen, tmp_path / "thirteen.pth")
    with pytest.raises(PublishedWeightsError, match="tells 13 classes apart and not which"):
        import_distilled_pspnet(tmp_path / "thirteen.pth", statistics)
    s3dis = LabelSpace.load(repository / "config" / "labels" / "s3dis13.yaml")
    imported = import_distilled_pspnet(tmp_path / "thirteen.pth", statistics, s3dis)
    assert imported.network.num_classes == 13


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cls2.4.weight": None}, r"no PSPNet of .*: its weight 'cls2\.4\.weight' is missing"),
        ({"bn.weight": torch.ones(1, 8)}, r"its weight 'bn\.weight' is \[1, 8\] there"),
        ({"layer2.0.conv2.weight": None}, r"1 weights differ.*'layer2\.0\.conv2\.weight' is miss"),
        ({"aux.0.weight": torch.ones(3)}, r"1 weights differ, the first: 'aux\.0\.weight' is unkn"),
        ({"layer3.6.conv2.weight": torch.ones(3)}, "its third stage has 7 blocks, not 6 or 23"),
        (
            {"ppm.features.1.1.weight": torch.ones(512, 1024, 1, 1)},
            r"'ppm\.features\.1\.1\.weight' is \[512, 1024, 1, 1\] and not \[512, 2048, 1, 1\]",
        ),
    ],
)
def test_another_network_is_one_sentence(weights, statistics, tmp_path, change, message):
    state = {name: value for name, value in {**weights, **change}.items() if value is not None}
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(PublishedWeightsError, match=message) as caught:
        import_distilled_pspnet(tmp_path / "other.pth", statistics)
    assert "\n" not in str(caught.value)


def test_the_verb_writes_a_bundle_that_the_robots_parser_runs(
    checkpoint, statistics, tmp_path, capsys
):
    pytest.importorskip("onnxruntime")
    picture, out = tmp_path / "picture.png", tmp_path / "models" / "distilled"
    rng = np.random.default_rng(0)
    cv2.imwrite(str(picture), cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (80, 60)))
    words = ["import", "distilled-pspnet", str(checkpoint), "--statistics", str(statistics)]
    words += ["--licence", "none stated", "--images", str(picture), "--out", str(out)]
    assert main([*words, "--size", "50", "64"]) == 1
    message = capsys.readouterr().err
    assert message == "error: --size is 50 64, height and width must be multiples of 8\n"
    assert not out.exists()
    assert main([*words, "--size", "48", "64"]) == 0
    assert "1 reference pictures" in capsys.readouterr().out
    bundle = ModelBundle.load(out)
    assert bundle.licence == "none stated" and "CVPR 2021" in bundle.credits[0]
    assert bundle.label_space.name == "scannet20"
    assert bundle.input.mean == pytest.approx((123.675, 116.28, 103.53))
    assert bundle.input.std == pytest.approx((58.395, 57.12, 57.375))
    assert bundle.provenance["published"]["file"] == checkpoint.name
    assert str(tmp_path) not in (out / "MODEL_CARD.md").read_text().partition("## Command")[0]
    ((image, labels),) = read_references(bundle)
    assert image.shape == (60, 80, 3)
    for backend in ("torch", "onnxruntime"):
        parser = SceneParser(bundle, ParserConfig(backend, "cpu", "fp32", threads=1))
        assert agreement(parser, [(image, labels)]) >= 99.5


def test_what_is_wrong_on_the_command_line_is_one_sentence(statistics, tmp_path, capsys):
    words = ["import", "distilled-pspnet", str(tmp_path / "absent.pth"), "--licence", "MIT"]
    words += ["--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        main(words)
    assert "required: --statistics" in capsys.readouterr().err
    words += ["--statistics", str(statistics)]
    assert main([*words, "--images", str(tmp_path / "none.png")]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ") and "none.png does not exist" in message
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    assert main([*words, "--images", str(tmp_path / "damaged.png")]) == 1
    message = capsys.readouterr().err
    assert "damaged.png has no pictures that can be read" in message and message.count("\n") == 1


def test_the_shipped_recording_gives_the_reference_pictures():
    pytest.importorskip("rosbags")
    images = reference_images(None)
    assert len(images) == REFERENCES and {image.shape[2] for image in images} == {3}
    assert not np.array_equal(images[0], images[-1])
