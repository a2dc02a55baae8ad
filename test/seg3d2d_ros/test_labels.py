# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import yaml

from seg3d2d_ros.labels import LabelClass, LabelSpace, LabelSpaceError


@pytest.fixture(scope="module")
def scannet20(repository):
    return LabelSpace.load(repository / "config/labels/scannet20.yaml")


def many_classes(count):
    return LabelSpace("many", tuple(LabelClass(k, f"class {k}", (1, 2, 3)) for k in range(count)))


def test_scannet20_is_the_benchmarks_classes_in_its_order(scannet20):
    assert scannet20.names == tuple(
        "wall,floor,cabinet,bed,chair,sofa,table,door,window,bookshelf,picture,counter,desk,"
        "curtain,refrigerator,shower curtain,toilet,sink,bathtub,otherfurniture".split(",")
    )
    assert (scannet20.unlabeled, scannet20.dtype) == (255, np.uint8)
    assert len({c.color for c in scannet20.classes}) == 20


def test_lookup_equals_the_benchmarks_ids_one_by_one(scannet20):
    table = scannet20.lookup("nyu40")
    benchmark = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39]
    for source in range(65536):
        expected = benchmark.index(source) if source in benchmark else 255
        assert table[source] == expected
    with pytest.raises(LabelSpaceError, match=r"no source_ids for 'ade20k', only for \['nyu40'\]"):
        scannet20.lookup("ade20k")


def test_every_class_has_the_name_of_its_nyu40_id(scannet20):
    from training.rendering.nyu40 import NYU40_NAMES

    for label_class, source in zip(scannet20.classes, scannet20.source_ids["nyu40"], strict=True):
        assert NYU40_NAMES[source] == label_class.name.replace(" ", "")


SHAPES = {
    "name": "shapes",
    "classes": [
        {"id": k, "name": name, "color": [k, 0, 0]}
        for k, name in enumerate(["round", "flat", "odd"])
    ],
    "source_ids": {"things": [[4, 7, 1], 2, []], "others": [5, 6, 7]},
}


def test_several_source_ids_may_become_one_class_or_none():
    space = LabelSpace.from_mapping(SHAPES)
    table = space.lookup("things")
    expected = {4: 0, 7: 0, 1: 0, 2: 1}
    assert [table[k] for k in range(10)] == [expected.get(k, 255) for k in range(10)]
    assert (table[10:] == 255).all()
    assert space.lookup("others")[5:8].tolist() == [0, 1, 2]


def test_lists_of_source_ids_survive_a_round_trip_through_yaml():
    space = LabelSpace.from_mapping(SHAPES)
    text = yaml.safe_dump(space.to_mapping())
    again = LabelSpace.from_mapping(yaml.safe_load(text))
    assert again == space
    assert again.to_mapping()["source_ids"] == SHAPES["source_ids"]


def test_palette_holds_the_colours_and_black(scannet20):
    palette = scannet20.palette()
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert tuple(palette[1]) == (152, 223, 138)
    assert not palette[20:].any()


def test_beyond_255_classes_labels_take_16_bits():
    assert (many_classes(255).unlabeled, many_classes(255).dtype) == (255, np.uint8)
    space = many_classes(256)
    assert (space.unlabeled, space.dtype) == (65535, np.uint16)
    assert space.palette().shape == (65536, 3)


def test_mapping_round_trip(scannet20):
    again = LabelSpace.from_mapping(scannet20.to_mapping())
    assert again == scannet20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": []}, "has no classes"),
        ({"classes": [{"id": 1, "name": "a", "color": [0, 0, 0]}]}, "has id 1, expected 0"),
        ({"classes": [{"id": 0, "name": "a", "color": [0, 0, 256]}]}, "not three values"),
        ({"classes": [{"id": 0, "name": "a", "color": [0, 0]}]}, "malformed"),
        ({"classes": [{"id": 0, "name": "a"}]}, "malformed label space: KeyError 'color'"),
        (
            {"classes": [{"id": k, "name": "a", "color": [0, 0, k]} for k in range(2)]},
            "names a class twice",
        ),
        ({"unlabeled": 254}, "unlabeled is 254, must be 255"),
        ({"source_ids": {"nyu40": [1, 2]}}, "one id from 0 to 65535 for each of the 1 classes"),
        ({"source_ids": {"nyu40": [[1, 65536]]}}, "from 0 to 65535.*or a list of such ids"),
        ({"source_ids": {"nyu40": [[1], [2]]}}, "for each of the 1 classes"),
        ({"source_ids": {"nyu40": [["a"]]}}, "malformed"),
        ({"source_ids": {"nyu40": [[[1]]]}}, "malformed"),
        ({"source_ids": 3}, "malformed"),
    ],
)
def test_malformed_spaces_are_refused(change, message):
    good = {"name": "one", "classes": [{"id": 0, "name": "a", "color": [0, 0, 0]}]}
    LabelSpace.from_mapping(good)
    with pytest.raises(LabelSpaceError, match=message):
        LabelSpace.from_mapping(good | change)


@pytest.mark.parametrize("content", [b"[1, 2]", b"a: [", b"\xff\xfe\x00"])
def test_unreadable_files_are_named(tmp_path, content):
    path = tmp_path / "space.yaml"
    with pytest.raises(LabelSpaceError, match="space.yaml"):
        LabelSpace.load(path)
    path.write_bytes(content)
    with pytest.raises(LabelSpaceError, match="space.yaml"):
        LabelSpace.load(path)
