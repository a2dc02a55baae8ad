# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A reader of the plainest layout, <scene>/<frame>.{jpg,png}, for tests of what reads by it."""

import cv2
import numpy as np

from training.data.dataset_reader import DatasetReader, PreparedScene
from training.data.defects import Defect, DefectKind
from training.data.manifest import ManifestRow
from training.data.protocol import Protocol


class PlainReader(DatasetReader):
    label_source = "nyu40"
    no_label = 0
    label_ids = frozenset(range(41))

    def scenes(self):
        names = sorted(path.name for path in self.root.iterdir() if path.is_dir())
        return {name: "val" if name.endswith("2") else "train" for name in names}

    def prepare_scene(self, scene, split, out):
        if scene == "zz_interrupted":
            raise KeyboardInterrupt
        prepared = PreparedScene()
        for image in sorted((self.root / scene).glob("*.jpg")):
            label = str(image.with_suffix(".png"))
            prepared.rows.append(ManifestRow(str(image), label, scene, split, None))
        if not prepared.rows:
            text = f"{self.root / scene} holds no frame"
            prepared.defects.append(Defect(DefectKind.MISSING_FILE, scene, text, scene))
        return prepared

    def inputs(self, scene):
        return [self.root / scene]


def add_frame(folder, name, seed):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    label = rng.choice([0, 1, 5, 22], (12, 16)).astype(np.uint8)
    cv2.imwrite(str(folder / f"{name}.jpg"), rng.integers(0, 255, (12, 16, 3)).astype(np.uint8))
    cv2.imwrite(str(folder / f"{name}.png"), label)


def protocol(**changes):
    return Protocol("all", "plain", "scannet20", "a test", **changes)


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
