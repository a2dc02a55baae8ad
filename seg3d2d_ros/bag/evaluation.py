# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A model, or labels that were recorded, against the ground truth in a bag."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from seg3d2d_ros.bag.frame_source import Frame, FrameFault
from seg3d2d_ros.bag.rosbag_source import RawMessage, RosbagSource
from seg3d2d_ros.confusion_matrix import ConfusionMatrix
from seg3d2d_ros.evaluation_report import EvaluatedFrames
from seg3d2d_ros.image_codec import ImageDecodeError
from seg3d2d_ros.label_codec import decode_label_image
from seg3d2d_ros.labels import LabelSpace, LabelSpaceError
from seg3d2d_ros.parser import ParseFailure, SceneParser

_WORST = 12


class BagEvaluationError(Exception):
    """There is nothing to evaluate; the message is one sentence."""


@dataclass(frozen=True)
class BagEvaluation:
    """What was found.

    Attributes:
        confusion: over all pairs.
        frames: pictures of the worst of them.
        pairs: number of images whose labels were compared with ground truth.
        faults: the camera's images that were not, each with the reason.
    """

    confusion: ConfusionMatrix
    frames: EvaluatedFrames
    pairs: int
    faults: list[FrameFault]


def evaluate_bag(
    source: RosbagSource,
    truth_topic: str,
    label_space: LabelSpace,
    *,
    parser: SceneParser | None = None,
    label_topic: str | None = None,
    truth_ids: npt.NDArray[Any] | None = None,
    watch: Callable[[int], None] = lambda _: None,
) -> BagEvaluation:
    """Compare the labels of one camera's images with ground truth of equal header stamps.

    Args:
        source: the bag and its camera.
        truth_topic: label images (``mono8``, ``mono16``, PNG).
        label_space: of the labels; ids outside of it in the ground truth do not count.
        parser: labels the images; None where ``label_topic`` is given.
        label_topic: of labels that were recorded.
        truth_ids: the label space's id of each id in the ground truth, shape (65536,); None where
            it is in the same space.
        watch: called with the number of images done.

    Raises:
        BagEvaluationError: if the bag lacks a topic, or no image has both.
        FrameSourceError: if the bag is damaged.
    """
    topics = [truth_topic] if label_topic is None else [truth_topic, label_topic]
    for topic in topics:
        if topic not in source.topics():
            raise BagEvaluationError(
                f"bag {source.path} has no topic {topic}, only {', '.join(sorted(source.topics()))}"
            )
    for topic in topics:
        _check_names(
            source, topic, label_space, mapped=topic == truth_topic and truth_ids is not None
        )
    confusion, frames = ConfusionMatrix(label_space), EvaluatedFrames(label_space, worst=_WORST)
    faults: list[FrameFault] = []
    images, pairs = 0, 0
    for raw, others in _together(source, topics):
        images += 1
        watch(images)
        frame = source.decode(raw)
        if isinstance(frame, FrameFault):
            faults.append(frame)
            continue
        compared = _compare(frame, others, source, parser, topics)
        if isinstance(compared, FrameFault):
            faults.append(compared)
            continue
        truth, predicted = compared
        truth = truth if truth_ids is None else truth_ids[truth]
        known = (truth < label_space.num_classes) | (truth == label_space.unlabeled)
        if not known.all():
            first = np.unique(truth[~known])[:5].tolist()
            faults.append(
                FrameFault(
                    frame.name,
                    f"its ground truth holds the ids {', '.join(map(str, first))}, which the label "
                    f"space '{label_space.name}' does not know; name its ids with --truth-ids",
                )
            )
            continue
        confusion.add(truth, predicted)
        frames.add(raw.index, frame.name, frame.image, truth, predicted)
        pairs += 1
    missing = source.missing_images(images)
    if missing is not None:
        faults.append(missing)
    if not pairs:
        reason = f"; the first: {faults[0].reason}" if faults else ""
        raise BagEvaluationError(
            f"no image on {source.topic} of {source.path} could be compared with {truth_topic}"
            f"{reason}"
        )
    if not confusion.counts.any():
        raise BagEvaluationError(
            f"{truth_topic} of {source.path} holds no id of the label space '{label_space.name}'; "
            "name its ids with --truth-ids"
        )
    return BagEvaluation(confusion, frames, pairs, faults)


def _check_names(
    source: RosbagSource, topic: str, label_space: LabelSpace, *, mapped: bool
) -> None:
    """Compare the classes that a bag names beside its labels with those of the label space.

    Raises:
        BagEvaluationError: if they differ, or if they are to be mapped though they are the same.
    """
    text = source.text(f"{topic}_info_yaml")
    if text is None:
        return
    try:
        there = LabelSpace.from_mapping(yaml.safe_load(text))
    except (yaml.YAMLError, LabelSpaceError, AttributeError, TypeError):
        return  # some other text
    same = there.names == label_space.names
    if mapped and same:
        raise BagEvaluationError(
            f"the ids on {topic} are those of '{there.name}' already, as the bag says; leave out "
            "--truth-ids"
        )
    if not mapped and not same:
        raise BagEvaluationError(
            f"the labels on {topic} are of the label space '{there.name}', as the bag says, whose "
            f"classes are not those of '{label_space.name}'; give the bundle that made them"
        )


def _together(
    source: RosbagSource, topics: list[str]
) -> Iterator[tuple[RawMessage, dict[str, RawMessage]]]:
    """Each image with the other topics' messages of its stamp, in the order of the images.

    Where several images have one stamp, messages belong to them in the order of both. A first look
    at the stamps tells for whom to wait, so that only messages whose partners are still to come are
    in memory.
    """
    wanted = {raw.stamp_ns for raw in source.raw_messages([source.topic])} - {None}
    coming = Counter(
        (raw.stamp_ns, raw.topic) for raw in source.raw_messages(topics) if raw.stamp_ns in wanted
    )
    here: defaultdict[tuple[int | None, str], deque[RawMessage]] = defaultdict(deque)
    images: deque[RawMessage] = deque()
    for raw in source.raw_messages([source.topic, *topics]):
        if raw.topic == source.topic:
            images.append(raw)
        elif raw.stamp_ns in wanted:
            coming[raw.stamp_ns, raw.topic] -= 1
            here[raw.stamp_ns, raw.topic].append(raw)
        while images:
            keys = {topic: (images[0].stamp_ns, topic) for topic in topics}
            if any(coming[key] and not here[key] for key in keys.values()):
                break
            yield images.popleft(), {t: here[key].popleft() for t, key in keys.items() if here[key]}


def _compare(
    frame: Frame,
    others: dict[str, RawMessage],
    source: RosbagSource,
    parser: SceneParser | None,
    topics: list[str],
) -> FrameFault | tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """True and predicted labels of one image, or why there are none."""
    try:
        truth, *recorded = (decode_label_image(source.message(others[topic])) for topic in topics)
    except KeyError as error:
        return FrameFault(frame.name, f"there is no message of its stamp on {error.args[0]}")
    except ImageDecodeError as error:
        return FrameFault(frame.name, str(error))
    if parser is None:
        predicted = recorded[0]
    else:
        result = parser.parse(frame.image)
        if isinstance(result, ParseFailure):
            return FrameFault(frame.name, result.reason)
        predicted = result.labels
    height, width = frame.image.shape[:2]
    for what, labels in (("ground truth", truth), ("labels", predicted)):
        if labels.shape != (height, width):
            return FrameFault(
                frame.name,
                f"its {what} are {labels.shape[1]}x{labels.shape[0]} pixels, the image is "
                f"{width}x{height}",
            )
    return truth, predicted
