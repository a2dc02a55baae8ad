# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Compressed image messages of every kind a camera or image_transport sends, and damaged ones."""

from __future__ import annotations

import array
import io
import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from encoded_images import PATTERNS, samples_of
from mutated_messages import with_checksums, with_size

from seg3d2d_ros.image_codec import ImageDecodeError, decode_compressed_image


def smooth_image(height: int = 48, width: int = 64) -> np.ndarray:
    """Gradients, which JPEG keeps within a few grey levels."""
    y, x = np.mgrid[:height, :width]
    return np.stack([4 * x, 4 * y, 2 * (x + y)], 2).clip(0, 255).astype(np.uint8)


def compress(image: np.ndarray, kind: str, **options) -> bytes:
    """Compressed by Pillow: another encoder than the decoder under test."""
    buffer = io.BytesIO()
    pytest.importorskip("PIL.Image").fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def compressed(data: bytes, text: str = "rgb8; jpeg compressed bgr8") -> SimpleNamespace:
    return SimpleNamespace(format=text, data=array.array("B", data))


@pytest.mark.parametrize("options", [{"quality": 95}, {"quality": 95, "progressive": True}])
def test_jpeg_is_decoded(options):
    image = smooth_image()
    decoded = decode_compressed_image(compressed(compress(image, "JPEG", **options)))
    assert np.abs(decoded.astype(int) - image).max() <= 12


def test_png_is_decoded_exactly():
    image = np.random.default_rng(3).integers(0, 256, (9, 11, 3), np.uint8)
    np.testing.assert_array_equal(
        decode_compressed_image(compressed(compress(image, "PNG"), "png")), image
    )


def test_grey_png_is_repeated():
    grey = smooth_image()[:, :, 0]
    decoded = decode_compressed_image(compressed(compress(grey, "PNG")))
    np.testing.assert_array_equal(decoded, np.dstack([grey] * 3))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_of_16_bits_is_scaled_and_rounded(channels):
    values = np.random.default_rng(4).integers(0, 65536, (9, 11, channels), np.uint16)
    rgb = values[:, :, :3].repeat(3 if channels == 1 else 1, 2)
    order = [2, 1, 0, 3][:channels] if channels > 1 else [0]
    data = cv2.imencode(".png", np.ascontiguousarray(values[:, :, order]))[1].tobytes()
    assert data[24] == 16  # bits, says the header
    decoded = decode_compressed_image(compressed(data, "rgb16; png compressed bgr16"))
    np.testing.assert_array_equal(decoded, np.rint(rgb * (255 / 65535)))


def test_png_with_transparency_palette_or_one_bit():
    image = pytest.importorskip("PIL.Image").fromarray(smooth_image())
    alpha = image.convert("RGBA")
    alpha.putalpha(9)
    grey_alpha = image.convert("LA")
    grey_alpha.putalpha(9)
    for kind in (alpha, grey_alpha, image.quantize(16), image.convert("1"), image.convert("L")):
        buffer = io.BytesIO()
        kind.save(buffer, "PNG")
        decoded = decode_compressed_image(compressed(buffer.getvalue(), "png"))
        np.testing.assert_array_equal(decoded, np.asarray(kind.convert("RGB")), str(kind.mode))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_mosaic_in_a_png_gets_its_colors(pattern, bits):
    # compressed_image_transport converts no Bayer image for PNG and says so by naming no target
    red = np.full((8, 10, 3), (200, 40, 20), np.uint8)
    mosaic = samples_of(red, f"bayer_{pattern}{bits}")
    data = cv2.imencode(".png", mosaic)[1].tobytes()
    text = f"bayer_{pattern}{bits}; png compressed "
    np.testing.assert_array_equal(decode_compressed_image(compressed(data, text)), red)
    # for JPEG it converts to grey
    text = f"bayer_{pattern}{bits}; jpeg compressed mono8"
    grey = decode_compressed_image(compressed(compress(red[:, :, 0], "JPEG"), text))
    assert np.abs(grey.astype(int) - 200).max() <= 2


def test_mosaic_that_is_none_is_said():
    small = cv2.imencode(".png", np.zeros((2, 5), np.uint8))[1].tobytes()
    for text, message in (
        ("bayer_rggb8; png compressed ", "5x2 pixels is too small for bayer_rggb8"),
        ("bayer_rggb12; png compressed", "unknown pattern 'bayer_rggb12'"),
    ):
        with pytest.raises(ImageDecodeError, match=message):
            decode_compressed_image(compressed(small, text))


@pytest.mark.parametrize("mode", ["L", "CMYK", "YCbCr"])
def test_jpeg_of_other_color_spaces(mode):
    image = pytest.importorskip("PIL.Image").fromarray(smooth_image()).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=97)
    expected = np.asarray(image.convert("RGB")).astype(int)
    decoded = decode_compressed_image(compressed(buffer.getvalue(), "jpeg"))
    assert np.abs(decoded - expected).max() <= 8


@pytest.mark.parametrize(
    "options", [{"subsampling": k} for k in range(3)] + [{"restart_marker_rows": 1}]
)
def test_jpeg_of_every_subsampling_and_with_restarts(options):
    image = smooth_image(45, 61)  # no multiple of the blocks
    decoded = decode_compressed_image(compressed(compress(image, "JPEG", quality=97, **options)))
    assert np.abs(decoded.astype(int) - image).max() <= 8


