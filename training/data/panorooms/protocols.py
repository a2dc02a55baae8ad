# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The protocol of 3D Segmenter."""

from __future__ import annotations

from training.data.protocol import Protocol

PROTOCOLS = (
    Protocol(
        "panorooms",
        "panorooms",
        "panorooms30",
        "3D Segmenter (ICLR 2023): the lists train.txt, val.txt and test.txt of its published code "
        "name 5325, 297 and 295 rooms",
    ),
)
