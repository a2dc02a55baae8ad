# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from collections import Counter

import numpy as np

from seg3d2d_ros.labels import LabelSpace
from training.data.panorooms.classes import (
    CLASS_NAMES,
    SOURCE_IDS,
    class_table,
    source_id_table,
)
from training.data.panorooms.reader import PanoRoomsReader

IN_ORDER = """none|ceiling|cabinet|table|sewer pipe|door|lamp|sofa|chair|stool|appliance
building element|other|bed|platform|plant|baseboard|wall|basin|bath|floor|art|beam|stairs|flue
recreation|column|wardrobe|mirror|wainscot""".replace("\n", "|").split("|")


def test_every_id_belongs_to_one_class_at_most():
    counts = Counter(i for ids in SOURCE_IDS.values() for i in ids)
    assert set(counts.values()) == {1}
    assert min(counts) > 0 and max(counts) == 98


def test_the_thirty_classes_are_in_the_order_of_the_published_code(repository):
    assert list(CLASS_NAMES) == IN_ORDER
    space = LabelSpace.load(repository / "config/labels/panorooms30.yaml")
    assert space.names == CLASS_NAMES


def test_ids_are_merged_as_published():
    table = class_table()
    assert table.shape == (99,) and table.max() == 29
    for source, number in ((0, 0), (53, 1), (91, 2), (98, 5), (60, 17), (79, 20), (97, 29)):
        assert table[source] == number
    assert {i for i in range(99) if table[i] == 0} == set(range(99)) - {
        i for ids in SOURCE_IDS.values() for i in ids
    }


def test_the_id_chosen_for_a_class_is_of_that_class():
    assert (class_table()[source_id_table()] == np.arange(30)).all()


def test_class_none_is_no_class_in_panoramas(repository):
    space = LabelSpace.load(repository / "config/labels/panorooms30.yaml")
    table = space.lookup(PanoRoomsReader.label_source)
    assert table[0] == space.unlabeled
    assert (table[1:30] == np.arange(1, 30)).all()
    assert PanoRoomsReader.label_ids == frozenset(range(1, 30))
