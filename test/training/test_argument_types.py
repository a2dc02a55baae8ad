# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from argparse import ArgumentTypeError

import pytest

from training.argument_types import (
    classes,
    count,
    factor,
    licence,
    part,
    rate,
    share,
    size,
    text_file,
)


def test_words_become_numbers():
    assert count("12") == 12
    assert classes("65535") == 65535
    assert share("0") == 0 and share("1") == 1 and part("0.25") == 0.25
    assert rate("0.5") == 0.5
    assert size("1296X968") == (1296, 968)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        *((count, word) for word in ("0", "-1", "1.5", "many", "")),
        *((classes, word) for word in ("0", "65536", "1000000000000000000", "x")),
        *((share, word) for word in ("-0.1", "1.1", "nan", "half")),
        *((part, word) for word in ("0", "1", "nan")),
        *((rate, word) for word in ("0", "1001", "inf", "fast")),
        *((size, word) for word in ("320", "axb", "8x8", "1x2x3", "320x")),
    ],
)
def test_what_does_not_fit_is_quoted(kind, word):
    with pytest.raises(ArgumentTypeError, match=f"^'{word}' is "):
        kind(word)


def test_a_file_of_text_is_read(tmp_path):
    path = tmp_path / "remarks.md"
    path.write_text("Größe", encoding="utf-8")
    assert text_file(str(path)) == "Größe"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ArgumentTypeError, match=f"^{path} is no text in UTF-8$"):
        text_file(str(path))
    with pytest.raises(ArgumentTypeError, match="none can't be read: No such file"):
        text_file(str(tmp_path / "none"))


def test_licences_say_something_and_factors_are_positive():
    assert licence("CC0-1.0") == "CC0-1.0"
    with pytest.raises(ArgumentTypeError, match="it is empty; name an SPDX identifier"):
        licence("  ")
    assert factor("0.25") == 0.25
    for text in ("0", "-1", "nan", "inf", "x"):
        with pytest.raises(ArgumentTypeError, match="no factor"):
            factor(text)
