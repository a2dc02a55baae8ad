# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which scenes are read anew when files have changed since."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("trimesh")

SCENE, OTHER = "scene0000_00", "scene0001_00"
FRAMES, SCANS = f"scannet_frames_25k/{SCENE}", f"scans/{SCENE}"


def append(path):
    path.write_bytes(path.read_bytes() + b"\n")


CHANGES = {
    "nothing": (lambda root: None, set()),
    "a label added": (
        lambda root: cv2.imwrite(
            str(root / FRAMES / "label/000200.png"), np.ones((48, 64), np.uint8)
        ),
        {SCENE},
    ),
    "a pose changed": (lambda root: append(root / FRAMES / "pose/000100.txt"), {SCENE}),
    "intrinsics changed": (lambda root: append(root / FRAMES / "intrinsics_color.txt"), {SCENE}),
    "a picture lost": (lambda root: (root / FRAMES / "color/000100.jpg").unlink(), {SCENE}),
    "an annotation changed": (
        lambda root: append(root / SCANS / f"{SCENE}.aggregation.json"),
        {SCENE},
    ),
    "a mesh lost": (lambda root: (root / SCANS / f"{SCENE}_vh_clean_2.ply").unlink(), {SCENE}),
    "a recording added": (lambda root: (root / SCANS / f"{SCENE}.sens").write_text(""), set()),
    "the label table changed": (
        lambda root: append(root / "scannetv2-labels.combined.tsv"),
        {SCENE, OTHER},
    ),
    "the same list": (lambda root: append(root / "splits/train.txt"), set()),
    "another split": (
        lambda root: (root / "splits/val.txt").rename(root / "splits/test.txt"),
        {OTHER},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_scenes_of_which_something_changed_are_read_anew(change, root, scenes_read):
    alter, expected = CHANGES[change]
    assert scenes_read("scannet", root) == {SCENE, OTHER}
    alter(root)
    assert scenes_read("scannet", root) == expected


def test_labels_of_a_recording_that_come_later_are_used(root, files, scenes_read):
    sens = root / SCANS / f"{SCENE}.sens"
    sens.write_bytes(files.sens_bytes(files.recorded(1)))
    (root / FRAMES).rename(root / "elsewhere")
    assert SCENE in scenes_read("scannet", root)
    assert scenes_read("scannet", root) == set()
    sens.with_name(f"{SCENE}_2d-label-filt.zip").write_bytes(b"an archive")
    assert scenes_read("scannet", root) == {SCENE}


def test_the_first_mesh_makes_the_other_scenes_lack_theirs(root, files, scenes_read):
    (root / "scans").rename(root / "later")
    assert scenes_read("scannet", root) == {SCENE, OTHER}
    (root / "scans").mkdir()
    (root / "later" / SCENE).rename(root / SCANS)
    assert scenes_read("scannet", root) == {SCENE, OTHER}
