# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing MATLAB's files: version 7.3 (HDF5) in pieces, version 5 at once."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from seg3d2d_ros.atomic_file import write_file

USERBLOCK = 512
_CLASSES = {"float32": "single", "float64": "double"}
# The same files every time: MATLAB writes the date of today.
_DATE = "Platform: seg3d2d, Created on: Thu Jan  1 00:00:00 1970"
_REFERENCES = "#refs#"


class MatV73:
    """A MAT-file of version 7.3; it is there when the block ends without error.

    The file is HDF5 behind 512 bytes of MATLAB's header. Arrays have their axes in the reverse
    order of MATLAB's; the attribute MATLAB_class names the type. (MathWorks, MAT-File Versions;
    the header's layout is that of MAT-file version 5, MAT-File Format, chapter 1.)

    Args:
        path: of the file.

    Raises:
        OSError: if it can't be written, here, in any method, or when the block ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.part")
        self._sink = _Sink(self._temporary)
        self._file = h5py.File(self._sink, "w", userblock_size=USERBLOCK)
        self._strings = 0

    def __enter__(self) -> MatV73:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
            self._sink.close()
            self._sink.check()
            if kind is None:
                with self._temporary.open("r+b") as file:
                    file.write(_header())
                self._temporary.replace(self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def reserve(self, name: str, count: int, first: NDArray[Any]) -> None:
        """Begin an array of ``count`` pieces like ``first`` along its first axis."""
        data = self._file.create_dataset(
            name,
            (count, *first.shape),
            first.dtype,
            chunks=(1, *first.shape),
            compression="gzip",
            compression_opts=3,
            shuffle=first.dtype.kind == "f",
        )
        data.attrs["MATLAB_class"] = np.bytes_(_CLASSES.get(first.dtype.name, first.dtype.name))

    def put(self, name: str, index: int, piece: NDArray[Any]) -> None:
        """Write one piece of a reserved array."""
        self._file[name][index] = piece
        self._sink.check()

    def strings(self, name: str, values: Sequence[str]) -> None:
        """Write a cell array of strings, a column in MATLAB."""
        group = self._file.require_group(_REFERENCES)
        references = []
        for value in values:
            codes = np.array([ord(letter) for letter in value], np.uint16)[:, None]
            data = group.create_dataset(_cell(self._strings), data=codes)
            data.attrs["MATLAB_class"] = np.bytes_("char")
            data.attrs["MATLAB_int_decode"] = np.int32(2)
            data.attrs["H5PATH"] = np.bytes_(f"/{name}")
            references.append(data.ref)
            self._strings += 1
        cells = self._file.create_dataset(name, (1, len(values)), h5py.ref_dtype)
        cells[0] = references
        cells.attrs["MATLAB_class"] = np.bytes_("cell")


class _Sink:
    """A new file that keeps its first failure for later.

    HDF5 that meets one can't close its file any more, and ends the process when that ends.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._failure: OSError | None = None
        self.seek, self.tell = self._file.seek, self._file.tell
        self.read, self.readinto = self._file.read, self._file.readinto
        self.close = self._file.close

    def write(self, content: Any) -> int:
        view = memoryview(content)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self._failure = self._failure or error
        return len(content)

    def truncate(self, size: int) -> int:
        try:
            self._file.truncate(size)
        except OSError as error:
            self._failure = self._failure or error
        return size

    def flush(self) -> None:
        """Nothing is held back."""

    def check(self) -> None:
        """Raise what has failed.

        Raises:
            OSError: if something could not be written.
        """
        if self._failure is not None:
            raise self._failure


def write_mat_v5(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a MAT-file of version 5; arrays of objects become cell arrays.

    Raises:
        OSError: if it can't be written; a file that was there before is then left as it was.
    """
    stream = io.BytesIO()
    scipy.io.savemat(stream, dict(arrays), do_compression=True)
    content = stream.getvalue()
    text = f"MATLAB 5.0 MAT-file, {_DATE}".ljust(116).encode()
    write_file(path, text + content[116:])


def _header() -> bytes:
    """Text, offset of subsystem data (none), version, and the mark of little-endian numbers."""
    text = f"MATLAB 7.3 MAT-file, {_DATE} HDF5 schema 1.00 .".ljust(116).encode()
    return text + bytes(8) + struct.pack("<H2s", 0x0200, b"IM")


def _cell(number: int) -> str:
    """a, b, ..., z, aa, ab, ...: MATLAB's names of what cell arrays hold."""
    name = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("a") + letter) + name
    return name
