# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a recording that can't be read, and what helps.

Recorders that are killed leave traces of their own: an MCAP file without the magic bytes at its end
(MCAP specification, "Footer"), an SQLite file whose newest messages lie in a write-ahead log or
whose last transaction is to be rolled back from a journal ("Write-Ahead Logging" and "Database File
Format", section 3, of SQLite's documentation). A folder then has no metadata.yaml.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from seg3d2d_ros.bag.frame_source import STORAGE_SUFFIXES, FrameSourceError

_MCAP_MAGIC = b"\x89MCAP0\r\n"
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_WAL_HEADER_BYTES = 32
_COMPRESSED = ".zstd"


def check_parts(path: Path) -> None:
    """Look at a bag's files before a reader opens them.

    Args:
        path: an existing folder or file.

    Raises:
        FrameSourceError: if it is no bag, or a part of it is missing, empty or unreadable.
    """
    if path.is_file():
        _check_file(path)
        return
    try:
        if not (path / "metadata.yaml").is_file():
            raise _without_metadata(path)
        files = _files_named(path)
    except OSError as error:
        raise FrameSourceError(f"bag {path} can't be read ({error.strerror or error})") from error
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise FrameSourceError(
            f"bag {path} lacks {', '.join(missing)}, which its metadata.yaml names; copy the bag "
            f"again, or run ros2 bag reindex {path} for what is there"
        )
    for file in files:
        _check_left_over(path, file)


def damage(path: Path, error: Exception) -> FrameSourceError:
    """The error about a bag of which a reader raised something."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    if isinstance(cause, OSError):
        return FrameSourceError(f"bag {path} can't be read ({cause.strerror or cause})")
    if re.search(r"version \d+ not supported", str(error)):
        return FrameSourceError(
            f"bag {path} is of a newer format than the package rosbags reads ({one_line(error)}); "
            "run pip install --upgrade rosbags"
        )
    files = [path] if path.is_file() else _storage_files(path)
    for file in files:
        if _lacks_end(file):
            return FrameSourceError(
                f"bag {path} can't be read, {file.name} has no end, as when its recorder was "
                f"killed or the copy was cut off; copy it again, or run {_repair(file)}"
            )
    repair = _repair(files[0]) if files else f"ros2 bag reindex {path}"
    return FrameSourceError(
        f"bag {path} can't be read, it was cut off or is damaged ({one_line(error)}); copy it "
        f"again, or run {repair}"
    )


def _check_file(path: Path) -> None:
    if path.suffix == ".bag":
        raise FrameSourceError(
            f"{path} is a bag of ROS 1; convert it with rosbags-convert and give the result"
        )
    if path.suffix not in STORAGE_SUFFIXES:
        raise FrameSourceError(
            f"{path} is no rosbag2 recording; give its folder, or its .mcap or .db3 file"
        )
    if path.stat().st_size == 0:
        raise FrameSourceError(f"{path} is empty; copy the bag again")
    _check_left_over(path, path)


def _without_metadata(path: Path) -> FrameSourceError:
    storage = _storage_files(path)
    if not storage:
        return FrameSourceError(
            f"{path} is no bag: it has no metadata.yaml and no storage file "
            f"({', '.join(STORAGE_SUFFIXES)}); give a rosbag2 recording"
        )
    first, reindex = storage[0], f"ros2 bag reindex {path}"
    if first.suffix == _COMPRESSED:
        remedy = f"run {reindex}"
    elif _lacks_end(first):
        remedy = f"run {_repair(first)} and give the result"
    else:
        remedy = f"give {first} itself, or run {reindex}"
    return FrameSourceError(
        f"bag {path} has no metadata.yaml, as when recording was interrupted; {remedy}"
    )


def _files_named(path: Path) -> list[Path]:
    """The storage files that metadata.yaml names; it may name them by other folders."""
    file = path / "metadata.yaml"
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        names = content["rosbag2_bagfile_information"]["relative_file_paths"]
        return [path / Path(name).name for name in names]
    except (ValueError, yaml.YAMLError) as error:  # text that is no UTF-8 among it
        reason = one_line(error)
    except KeyError as error:
        reason = f"it has no {error.args[0]}"
    except TypeError:
        reason = "it is not what rosbag2 writes"
    raise FrameSourceError(
        f"metadata.yaml of bag {path} can't be read ({reason}); copy the bag again, or remove the "
        f"file and run ros2 bag reindex {path}"
    )


def _check_left_over(path: Path, file: Path) -> None:
    """Refuse a database of which a part lies in files beside it, which readers pass over."""
    log, journal = (file.with_name(file.name + end) for end in ("-wal", "-journal"))
    if log.is_file() and log.stat().st_size > _WAL_HEADER_BYTES:
        left = log
    elif journal.is_file() and _begins_with(journal, _JOURNAL_MAGIC):
        left = journal
    else:
        return
    raise FrameSourceError(
        f"bag {path} was not closed, as when its recorder was killed or still runs: {left.name} "
        f"holds a part of it; end the recorder, then run sqlite3 {file} .tables, which puts the "
        "file in order"
    )


def _storage_files(path: Path) -> list[Path]:
    plain = (file for file in path.iterdir() if file.is_file())
    return sorted(f for f in plain if f.name.removesuffix(_COMPRESSED).endswith(STORAGE_SUFFIXES))


def _lacks_end(file: Path) -> bool:
    """Whether it is an MCAP file that begins as one but does not end so."""
    if file.suffix != ".mcap" or not _begins_with(file, _MCAP_MAGIC):
        return False
    with file.open("rb") as stream:
        stream.seek(-len(_MCAP_MAGIC), 2)
        return stream.read() != _MCAP_MAGIC


def _begins_with(file: Path, magic: bytes) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(magic)) == magic


def _repair(file: Path) -> str:
    """The command that saves what a storage file still holds."""
    repaired = file.with_name(f"repaired{file.suffix}")
    if file.suffix == ".db3":
        return f"sqlite3 {file} .recover | sqlite3 {repaired}"
    return f"mcap recover {file} -o {repaired}"


def one_line(error: Exception) -> str:
    """Type and text of an error."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
