# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What an evaluation found, as a page for people: figures, confusion, pictures."""

from __future__ import annotations

import html
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.confusion_matrix import ConfusionMatrix
from seg3d2d_ros.html_report import data_uri, table, write_page
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.overlay import blend_overlay

_PICTURE_WIDTH = 320
_QUALITY = 85
_OVERLAY_ALPHA = 0.65


@dataclass(frozen=True)
class ReportWords:
    """What a report calls things: what is counted, what that lies in, and what its views show."""

    counted: str
    sample: str
    views: str


PIXELS_OF_FRAMES = ReportWords("pixel", "frame", "Image, true labels, predicted labels.")
POINTS_OF_SCENES = ReportWords(
    "point",
    "scene",
    "The lower part of the room from above, the ceiling cut away: colours of the scan, classes of "
    "the scan, classes of the network. Figures are of all points, shown or not.",
)


@dataclass(frozen=True)
class EvaluatedFrame:
    """One frame: its name, the part of its labelled pixels that is right, and a JPEG of it."""

    name: str
    accuracy: float
    picture: bytes


class EvaluatedFrames:
    """Keeps pictures of the frames asked for and of the worst.

    Args:
        label_space: of the labels.
        shown: numbers of the frames to keep.
        worst: how many of the worst to keep.
    """

    def __init__(
        self, label_space: LabelSpace, shown: Collection[int] = (), worst: int = 8
    ) -> None:
        self._label_space = label_space
        self._shown = frozenset(shown)
        self._limit = worst
        self.chosen: list[EvaluatedFrame] = []
        self.worst: list[EvaluatedFrame] = []

    def keeps(self, index: int, accuracy: float | None) -> bool:
        """Whether a frame of this number and accuracy, None without a label, would be kept now."""
        return index in self._shown or (accuracy is not None and self._is_worst(accuracy))

    def _is_worst(self, accuracy: float) -> bool:
        return len(self.worst) < self._limit or accuracy < self.worst[-1].accuracy

    def add(
        self,
        index: int,
        name: str,
        image: npt.NDArray[np.uint8],
        truth: npt.NDArray[Any],
        predicted: npt.NDArray[Any],
        accuracy: float | None = None,
    ) -> None:
        """Look at a frame: RGB (H, W, 3) uint8, true and predicted labels (H, W).

        Frames without a labelled pixel are none of the worst. The part of what is labelled that
        is right is that of the pixels, unless `accuracy` says it, for pictures that show a part
        of what was measured.
        """
        labelled = truth < self._label_space.num_classes
        right = float((truth == predicted)[labelled].mean()) if labelled.any() else 1.0
        right = right if accuracy is None else accuracy
        is_worst = self._is_worst(right)
        if index not in self._shown and not is_worst:
            return
        frame = EvaluatedFrame(name, right, self._picture(image, truth, predicted))
        if index in self._shown:
            self.chosen.append(frame)
        if is_worst and labelled.any():
            self.worst = sorted([*self.worst, frame], key=lambda f: f.accuracy)[: self._limit]

    def _picture(
        self, image: npt.NDArray[np.uint8], truth: npt.NDArray[Any], predicted: npt.NDArray[Any]
    ) -> bytes:
        palette = self._label_space.palette()
        overlays = [blend_overlay(image, x, palette, _OVERLAY_ALPHA) for x in (truth, predicted)]
        height = max(1, round(image.shape[0] * _PICTURE_WIDTH / image.shape[1]))
        size = (_PICTURE_WIDTH, height)
        views = [cv2.resize(v, size, interpolation=cv2.INTER_AREA) for v in (image, *overlays)]
        row = np.hstack(views)
        bgr = cv2.cvtColor(row, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        return data.tobytes()


def write_evaluation(
    out: Path,
    *,
    metrics: Mapping[str, Any],
    title: str,
    introduction: str,
    confusion: ConfusionMatrix,
    frames: EvaluatedFrames,
    words: ReportWords = PIXELS_OF_FRAMES,
) -> None:
    """Write ``metrics.json``, ``confusion.csv`` and ``report.html`` into a folder.

    Args:
        out: the folder, made if absent.
        metrics: for the first file.
        title: heading of the report.
        introduction: a sentence below: which model on which data.
        confusion: of the whole evaluation.
        frames: pictures.
        words: what the report calls things.

    Raises:
        OSError: if they can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_file(out / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
    write_file(out / "confusion.csv", _csv(confusion).encode())
    write_evaluation_report(
        out / "report.html",
        title=title,
        introduction=introduction,
        confusion=confusion,
        frames=frames,
        words=words,
    )


def _csv(confusion: ConfusionMatrix) -> str:
    names = confusion.label_space.names
    lines = [",".join(["true \\ predicted", *names, "none"])]
    for name, row in zip(names, confusion.counts.tolist(), strict=True):
        lines.append(",".join([name, *map(str, row)]))
    return "\n".join(lines) + "\n"


def write_evaluation_report(
    path: Path,
    *,
    title: str,
    introduction: str,
    confusion: ConfusionMatrix,
    frames: EvaluatedFrames,
    words: ReportWords = PIXELS_OF_FRAMES,
) -> None:
    """Write the page.

    Args:
        path: of the file, .html.
        title: its heading.
        introduction: a sentence below: which model on which data.
        confusion: of the whole evaluation.
        frames: pictures.
        words: what the page calls things.

    Raises:
        OSError: if it can't be written.
    """
    counted, sample = words.counted, words.sample
    metrics = confusion.metrics()
    rows = [
        ("mean IoU", f"{metrics['miou']} %"),
        (f"{counted} accuracy", f"{metrics['pixel_accuracy']} %"),
        ("mean class accuracy", f"{metrics['mean_accuracy']} %"),
        (f"labelled {counted}s", f"{metrics['pixels']:,}"),
    ]
    body = [
        table(rows),
        "<h2>Classes</h2>",
        _class_table(confusion, metrics["class_iou"], words),
        "<h2>Confusion</h2>",
        f"<p>Of 100 {counted}s of the class on the left, how many were labelled as that above.</p>",
        _matrix(confusion),
        _figures(f"{sample.capitalize()}s, evenly spaced", frames.chosen, words),
        _figures(f"The worst {sample}s", frames.worst, words, shown=frames.chosen),
    ]
    write_page(path, title=title, introduction=introduction, body="\n".join(body))


def _class_table(
    confusion: ConfusionMatrix, class_iou: dict[str, float | None], words: ReportWords
) -> str:
    pixels = confusion.counts.sum(1)
    share = 100 * pixels / max(pixels.sum(), 1)
    lines = []
    for label_class, part in zip(confusion.label_space.classes, share, strict=True):
        iou = class_iou[label_class.name]
        color = "#{:02x}{:02x}{:02x}".format(*label_class.color)
        bar = f'<span class="bar" style="width:{(iou or 0) * 2:.0f}px"></span>'
        value = "not in the data" if iou is None else f"{bar} {iou}"
        lines.append(
            f'<tr><td><span class="swatch" style="background:{color}"></span>'
            f"{html.escape(label_class.name)}</td><td>{value}</td><td>{part:.2f}</td></tr>"
        )
    head = f"<tr><th>class</th><th>IoU, %</th><th>% of the labelled {words.counted}s</th></tr>"
    return f"<table>{head}\n" + "\n".join(lines) + "</table>"


def _matrix(confusion: ConfusionMatrix) -> str:
    names = [html.escape(name) for name in confusion.label_space.names]
    counts = confusion.counts
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    columns = [*names, "none"] if counts[:, -1].any() else names
    head = "".join(f"<th>{name}</th>" for name in columns)
    lines = []
    for name, row in zip(names, share, strict=True):
        cells = "".join(
            f'<td style="background:rgba(74,126,187,{value / 100:.2f})">'
            f"{f'{value:.0f}' if value >= 0.5 else ''}</td>"
            for value in row[: len(columns)]
        )
        lines.append(f"<tr><th>{name}</th>{cells}</tr>")
    return (
        f'<table class="matrix"><thead><tr><th></th>{head}</tr></thead>\n'
        + "\n".join(lines)
        + "</table>"
    )


def _figures(
    heading: str,
    frames: list[EvaluatedFrame],
    words: ReportWords,
    shown: Collection[EvaluatedFrame] = (),
) -> str:
    """Pictures below a heading; of those that were shown before only the figure."""
    if all(frame in shown for frame in frames):
        return ""
    lines = [f"<h2>{heading}</h2>", f"<p>{words.views}</p>"]
    for frame in frames:
        name = html.escape(frame.name)
        said = f"{name}: {100 * frame.accuracy:.1f} % of the {words.counted}s right"
        if frame in shown:
            lines.append(f"<p>{said}, see above</p>")
            continue
        source = data_uri("image/jpeg", frame.picture)
        lines.append(
            f'<figure><img src="{source}" alt="{name}"><figcaption>{said}</figcaption></figure>'
        )
    return "\n".join(lines)
