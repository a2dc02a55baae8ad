# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which class each output of a published classifier is, which no file of weights tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.share import share_path
from training.published_weights.published_weights_error import PublishedWeightsError


@dataclass(frozen=True)
class PublishedClasses:
    """Classes that published networks are known to have.

    Attributes:
        of: what was published, in words.
        label_space: of this package, in ``config/labels``.
        names: in the order of the published classifier; empty where it is the label space's.
    """

    of: str
    label_space: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ClassesInOrder:
    """What to do with a classifier.

    Attributes:
        label_space: its classes, once its outputs are in order.
        order: number in the file of each class of the label space.
        report: a sentence about both.
    """

    label_space: LabelSpace
    order: list[int]
    report: str


def classes_in_order(
    file: Path,
    num_classes: int,
    published: PublishedClasses | None,
    label_space: LabelSpace | None,
) -> ClassesInOrder:
    """Classes of a file: what the user says, else what is known of files that look like it.

    Args:
        file: of the weights, for messages.
        num_classes: of its classifier.
        published: what files of these shapes are known to be; None where nothing is.
        label_space: that the user names, in the order of the file's classifier.

    Raises:
        PublishedWeightsError: if nothing is known and none is named, or the one that is named has
            another number of classes.
        LabelSpaceError: if the known label space can't be read.
    """
    if label_space is None:
        if published is None:
            raise PublishedWeightsError(
                f"{file} tells {num_classes} classes apart and not which; name a file of its "
                "classes, in its own order, with --label-space"
            )
        return _published(published)
    if label_space.num_classes != num_classes:
        raise PublishedWeightsError(
            f"{file} tells {num_classes} classes apart, the label space '{label_space.name}' has "
            f"{label_space.num_classes}; name a file of its classes, in its own order, with "
            "--label-space"
        )
    report = (
        f"The classes are in the file's order and taken for those of '{label_space.name}', as "
        "asked for"
    )
    if published is not None:
        report += (
            f"; without --label-space they would be taken for those of {published.of}, and for "
            f"the label space '{published.label_space}'"
        )
    return ClassesInOrder(label_space, list(range(num_classes)), f"{report}.")


def _published(published: PublishedClasses) -> ClassesInOrder:
    space = LabelSpace.load(share_path(f"config/labels/{published.label_space}.yaml"))
    names = published.names or space.names
    if sorted(names) != sorted(space.names):
        raise PublishedWeightsError(
            f"the label space '{space.name}' of this package has other classes than "
            f"{published.of}; install the package again"
        )
    order = [names.index(name) for name in space.names]
    moved = [name for k, name in enumerate(space.names) if order[k] != k]
    report = (
        f"The classes are taken for those of {published.of}, by their number and that of the "
        f"input channels; the label space is '{space.name}'"
    )
    if moved:
        report += f", into whose order they were put by name, moved: {', '.join(moved)}"
    return ClassesInOrder(space, order, f"{report}.")
