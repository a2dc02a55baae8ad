# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reader of images and labels in the layout of ScanNet's scannet_frames_25k."""

from __future__ import annotations

from pathlib import Path

from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError, LabelledFrame, LabelledFrames
from training.data.scene_lists import SPLITS_FOLDER, read_scene_list


class ScanNetFrames(LabelledFrames):
    """Frames of one split, in the order of scenes and frame numbers.

    The root holds ``scannet_frames_25k/<scene>/{color/*.jpg, label/*.png}`` and
    ``splits/<split>.txt`` with one scene a line.

    Args:
        root: folder of the data set.
        split: name of the file in ``splits``.
        label_space: classes to map to.
        source: label space of the files, a key of the label space's ``source_ids``.

    Raises:
        DatasetError: if the split, a scene or a label file is missing, or the split has no frame.
    """

    def __init__(
        self, root: str | Path, split: str, label_space: LabelSpace, source: str = "nyu40"
    ) -> None:
        self.root = Path(root)
        self.split = split
        listing = self.root / SPLITS_FOLDER / f"{split}.txt"
        if not listing.is_file():
            raise DatasetError(
                f"{listing} cannot be read; {self.root} should be a folder that 'python -m "
                "training prepare' has written, or hold a data set in ScanNet's frames layout, as "
                "'python -m training rooms' writes one"
            )
        scenes = read_scene_list(listing)
        frames = [frame for scene in scenes for frame in self._scene_frames(scene)]
        if not frames:
            raise DatasetError(f"the split {listing} has no frames")
        super().__init__(split, frames, label_space.lookup(source))

    def _scene_frames(self, scene: str) -> list[LabelledFrame]:
        folder = self.root / "scannet_frames_25k" / scene
        images = sorted((folder / "color").glob("*.jpg"))
        if not images:
            raise DatasetError(
                f"{folder / 'color'} has no .jpg, but the split '{self.split}' names it"
            )
        frames = []
        for image in images:
            label = folder / "label" / f"{image.stem}.png"
            if not label.is_file():
                raise DatasetError(f"{label} is missing; {image} has no labels")
            frames.append(LabelledFrame(scene, image.stem, image, label))
        return frames
