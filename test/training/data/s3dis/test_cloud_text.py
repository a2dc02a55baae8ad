# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.data.defects import DefectError, DefectKind
from training.data.s3dis.cloud_text import MOST_DAMAGED_LINES, read_points

GOOD = b"-15.993 42.862 0.302 123 95 56"


def read(tmp_path, *lines):
    file = tmp_path / "ceiling_1.txt"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return read_points(file)


def test_numbers_are_read_as_they_stand(tmp_path):
    points, defects = read(tmp_path, GOOD, b"1e1\t-2 3.5  0.000000 255.000000 7\r")
    assert defects == []
    np.testing.assert_array_equal(
        points, [[-15.993, 42.862, 0.302, 123, 95, 56], [10, -2, 3.5, 0, 255, 7]]
    )


@pytest.mark.parametrize(
    ("line", "point"),
    [
        # as published in Area_1/WC_1: one decimal of a colour
        (
            b"-15.993000 42.862000 0.302000 123.000000 95.000000 56.00\x10000",
            [-15.993, 42.862, 0.302, 123, 95, 56],
        ),
        # in place of the blank
        (b"22.350 6.692 3.048 185\x10187 182", [22.35, 6.692, 3.048, 185, 187, 182]),
        # a blank of another character set, of two bytes
        (b"22.350 6.692 3.048 185\xc2\xa0187 182", [22.35, 6.692, 3.048, 185, 187, 182]),
        # a decimal below a millimetre
        (b"1.500\x1000 2 3 4 5 6", [1.5, 2, 3, 4, 5, 6]),
        # a fourth digit would be no colour, so it came in between
        (b"1.5 2 3 4 5 66\xff", [1.5, 2, 3, 4, 5, 66]),
    ],
)
def test_a_line_with_an_invalid_byte_is_mended_where_one_point_is_possible(tmp_path, line, point):
    points, defects = read(tmp_path, GOOD, line, GOOD)
    assert len(points) == 3
    np.testing.assert_allclose(points[1], point, atol=1e-3)
    assert [d.kind for d in defects] == [DefectKind.DAMAGED_FILE]
    assert "line 2 of" in str(defects[0]) and "mended" in str(defects[0])


@pytest.mark.parametrize(
    "line",
    [
        b"22.\x10 6.692 3.048 185 187 182",  # a decimetre is unknown
        b"\x102.350 6.692 3.048 185 187 182",  # sign or tens
        b"1 2 3 1\x105 5 6",  # tens of a colour
        b"1 2 3 4 \x10\x10 6",
        b"1 2 3 4 5",
        b"1 2 3 4 5 6 7",
        b"1 2 3 4 5 256",
        b"1 2 3 4 5 -1",
        b"1 2 nan 4 5 6",
        b"1 2 inf 4 5 6",
        b"1 2 3 4 5 six",
    ],
)
def test_a_line_that_may_have_been_several_points_is_left_out(tmp_path, line):
    points, defects = read(tmp_path, GOOD, GOOD, line, GOOD)
    assert len(points) == 3
    assert "line 3 of" in str(defects[0]) and "left out" in str(defects[0])


def test_numbers_with_exponents_are_read_beside_a_damaged_line_too(tmp_path):
    points, defects = read(tmp_path, b"1.5e+01 2e0 3 2.55e+02 1E1 0e0", b"1 2 3 4 5 1e9", b"x")
    np.testing.assert_array_equal(points, [[15, 2, 3, 255, 10, 0]])
    assert [str(d).split(" of")[0] for d in defects] == ["line 2", "line 3"]


def test_blank_lines_are_no_defects(tmp_path):
    points, defects = read(tmp_path, GOOD, b"", b"  ", b"1 2 3 4 5\x106")
    assert len(points) == 1 + 1
    assert len(defects) == 1 and "line 4" in str(defects[0])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a\n"])
def test_a_file_without_points_is_a_defect(tmp_path, content):
    file = tmp_path / "wall_1.txt"
    file.write_bytes(content)
    with pytest.raises(DefectError, match="has no points") as error:
        read_points(file)
    assert error.value.kind is DefectKind.DAMAGED_FILE


def test_a_file_that_is_damaged_throughout_is_one_defect(tmp_path):
    with pytest.raises(DefectError, match=f"more than {MOST_DAMAGED_LINES} lines"):
        read(tmp_path, *[b"x y z"] * 100)
    with pytest.raises(DefectError, match="get it anew"):
        read(tmp_path, *[b"1 2 3"] * 100)  # the same everywhere, but not six


def test_a_missing_file_is_a_defect(tmp_path):
    with pytest.raises(DefectError) as error:
        read_points(tmp_path / "wall_1.txt")
    assert error.value.kind is DefectKind.MISSING_FILE


def test_a_damaged_file_has_the_points_of_the_sound_one(tmp_path):
    rng = np.random.default_rng(0)
    points = np.concatenate(
        [rng.uniform(-40, 40, (500, 3)).round(3), rng.integers(0, 256, (500, 3))], 1
    )
    lines = [b"%.6f %.6f %.6f %.6f %.6f %.6f" % tuple(row) for row in points]
    sound, _ = read(tmp_path, *lines)
    lines[250] = lines[250][:-4] + b"\x10" + lines[250][-3:]
    mended, defects = read(tmp_path, *lines)
    assert len(defects) == 1
    np.testing.assert_allclose(mended, sound, atol=1e-3)
