# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Every encoding against conversions written here from the definitions of the formats."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from encoded_images import (
    ENCODINGS,
    SEMI_PLANAR,
    YUV422,
    bits_of,
    encoded,
    from_ycbcr,
    is_grey,
    is_yuv,
    message_fields,
    mosaic_channels,
    samples_of,
)

from seg3d2d_ros.image_codec import ImageDecodeError, decode_image
from seg3d2d_ros.image_encodings import IMAGE_ENCODINGS, refusal, to_8_bits

SIZE = (12, 18)
DEEP = [name for name in ENCODINGS if bits_of(name) == 16]
COLORED = [name for name in ENCODINGS if not is_grey(name)]


def decode(fields: dict) -> np.ndarray:
    image = decode_image(SimpleNamespace(**fields))
    assert image.dtype == np.uint8
    assert image.shape == (fields["height"], fields["width"], 3)
    return image


def random_samples(encoding: str, seed: int = 3) -> np.ndarray:
    """Samples of all values, in the rows that the encoding has."""
    shape = samples_of(np.zeros((*SIZE, 3), np.uint8), encoding).shape
    dtype = np.uint16 if bits_of(encoding) == 16 else np.uint8
    return np.random.default_rng(seed).integers(0, 256 ** (bits_of(encoding) // 8), shape, dtype)


def reference_rgb(samples: np.ndarray, encoding: str) -> np.ndarray:
    """Float RGB 0..255 by the format's definition; luma below black is black."""
    height, width = SIZE
    samples = samples.astype(float)
    if encoding in YUV422:
        order = YUV422[encoding]
        quads = samples.reshape(height, width // 2, 4)
        ycbcr = np.empty((height, width, 3))
        first, second = (k for k, letter in enumerate(order) if letter == "y")
        ycbcr[:, 0::2, 0], ycbcr[:, 1::2, 0] = quads[..., first], quads[..., second]
        for channel, letter in ((1, "u"), (2, "v")):
            ycbcr[..., channel] = quads[..., order.index(letter)].repeat(2, axis=1)
        ycbcr[..., 0] = ycbcr[..., 0].clip(16)
        return from_ycbcr(ycbcr)
    if encoding in SEMI_PLANAR:
        luma, chroma = samples[:height], samples[height:]
        if encoding == "nv24":
            chroma = chroma.reshape(height, width, 2)
        else:
            chroma = chroma.reshape(height // 2, width // 2, 2).repeat(2, 0).repeat(2, 1)
        if SEMI_PLANAR[encoding] == "vu":
            chroma = chroma[..., ::-1]
        return from_ycbcr(np.dstack([luma.clip(16), chroma]))
    if bits_of(encoding) == 16:
        samples = samples * 255 / 65535
    if is_grey(encoding):
        return np.dstack([samples] * 3)
    if encoding.startswith("bayer"):
        return bilinear(samples, mosaic_channels(encoding, SIZE))
    channels = encoding.rstrip("168")
    samples = samples.reshape(height, width, len(channels))
    return samples[..., [channels.index(letter) for letter in "rgb"]]


def bilinear(mosaic: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Mean of the neighbours that have the colour; NaN at the border, where it is a choice."""
    height, width = mosaic.shape
    rgb = np.full((height, width, 3), np.nan)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            values, colors = (a[y - 1 : y + 2, x - 1 : x + 2] for a in (mosaic, channels[..., 0]))
            for color in range(3):
                if colors[1, 1] == color:
                    rgb[y, x, color] = values[1, 1]
                elif (cross := (colors == color) & CROSS).any():
                    rgb[y, x, color] = values[cross].mean()
                else:
                    rgb[y, x, color] = values[colors == color].mean()
    return rgb


CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)


def test_table_holds_every_encoding_under_test():
    assert set(IMAGE_ENCODINGS) == set(ENCODINGS)


@pytest.mark.parametrize("padding", [0, 1, 46])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_random_samples_of_every_encoding(encoding, padding):
    samples = random_samples(encoding)
    decoded = decode(message_fields(samples, encoding, SIZE, padding=padding)).astype(float)
    expected = reference_rgb(samples, encoding).clip(0, 255)
    known = ~np.isnan(expected)
    assert known.mean() > 0.7
    # what is only reordered or scaled is exact; what is computed may be rounded twice
    computed = is_yuv(encoding) or encoding.startswith("bayer")
    assert np.abs(decoded - expected)[known].max() <= (1.5 if computed else 0.5)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", DEEP)
def test_big_endian(encoding, padding):
    samples = random_samples(encoding, seed=4)
    little, big = (
        decode(message_fields(samples, encoding, SIZE, padding=padding, big_endian=order))
        for order in (False, True)
    )
    np.testing.assert_array_equal(little, big)


def test_byte_order_means_nothing_to_bytes():
    for encoding in set(ENCODINGS) - set(DEEP):
        fields = message_fields(random_samples(encoding), encoding, SIZE)
        np.testing.assert_array_equal(decode(fields), decode(fields | {"is_bigendian": 1}))


PATCHES = {
    "red": (220, 30, 20),
    "green": (25, 200, 35),
    "blue": (15, 40, 210),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


@pytest.mark.parametrize("color", PATCHES)
@pytest.mark.parametrize("encoding", COLORED)
def test_patches_keep_their_color(encoding, color):
    patch = np.full((*SIZE, 3), PATCHES[color], np.uint8)
    difference = decode(encoded(patch, encoding)).astype(int) - patch
    assert np.abs(difference).max() <= (2 if is_yuv(encoding) else 0)


@pytest.mark.parametrize("encoding", COLORED)
def test_colors_stay_in_their_place(encoding):
    image = np.zeros((*SIZE, 3), np.uint8)
    image[:6, :8], image[:6, 8:], image[6:, :8] = (PATCHES[c] for c in ("red", "green", "blue"))
    decoded = decode(encoded(image, encoding)).astype(int)
    for y, x in [(2, 3), (2, 13), (9, 3), (9, 13)]:  # away from the seams
        assert np.abs(decoded[y, x] - image[y, x]).max() <= 2


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if is_grey(name)])
def test_grey_is_repeated(encoding):
    image = np.arange(np.prod(SIZE), dtype=np.uint8).reshape(*SIZE, 1).repeat(3, 2)
    np.testing.assert_array_equal(decode(encoded(image, encoding)), image)


def test_16_bits_are_scaled_as_cv_bridge_does():
    every = np.arange(65536, dtype=np.uint16)
    # convertTo(CV_8U, 255. / 65535.) rounds to the nearest
    np.testing.assert_array_equal(to_8_bits(every).ravel(), np.rint(every * (255 / 65535)))


@pytest.mark.parametrize("encoding", [n for n in DEEP if n.startswith("bayer")])
def test_mosaic_of_16_bits_is_within_one_level_of_cv_bridge(encoding):
    # cv_bridge interpolates in 16 bits and scales then
    samples = random_samples(encoding, seed=5)
    code = {"rggb": "BG", "bggr": "RG", "gbrg": "GR", "grbg": "GB"}[encoding[6:10]]
    deep = cv2.cvtColor(samples, getattr(cv2, f"COLOR_Bayer{code}2RGB"))
    decoded = decode(message_fields(samples, encoding, SIZE))
    assert np.abs(decoded - np.rint(deep * (255 / 65535))).max() <= 1


def test_border_of_a_mosaic_repeats_its_neighbours():
    decoded = decode(message_fields(random_samples("bayer_grbg8"), "bayer_grbg8", SIZE))
    np.testing.assert_array_equal(decoded[0, 1:-1], decoded[1, 1:-1])
    np.testing.assert_array_equal(decoded[:, -1], decoded[:, -2])


@pytest.mark.parametrize(
    ("encoding", "size"),
    [
        *[
            (name, size)
            for name in ("rgb8", "mono8", "bgra16", "nv24")
            for size in [(1, 1), (1, 9)]
        ],
        *[(f"bayer_rggb{bits}", size) for bits in (8, 16) for size in [(3, 3), (5, 4), (4, 5)]],
        *[("yuyv", size) for size in [(1, 2), (3, 2), (3, 6)]],
        *[("nv12", size) for size in [(2, 2), (2, 10), (10, 2)]],
    ],
)
def test_small_and_odd_sizes(encoding, size):
    patch = np.full((*size, 3), 140, np.uint8)
    for padding in (0, 3):
        decoded = decode(encoded(patch, encoding, padding=padding))
        assert np.abs(decoded.astype(int) - patch).max() <= 2


@pytest.mark.parametrize(
    ("encoding", "size", "message"),
    [
        *[(name, (4, 5), "5x4 pixels can't be .* width is even") for name in YUV422],
        *[
            (name, size, r"can't be nv\d\d, whose width and height are even")
            for name in ("nv12", "nv21")
            for size in [(4, 5), (5, 4), (1, 1)]
        ],
        ("bayer_rggb8", (1, 1), "1x1 pixels is too small for bayer_rggb8.* 3x3"),
        ("bayer_gbrg16", (2, 9), "9x2 pixels is too small for bayer_gbrg16"),
    ],
)
def test_sizes_that_an_encoding_cannot_have(encoding, size, message):
    fields = {"height": size[0], "width": size[1], "encoding": encoding, "is_bigendian": 0}
    with pytest.raises(ImageDecodeError, match=message) as caught:
        decode_image(SimpleNamespace(**fields, step=64, data=bytes(4096)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_wrong_step_and_data_too_short(encoding):
    fields = message_fields(random_samples(encoding), encoding, SIZE, padding=2)
    row = fields["step"] - 2
    with pytest.raises(
        ImageDecodeError, match=f"step is {row - 1} bytes, .* 18 {encoding} .* takes {row};"
    ):
        decode(fields | {"step": row - 1})
    size = len(fields["data"])
    with pytest.raises(ImageDecodeError, match=f"holds {size - 1} bytes, .* take {size};"):
        decode(fields | {"data": fields["data"][:-1]})
    # more data than needed, as of buffers that end at a page
    np.testing.assert_array_equal(
        decode(fields | {"data": fields["data"] + bytes(99)}), decode(fields)
    )


def test_luma_without_its_chroma_plane_is_too_short():
    fields = message_fields(random_samples("nv12"), "nv12", SIZE)
    with pytest.raises(ImageDecodeError, match=r"holds 216 bytes, but 12 nv12 rows .* take 324;"):
        decode(fields | {"data": fields["data"][:216]})


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("16UC1", "'16UC1' is that of depth images; .*mono16"),
        ("32FC1", "'32FC1' is that of depth images"),
        *[
            (name, f"'{name}' doesn't say what its channels mean")
            for name in ("8UC2", "8UC3", "8UC4", "16UC3", "16UC4", "16SC1", "32SC1", "64FC3", "8UC")
        ],
    ],
)
@pytest.mark.parametrize("big_endian", [0, 1])
def test_depth_and_types_without_meaning_are_refused(encoding, message, big_endian):
    fields = {"height": 2, "width": 2, "step": 64, "data": bytes(128)}
    with pytest.raises(ImageDecodeError, match=message):
        decode(fields | {"encoding": encoding, "is_bigendian": big_endian})


def test_nothing_else_is_refused_by_its_name():
    assert not [name for name in (*ENCODINGS, "i420", "jpeg", "", "bayer_rggb12") if refusal(name)]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_messages_are_left_as_they_are(encoding):
    for big_endian in (False, True):
        samples = random_samples(encoding)
        fields = message_fields(samples, encoding, SIZE, padding=1, big_endian=big_endian)
        data = bytearray(fields["data"])
        decode(fields | {"data": data})
        assert bytes(data) == fields["data"]
