# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Files of a model bundle: each with the size and SHA-256 that bundle.yaml states."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

FORMATS = ("onnx", "openvino", "safetensors")


class BundleError(Exception):
    """A bundle can't be used; the message says in one sentence what, where and what to do."""


@dataclass(frozen=True)
class HashedFile:
    """A file of a bundle with the size (bytes) and SHA-256 that bundle.yaml states."""

    path: Path
    size: int
    sha256: str

    def read(self) -> bytes:
        """The file's content, checked. What is checked is what the caller uses.

        Raises:
            BundleError: if the file is missing, or its size or hash differs.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise BundleError(
                f"file {self.path} of the bundle can't be read ({error.strerror}); "
                "copy the whole bundle folder again"
            ) from error
        if len(content) != self.size or hashlib.sha256(content).hexdigest() != self.sha256:
            raise BundleError(
                f"file {self.path} is not the one the bundle was made with: {len(content)} bytes, "
                f"expected {self.size}, or its SHA-256 differs; copy the bundle folder again"
            )
        return content


@dataclass(frozen=True)
class WeightsFile(HashedFile):
    """Weights in one format: ``onnx``, ``openvino`` (IR: .xml and .bin) or ``safetensors``."""

    format: str
    precision: str
    binary: HashedFile | None = None
    """The .bin of an OpenVINO IR."""

    def read(self) -> bytes:
        """As :meth:`HashedFile.read`, and refuses content of another format than stated."""
        content = super().read()
        starts = {
            "onnx": content[:1] == b"\x08",  # protobuf field 1, ModelProto.ir_version
            "openvino": content.lstrip()[:5] in (b"<?xml", b"<net "),
            "safetensors": content[8:9] == b"{",  # u64 header length, then JSON
        }
        if not starts[self.format]:
            archive = content[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK")
            kind = "a Python pickle or archive" if archive else "something else"
            raise BundleError(
                f"file {self.path} is stated to be {self.format} but is {kind}; it is not "
                "loaded: get the bundle from where it was exported"
            )
        return content


@dataclass(frozen=True)
class ReferencePair:
    """An image (RGB PNG) and the labels (8 or 16-bit PNG, its size) expected for it."""

    image: HashedFile
    labels: HashedFile
