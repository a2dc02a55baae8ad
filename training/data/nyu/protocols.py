# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Protocols of NYU-Depth V2.

All divide the labelled frames as the data set's authors do: 795 to train on, 654 to measure on,
which are called ``val`` here.
"""

from __future__ import annotations

from training.data.protocol import Protocol


def _protocol(name: str, label_space: str, source: str, *, valid_region_only: bool) -> Protocol:
    return Protocol(
        name,
        "nyu",
        label_space,
        source,
        settings=(("valid_region_only", valid_region_only),),
    )


PROTOCOLS = (
    _protocol(
        "nyu40",
        "nyu40",
        "40 classes of Gupta, Arbelaez and Malik, CVPR 2013, on whole frames",
        valid_region_only=False,
    ),
    _protocol(
        "nyu40_cropped",
        "nyu40",
        "the same inside of the valid region of Silberman et al.'s toolbox, 561x427 pixels",
        valid_region_only=True,
    ),
    _protocol(
        "nyu13",
        "nyu13",
        "13 classes of Couprie, Farabet, Najman and LeCun, ICLR 2013, on whole frames",
        valid_region_only=False,
    ),
    _protocol(
        "nyu20",
        "scannet20",
        "ScanNet's 20 classes, a part of the 40, as in Liu, Qi and Fu, CVPR 2021",
        valid_region_only=False,
    ),
)
"""The default first. ``valid_region_only``: whether pixels outside of the region where the Kinect
measures are taken for unlabeled, see :data:`training.data.nyu.camera.VALID_ROWS`."""
