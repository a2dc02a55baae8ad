# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``prepare``: a plain folder of images and masks, checked and listed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import yaml
from tqdm import tqdm

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.labels import LabelSpace
from training.data.defects import DefectError
from training.data.frame_checks import check_label, decode, read_bytes
from training.data.labelled_frames import DatasetError
from training.data.manifest import (
    DATASET,
    DEFECTS,
    LABEL_SPACE,
    MANIFEST,
    ManifestRow,
    write_manifest,
)

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class PreparedFolder:
    """What was found.

    Attributes:
        folder: where the manifest is.
        frames: number of frames by split.
        class_pixels: number of pixels by class name.
        defects: a sentence for each frame that was left out.
    """

    folder: Path
    frames: dict[str, int]
    class_pixels: dict[str, int]
    defects: list[str]

    def text(self) -> str:
        """A summary for people."""
        total = max(sum(self.class_pixels.values()), 1)
        lines = [
            f"{self.folder / MANIFEST}: " + ", ".join(f"{n} {s}" for s, n in self.frames.items())
        ]
        lines += [f"  {name:20} {100 * n / total:6.2f} %" for name, n in self.class_pixels.items()]
        if self.defects:
            lines.append(f"{len(self.defects)} left out, see {self.folder / DEFECTS}:")
            lines += [f"  {text}" for text in self.defects[:10]]
        return "\n".join(lines)


def prepare_folder(
    images: Path, masks: Path, label_space: Path, out: Path, *, val_share: float, seed: int
) -> PreparedFolder:
    """Pair images with masks of the same name, check every pair, divide and list them.

    What lies in one sub-folder stays in one split; with no sub-folders images are divided one by
    one. Masks are one-channel images of class ids, the label space's ``unlabeled`` where there is
    none.

    Args:
        images: folder of images, with any sub-folders.
        masks: folder of masks, ``<name>.png`` in the same sub-folders.
        label_space: YAML file of the classes.
        out: folder for ``manifest.jsonl``, ``label_space.yaml`` and ``defects.txt``.
        val_share: share held out, above 0 and below 1.
        seed: decides which.

    Raises:
        DatasetError: if nothing usable is left, one class only, or too little to divide, or ``out``
            holds a published data set.
        LabelSpaceError: if the label space can't be read.
        OSError: if the result can't be written.
    """
    space = LabelSpace.load(label_space)
    if (out / DATASET).is_file():
        raise DatasetError(
            f"{out} holds a prepared data set of another kind ({DATASET} there names it); use "
            "another --out"
        )
    for folder in (images, masks):
        if not folder.is_dir():
            raise DatasetError(f"{folder} is no folder")
    names = sorted(
        path.relative_to(images)
        for path in images.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    )
    if not names:
        raise DatasetError(f"{images} holds no images ({' '.join(IMAGE_SUFFIXES)})")
    usable: list[tuple[Path, str]] = []
    counts = np.zeros(space.num_classes, np.int64)
    defects = [f"{masks / name} belongs to no image" for name in _orphans(names, masks)]
    for name in tqdm(names, unit="image"):
        try:
            digest, found = _check(images / name, _mask(masks, name), space)
        except DefectError as defect:
            defects.append(str(defect))
            continue
        counts += found
        usable.append((name, digest))
    present = int((counts > 0).sum())
    if present < 2:
        reason = "no usable frame" if not present else "pixels of one class only"
        first = f"; the first defect: {defects[0]}" if defects else ""
        raise DatasetError(f"{images} and {masks} hold {reason}, nothing to learn from{first}")
    splits = _divide([_scene(name) for name, _ in usable], val_share, seed)
    rows = [
        ManifestRow(
            _relative(images / name, out),
            _relative(_mask(masks, name), out),
            _scene(name),
            splits[_scene(name)],
            digest,
        )
        for name, digest in usable
    ]
    out.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(space.to_mapping(), sort_keys=False)
    write_file(out / LABEL_SPACE, text.encode())
    write_file(out / DEFECTS, "".join(f"{line}\n" for line in defects).encode())
    write_manifest(out, rows)
    frames = {split: sum(row.split == split for row in rows) for split in ("train", "val")}
    return PreparedFolder(
        out, frames, dict(zip(space.names, counts.tolist(), strict=True)), defects
    )


def _mask(masks: Path, name: Path) -> Path:
    return masks / name.with_suffix(".png")


def _orphans(names: list[Path], masks: Path) -> Iterator[Path]:
    known = {name.with_suffix(".png") for name in names}
    for path in sorted(masks.rglob("*.png")):
        if path.relative_to(masks) not in known:
            yield path.relative_to(masks)


def _check(image_path: Path, mask_path: Path, space: LabelSpace) -> tuple[str, npt.NDArray[Any]]:
    """SHA-256 of the mask's file and its pixels by class."""
    shape = decode(read_bytes(image_path), image_path, cv2.IMREAD_COLOR).shape[:2]
    classes = frozenset(range(space.num_classes))
    mask, digest = check_label(mask_path, shape, classes, space.unlabeled)
    counts = np.bincount(mask.ravel(), minlength=space.num_classes)[: space.num_classes]
    return digest, counts


def _scene(name: Path) -> str:
    """The sub-folder, or the image itself where there is none."""
    return name.parent.as_posix() if name.parent != Path() else name.name


def _divide(scenes: list[str], val_share: float, seed: int) -> dict[str, str]:
    """Split by scene; val gets at least its share of the frames."""
    names = sorted(set(scenes))
    if len(names) < 2:
        raise DatasetError(
            f"all usable frames lie in one sub-folder ('{names[0]}'), which stays in one split; "
            "put what belongs together into a sub-folder each, at least two of them"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    wanted = val_share * len(scenes)
    splits = dict.fromkeys(names, "train")
    held = 0
    for k in order[:-1]:
        if held >= wanted:
            break
        splits[names[int(k)]] = "val"
        held += scenes.count(names[int(k)])
    return splits


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