def test_motion_jpeg_without_huffman_tables():
    # USB cameras leave out the tables of the standard's annex K, which Motion JPEG implies
    data = compress(smooth_image(), "JPEG", quality=95, optimize=False)
    start = data.index(b"\xff\xc4")
    end = start
    while data[end : end + 2] == b"\xff\xc4":
        end += 2 + struct.unpack(">H", data[end + 2 : end + 4])[0]
    assert len(data) - (end - start) > 200 and b"\xff\xc4" not in data[end:]
    decoded = decode_compressed_image(compressed(data[:start] + data[end:]))
    np.testing.assert_array_equal(decoded, decode_compressed_image(compressed(data)))


def test_exif_orientation_is_ignored():
    image_module = pytest.importorskip("PIL.Image")
    exif = image_module.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    decoded = decode_compressed_image(compressed(compress(smooth_image(), "JPEG", exif=exif)))
    assert decoded.shape == (48, 64, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_patches_keep_their_color(kind):
    for color in [(220, 30, 20), (25, 200, 35), (15, 40, 210)]:
        patch = np.full((16, 24, 3), color, np.uint8)
        decoded = decode_compressed_image(compressed(compress(patch, kind)))
        assert np.abs(decoded.astype(int) - patch).max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_every_truncation_is_refused(kind):
    data = compress(smooth_image(16, 16), kind)
    for length in range(len(data) - (kind == "JPEG")):
        with pytest.raises(ImageDecodeError):
            decode_compressed_image(compressed(data[:length]))


def test_truncated_jpeg_with_thumbnail_is_refused():
    # the thumbnail inside the EXIF block is a JPEG with an end mark of its own
    exif = b"Exif\0\0" + compress(smooth_image(8, 8), "JPEG")
    data = compress(smooth_image(), "JPEG", exif=exif)
    assert data.count(b"\xff\xd9") == 2
    with pytest.raises(ImageDecodeError, match="JPEG is cut off: it ends after"):
        decode_compressed_image(compressed(data[:-40]))


def test_padding_after_the_jpeg_is_accepted():
    data = compress(smooth_image(), "JPEG") + bytes(512)
    assert decode_compressed_image(compressed(data)).shape == (48, 64, 3)


def test_huge_png_is_refused_by_its_header():
    data = with_size(compress(smooth_image(), "PNG"), 100_000, 100_000)
    with pytest.raises(ImageDecodeError, match="100000x100000 pixels is larger"):
        decode_compressed_image(compressed(data))


def test_png_with_a_chunk_longer_than_the_file_is_refused():
    # OpenCV takes as much memory as the chunk claims to hold
    data = bytearray(compress(smooth_image(), "PNG"))
    data[33:37] = struct.pack(">I", 0xE0000000)
    with pytest.raises(ImageDecodeError, match="PNG is cut off"):
        decode_compressed_image(compressed(with_checksums(bytes(data))))


def test_every_flipped_byte_of_a_png_is_noticed():
    data = compress(smooth_image(16, 16), "PNG")
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x40
        with pytest.raises(ImageDecodeError):
            decode_compressed_image(compressed(bytes(damaged)))


def test_animated_png_is_refused():
    image = pytest.importorskip("PIL.Image").fromarray(smooth_image())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", save_all=True, append_images=[image.rotate(90)])
    with pytest.raises(ImageDecodeError, match="PNG is animated"):
        decode_compressed_image(compressed(buffer.getvalue()))


def test_padding_after_the_png_is_accepted():
    data = compress(smooth_image(), "PNG") + bytes(512)
    assert decode_compressed_image(compressed(data)).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("data", "text", "message"),
    [
        (b"", "jpeg", "the data are empty"),
        (b"GIF89a..", "jpeg", "neither JPEG nor PNG .*47 49 46 38"),
        (b"\xff\xd8\x00\x00\x00\x00", "jpeg", "damaged at byte 2"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "png", "PNG is cut off or damaged"),
        (b"\x89PNG", "16UC1; compressedDepth png", "is depth"),
        (b"\x89PNG", "16UC1; png compressed ", "'16UC1; png compressed ', which is depth"),
        (b"\x89PNG", "32FC1; tiff compressed ", "is depth"),
        (b"", "jpeg\njpeg", r"format 'jpeg\\njpeg'"),
    ],
)
def test_faulty_compressed_images_say_what_is_wrong(data, text, message):
    with pytest.raises(ImageDecodeError, match=message) as caught:
        decode_compressed_image(compressed(data, text))
    assert "\n" not in str(caught.value)


def test_damaged_png_content_is_refused():
    image = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    data = bytearray(compress(image, "PNG"))
    for width in (63, 65, 255):  # others than the compressed rows have
        data[16 + 3] = width
        with pytest.raises(ImageDecodeError, match="damaged"):
            decode_compressed_image(compressed(bytes(data)))
    with pytest.raises(ImageDecodeError, match="can't be decoded; its data are damaged"):
        decode_compressed_image(compressed(with_checksums(bytes(data))))
