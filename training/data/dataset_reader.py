# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What `prepare` asks of a reader of a published data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from training.data.defects import Defect
from training.data.manifest import ManifestRow, ScanRow
from training.data.protocol import Protocol


@dataclass
class PreparedScene:
    """What is known of one scene's files; paths in the rows are absolute.

    Attributes:
        rows: its frames.
        scan: its points; None where it has none.
        defects: what is wrong with it so far; `prepare` checks images, labels and depth itself.
    """

    rows: list[ManifestRow] = field(default_factory=list)
    scan: ScanRow | None = None
    defects: list[Defect] = field(default_factory=list)


class DatasetReader(ABC):
    """One data set in its original layout on disk as it is now; can be pickled.

    Args:
        root: folder of the data set.
        protocol: which scenes and frames are whose, by the name that papers use.
    """

    label_source: ClassVar[str]
    """Whose ids the rows' label images and scans hold, a key of label spaces' source_ids."""
    no_label: ClassVar[int]
    """The id of pixels without a label in these images."""
    label_ids: ClassVar[frozenset[int]]
    """Every id that may occur in label images beside it; another one is a defect."""

    def __init__(self, root: Path, protocol: Protocol) -> None:
        self.root = root
        self.protocol = protocol

    @abstractmethod
    def scenes(self) -> dict[str, str]:
        """Split by scene, in order: all that the protocol names, whether they are there or not.

        Raises:
            DatasetError: if the folder holds nothing of the data set.
        """

    @abstractmethod
    def prepare_scene(self, scene: str, split: str, out: Path) -> PreparedScene:
        """List a scene's frames and points, and unpack what trainings can't read as it is.

        What is wrong with a file is a defect of the result and never an exception.

        Args:
            scene: name.
            split: of its frames.
            out: folder for unpacked files, below a folder named after the scene; files that are
                there are of an interrupted run and are written anew.

        Raises:
            OSError: if something can't be written.
        """

    @abstractmethod
    def inputs(self, scene: str) -> Iterable[Path]:
        """All that :meth:`prepare_scene` looks at; a change of it has the scene read anew.

        Listing must be cheap, as it is done for every scene before the first one is read.

        Args:
            scene: name.

        Returns:
            Files, whether they are there or not, and folders, which stand for the files in them
            but not for those in their sub-folders.
        """

    def premises(self, scene: str) -> Iterable[str]:
        """Facts of the data set as a whole on which a scene's result depends beside its inputs."""
        return ()

    def stray_defects(self) -> list[Defect]:
        """What is wrong with the data set as a whole: scenes missing, files of no scene."""
        return []
