# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""NYU-Depth V2: its 1,449 labelled frames."""

from training.data.nyu.reader import NyuReader

__all__ = ["NyuReader"]
