# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from functools import partial

import numpy as np
import pytest

pytest.importorskip("scipy")

import scipy.io

from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError
from training.data.nyu.classes import NYU894_NAMES, NYU894_TO_40, class_mapping
from training.data.nyu.protocols import PROTOCOLS
from training.data.registry import protocols
from training.rendering.nyu40 import NYU40_NAMES, SCANNET20_IDS

savemat = partial(scipy.io.savemat, do_compression=True)
OWN = ["chair", "wall", "lamp", "floor"]


def to_40(name):
    return int(NYU894_TO_40[NYU894_NAMES.index(name) + 1])


@pytest.mark.parametrize("name", NYU40_NAMES[1:38])
def test_a_class_of_the_40_with_a_name_holds_the_raw_class_of_that_name(name):
    raw = [n for n in NYU894_NAMES if n.replace(" ", "").replace("frid", "fri") == name]
    if name == "refrigerator":
        raw = ["refridgerator"]  # as NYU spells it
    (found,) = raw
    assert NYU40_NAMES[to_40(found)] == name


def test_well_known_raw_classes_by_their_published_numbers():
    # toolbox_nyu_depth_v2: names{21} is wall, 11 floor, 5 chair, 4 ceiling, 157 bed
    assert [NYU894_NAMES[k - 1] for k in (21, 11, 5, 4, 157)] == [
        "wall",
        "floor",
        "chair",
        "ceiling",
        "bed",
    ]
    assert (len(NYU894_NAMES), len(NYU894_TO_40), NYU894_TO_40[0]) == (894, 895, 0)
    assert set(NYU894_TO_40[1:].tolist()) == set(range(1, 41))
    assert [to_40(n) for n in ("garbage bin", "air vent", "bottle", "night stand")] == [
        39,
        38,
        40,
        32,
    ]


def test_the_40_classes_follow_nyu40_one_by_one(repository):
    space = LabelSpace.load(repository / "config/labels/nyu40.yaml")
    assert tuple(name.replace(" ", "") for name in space.names) == NYU40_NAMES[1:]
    assert space.lookup("nyu40")[:42].tolist() == [255, *range(40), 255]
    assert len({c.color for c in space.classes}) == 40


def test_the_40_become_13_as_scannets_table_of_names_has_them(repository):
    space = LabelSpace.load(repository / "config/labels/nyu13.yaml")
    # eigen13id of scannetv2-labels.combined.tsv by nyu40id, from 1
    eigen13 = [12, 5, 6, 1, 4, 9, 10, 12, 13, 6, 8, 6, 13, 10, 6, 13, 6, 7, 7, 5]
    eigen13 += [7, 3, 2, 6, 11, 7, 7, 7, 7, 7, 7, 6, 7, 7, 7, 7, 7, 7, 6, 7]
    assert space.lookup("nyu40")[:42].tolist() == [255, *(k - 1 for k in eigen13), 255]
    assert space.names[:3] == ("bed", "books", "ceiling") and space.num_classes == 13


def test_nyu20_measures_scannets_classes_and_nothing_else(repository):
    protocol = protocols("nyu")["nyu20"]
    space = LabelSpace.load(repository / f"config/labels/{protocol.label_space}.yaml")
    known = np.flatnonzero(space.lookup("nyu40") != 255)
    assert tuple(known.tolist()) == SCANNET20_IDS


def test_every_protocol_has_its_label_space(repository):
    assert PROTOCOLS[0].name == "nyu40"
    for protocol in PROTOCOLS:
        space = LabelSpace.load(repository / f"config/labels/{protocol.label_space}.yaml")
        assert "nyu40" in space.source_ids
        assert protocol.setting("valid_region_only") == ("cropped" in protocol.name)


def test_the_users_mapping_comes_before_the_published_one(root):
    assert class_mapping(root, OWN).tolist() == [0, 5, 1, 35, 2]
    with pytest.raises(DatasetError, match="classMapping40.mat maps 4 classes, .* names 894"):
        class_mapping(root, NYU894_NAMES)
    (root / "classMapping40.mat").unlink()
    assert (class_mapping(root, NYU894_NAMES) == NYU894_TO_40).all()
    spelled = [name.replace("refridgerator", "refrigerator") for name in NYU894_NAMES]
    assert (class_mapping(root, spelled) == NYU894_TO_40).all()
    with pytest.raises(DatasetError, match="names 4 classes, 0 of them like the 894 .*; put the"):
        class_mapping(root, OWN)
    with pytest.raises(DatasetError, match="names 894 classes, 0 of them like the 894"):
        class_mapping(root, NYU894_NAMES[::-1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mapClass": np.array([[5, 1, 41, 2]], np.uint8)}, "ids that are not of 0 to 40"),
        ({"other": np.array([1])}, "lacks mapClass"),
    ],
)
def test_a_wrong_mapping_is_one_sentence(root, change, message):
    savemat(root / "classMapping40.mat", change)
    with pytest.raises(DatasetError, match=message):
        class_mapping(root, OWN)


def test_a_damaged_mapping_is_one_sentence(root):
    path = root / "classMapping40.mat"
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(DatasetError, match="classMapping40.mat is no readable MAT-file"):
        class_mapping(root, OWN)


def test_bytes_changed_by_chance_in_a_mapping_end_in_a_sentence(root):
    path = root / "classMapping40.mat"
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(200):
        damaged = bytearray(content)
        damaged[rng.integers(116, len(content))] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            assert class_mapping(root, OWN).tolist() == [0, 5, 1, 35, 2]
        except DatasetError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 150


def test_a_mapping_without_checksums_says_how_to_save_it(root):
    scipy.io.savemat(root / "classMapping40.mat", {"mapClass": np.array([[5, 1, 35, 2]])})
    with pytest.raises(DatasetError, match="it is not compressed; save it with -v7"):
        class_mapping(root, OWN)
