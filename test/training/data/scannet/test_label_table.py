# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The table of labels."""

from __future__ import annotations

import pytest

from training.data.defects import DefectError, DefectKind
from training.data.scannet.label_table import find_label_table, label_table_places, read_label_table

HEAD = "id\traw_category\tnyu40id\n"


def test_categories_and_ids_have_their_nyu40_ids(tmp_path, files):
    path = tmp_path / "table.tsv"
    path.write_text(files.table)
    table = read_label_table(path)
    assert table.by_category == {"wall": 1, "office chair": 5, "object": 40}
    assert table.by_id == {1: 1, 5: 5, 1163: 40, 1357: 40}
    assert table.ambiguous == ()  # twice, but the same


def test_of_a_category_that_occurs_twice_the_last_row_counts(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text(HEAD + "1\tobject\t40\n2\twall\t1\n3\tobject\t39\n")
    table = read_label_table(path)
    assert table.by_category["object"] == 39 and table.ambiguous == ("object",)
    assert table.by_id == {1: 40, 2: 1, 3: 39}


def test_it_is_found_in_the_data_sets_folder_or_in_scans(tmp_path):
    with pytest.raises(DefectError, match="--label_map"):
        find_label_table(label_table_places(tmp_path))
    (tmp_path / "scans").mkdir()
    below = tmp_path / "scans" / "scannetv2-labels.combined.tsv"
    below.write_text(HEAD)
    assert find_label_table(label_table_places(tmp_path)) == below
    (tmp_path / below.name).write_text(HEAD)
    assert find_label_table(label_table_places(tmp_path)) == tmp_path / below.name


@pytest.mark.parametrize(
    "content",
    [b"", HEAD.encode(), b"id\tcategory\n1\twall\n", HEAD.encode() + b"1\twall\n",
     HEAD.encode() + b"1\twall\tone\n", b"\xff\x00\xfe", HEAD.encode() + b"1\twall\t\n"],
)  # fmt: skip
def test_a_file_that_is_no_such_table_is_a_defect(tmp_path, content):
    path = tmp_path / "table.tsv"
    path.write_bytes(content)
    with pytest.raises(DefectError) as caught:
        read_label_table(path)
    assert caught.value.kind is DefectKind.DAMAGED_FILE and "\n" not in str(caught.value)


def test_a_missing_table_is_a_defect(tmp_path):
    with pytest.raises(DefectError) as caught:
        read_label_table(tmp_path / "table.tsv")
    assert caught.value.kind is DefectKind.MISSING_FILE
