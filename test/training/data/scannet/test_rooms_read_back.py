# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A room at ScanNet's own sizes, written and read back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")
pytest.importorskip("trimesh")

from seg3d2d_ros.labels import LabelSpace
from training.data.manifest import read_manifest, read_scans
from training.data.open_frames import open_frames
from training.data.open_scan import open_scan
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset
from training.rendering.domain import Part
from training.rendering.layout import furnish
from training.rendering.layouts import scannet
from training.rendering.room_job import RoomJob

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Folder, and the cameras, frames and mesh that were rendered into it."""
    out = tmp_path_factory.mktemp("rooms")
    rng = np.random.default_rng(3)
    job = RoomJob(
        out,
        index=0,
        part=Part("A", "val"),
        seed=0,
        frames=1,
        size=(1296, 968),
        furniture=Path("none"),
        kind="bathroom",
        carrier=None,
        scan=True,
        depth_size=(640, 480),
        layout=scannet.ScanNetLayout(),
        sens=True,
    )
    true = {}

    def recorded(name):
        """The real function, whose results are kept."""
        real = getattr(scannet, name)

        def call(*arguments):
            result = real(*arguments)
            if name == "rendered_frames":
                result = true.setdefault(name, list(result))
            return true.setdefault(name, result)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("room_cameras", "rendered_frames", "scan_room"):
            patch.setattr(scannet, name, recorded(name))
        layout = job.layout
        layout.finish(out, {"train": [], "val": [0]}, [job])
        assert list(layout.write(job, furnish(job.kind, None, rng), rng)) == [1]
    assert job.done
    return out, true["room_cameras"], true["rendered_frames"], true["scan_room"]


@pytest.mark.parametrize("source", ["frames", "recording"])
def test_what_is_read_is_what_was_rendered(room, tmp_path, repository, source):
    root, cameras, rendered, mesh = room
    if source == "recording":
        linked = tmp_path / "linked"
        linked.mkdir()
        for name in ("scans", "splits", "scannetv2-labels.combined.tsv"):
            (linked / name).symlink_to(root / name)
        root = linked
    space = LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")
    out = tmp_path / "out"
    prepared = prepare_dataset(open_dataset("scannet", root), out, space)
    assert prepared.defects == [] and prepared.frames == {"val": 1} and prepared.scans == 1
    (row,), (true,) = read_manifest(out), rendered
    assert Path(row.image).parts[0] == (".." if source == "frames" else "unpacked")
    label = cv2.imread(str(out / row.label), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(label, true.truth.label)
    depth = cv2.imread(str(out / row.depth), cv2.IMREAD_UNCHANGED) / row.depth_scale
    assert depth.shape == (480, 640) and np.abs(depth - true.depth).max() <= 0.000501
    np.testing.assert_allclose(row.pose, true.pose.ravel(), atol=1e-6)
    np.testing.assert_allclose(row.intrinsics, cameras.color.row(), atol=1e-4)
    np.testing.assert_allclose(row.depth_intrinsics, cameras.depth.row(), atol=1e-4)
    assert row.depth_to_color is None
    image, classes = open_frames(out, "val", space).load(0)
    assert image.shape == (968, 1296, 3)
    # JPEG of a noisy picture
    assert np.abs(image.astype(float) - true.color).mean() < 8
    np.testing.assert_array_equal(classes, space.lookup("nyu40")[true.truth.label])
    scan = open_scan(out, read_scans(out)[0])
    np.testing.assert_array_equal(scan.points, mesh.vertices)
    np.testing.assert_array_equal(scan.colors, mesh.colors)
    np.testing.assert_array_equal(scan.labels, mesh.labels)
    np.testing.assert_array_equal(scan.instances, mesh.instances)
    np.testing.assert_array_equal(scan.faces, mesh.faces)
    assert len(np.unique(scan.labels)) > 5 and scan.instances.max() > 10
