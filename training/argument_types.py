# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What words on the command line stand for; argparse shows the sentence where one does not fit."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path


def count(text: str) -> int:
    """A whole number above 0.

    Raises:
        ArgumentTypeError: if it is something else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def classes(text: str) -> int:
    """A number of classes, 1 to the 65535 that a label space can have.

    Raises:
        ArgumentTypeError: if it is something else.
    """
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ArgumentTypeError(f"'{text}' is no number of classes from 1 to 65535")
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1.

    Raises:
        ArgumentTypeError: if it is something else.
    """
    return _number(text, 0, 1, "is not a share between 0 and 1")


def part(text: str) -> float:
    """A share that leaves something on both sides: above 0 and below 1.

    Raises:
        ArgumentTypeError: if it is something else.
    """
    value = share(text)
    if value in (0.0, 1.0):
        raise ArgumentTypeError(f"'{text}' is no share between 0 and 1, without these")
    return value


def rate(text: str) -> float:
    """Frames a second, 0.01 to 1000.

    Raises:
        ArgumentTypeError: if it is something else.
    """
    return _number(text, 0.01, 1000, "is no rate from 0.01 to 1000")


def length(text: str) -> float:
    """Metres, 0.001 to 100.

    Raises:
        ArgumentTypeError: if it is something else.
    """
    return _number(text, 0.001, 100, "is no length in metres from 0.001 to 100")


def licence(text: str) -> str:
    """A text that says something.

    Raises:
        ArgumentTypeError: if it is empty.
    """
    if not text.strip():
        raise ArgumentTypeError("it is empty; name an SPDX identifier, or say what is known")
    return text


def factor(text: str) -> float:
    """A number to multiply by, 0.000001 to 1000000.

    Raises:
        ArgumentTypeError: if it is something else.
    """
    return _number(text, 1e-6, 1e6, "is no factor from 0.000001 to 1000000")


def size(text: str) -> tuple[int, int]:
    """Width and height of pictures, at least 16 pixels each.

    Raises:
        ArgumentTypeError: if it is something else.
    """
    try:
        width, height = (int(number) for number in text.lower().split("x"))
    except ValueError:
        raise ArgumentTypeError(f"'{text}' is not WxH, such as 320x240") from None
    if min(width, height) < 16:
        raise ArgumentTypeError(f"'{text}' is too small, use at least 16x16")
    return width, height


def text_file(name: str) -> str:
    """What a file of text says.

    Raises:
        ArgumentTypeError: if it can't be read, or is no UTF-8.
    """
    try:
        return Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise ArgumentTypeError(f"{name} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ArgumentTypeError(f"{name} is no text in UTF-8") from error


def _number(text: str, low: float, high: float, complaint: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ArgumentTypeError(f"'{text}' {complaint}")
    return value
