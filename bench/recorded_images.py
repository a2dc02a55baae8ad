# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the recording that ships with the package, at the size a benchmark needs."""

from __future__ import annotations

import argparse
import re

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.bag.frame_source import open_frame_source
from seg3d2d_ros.bag.image_fit import fit
from seg3d2d_ros.share import share_path

RECORDING = "recordings/living_room"


def recorded_images(count: int, width: int, height: int) -> list[npt.NDArray[np.uint8]]:
    """So many pictures, RGB (height, width, 3) uint8, evenly spread over the recording.

    The recording begins anew where it holds fewer.
    """
    frames = [frame.image for frame in open_frame_source(share_path(RECORDING))]
    distinct = min(count, len(frames))
    chosen = np.linspace(0, len(frames) - 1, distinct).astype(int)
    images = [fit(frames[index], None, width, height)[0] for index in chosen]
    return [images[index % distinct] for index in range(count)]


def image_size(text: str) -> tuple[int, int]:
    """(width, height) of ``WxH``, for argparse."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or min(int(side) for side in match.groups()) < 16:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write it as 640x480")
    return int(match[1]), int(match[2])
