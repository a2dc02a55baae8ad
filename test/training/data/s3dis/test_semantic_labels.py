# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from training.data.labelled_frames import DatasetError
from training.data.s3dis.classes import CLASSES
from training.data.s3dis.semantic_labels import SemanticLabels, find_semantic_labels


def image(*colors):
    return np.array([colors], np.uint8)


def test_the_classes_are_those_of_the_published_list_in_pointnets_order():
    assert " ".join(CLASSES) == (
        "ceiling floor wall beam column window door table chair sofa bookcase board clutter"
    )


def test_a_colour_is_a_base_256_number_red_first():
    names = ["<UNK>_0_<UNK>_0_0"] * 66052
    names[0x010203] = "chair_7_office_3_1"
    names[0x000203] = "beam_1_WC_1_2"
    labels, unknown = SemanticLabels(names).decode(image((1, 2, 3), (0, 2, 3), (3, 2, 1)))
    assert labels.tolist() == [[CLASSES.index("chair"), CLASSES.index("beam"), 255]]
    assert unknown == 1


def test_stairs_are_clutter_and_the_unknown_and_missing_have_no_label():
    labels = SemanticLabels(["<UNK>_0_<UNK>_0_0", "stairs_1_hallway_1_4"])
    found, unknown = labels.decode(image((0, 0, 0), (0, 0, 1), (13, 13, 13)))
    assert found.tolist() == [[255, 12, 255]]
    assert unknown == 0


def test_indices_beyond_the_list_and_classes_of_no_name_are_counted():
    labels = SemanticLabels(["<UNK>_0_<UNK>_0_0", "piano_1_office_1_1"])
    found, unknown = labels.decode(image((0, 0, 1), (0, 0, 2), (255, 255, 255), (0, 0, 0)))
    assert found.tolist() == [[255, 255, 255, 255]]
    assert unknown == 3


@pytest.mark.parametrize("place", ["semantic_labels.json", "assets/semantic_labels.json"])
def test_the_list_is_found_at_the_root_and_in_assets(tmp_path, place):
    (tmp_path / "assets").mkdir()
    (tmp_path / place).write_text("[]")
    assert find_semantic_labels(tmp_path) == tmp_path / place


def test_without_the_list_one_sentence_says_where_it_comes_from(tmp_path):
    with pytest.raises(DatasetError, match=r"assets of github\.com/alexsax/2D-3D-Semantics"):
        find_semantic_labels(tmp_path)


@pytest.mark.parametrize("content", ["{}", "[1]", "[", "\xff"])
def test_a_damaged_list_is_one_sentence(tmp_path, content):
    file = tmp_path / "semantic_labels.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(DatasetError, match="copy it anew"):
        SemanticLabels.load(file)


def test_every_index_decodes_as_by_arithmetic_one_pixel_at_a_time():
    rng = np.random.default_rng(0)
    kinds = [*CLASSES, "<UNK>"]
    names = [f"{kinds[k]}_1_office_1_1" for k in rng.integers(0, 14, 3000)]
    pixels = rng.integers(0, 14, (40, 50, 3)).astype(np.uint8)
    pixels[..., 0] = 0
    found, unknown = SemanticLabels(json.loads(json.dumps(names))).decode(pixels)
    for row, expected in zip(pixels.reshape(-1, 3).tolist(), found.ravel().tolist(), strict=True):
        index = row[0] * 65536 + row[1] * 256 + row[2]
        kind = names[index].split("_")[0] if index < len(names) else "<UNK>"
        assert expected == (255 if kind == "<UNK>" else CLASSES.index(kind))
    assert unknown == (pixels[..., 1].astype(int) * 256 + pixels[..., 2] >= 3000).sum() > 0
