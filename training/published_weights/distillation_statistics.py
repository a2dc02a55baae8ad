# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The four arrays that the published code of 3D-to-2D distillation loads beside its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.published_weights.published_weights_error import PublishedWeightsError

_LARGEST = 1 << 20
"""Values in a file, at most; the published ones have 96."""


@dataclass(frozen=True, eq=False)
class DistillationStatistics:
    """What the dimension norms bring features to.

    Attributes:
        mean_3d: of the 3D features, float64 [C].
        std_3d: their standard deviation, likewise.
        mean_2d: of the 2D branch's features, [1] for all channels, or [C].
        std_2d: likewise.
    """

    mean_3d: npt.NDArray[np.float64]
    std_3d: npt.NDArray[np.float64]
    mean_2d: npt.NDArray[np.float64]
    std_2d: npt.NDArray[np.float64]


def read_statistics(folder: Path, width: int) -> DistillationStatistics:
    """Read mean.npy, var.npy, mean_2d.npy and var_2d.npy; no code is run from them.

    Args:
        folder: that holds them.
        width: channels of the network's simulated 3D features.

    Raises:
        PublishedWeightsError: if one is missing or damaged, has another number of channels, or is
            no mean or variance.
    """
    if not folder.is_dir():
        raise PublishedWeightsError(
            f"{folder} is no folder; name the one with mean.npy, var.npy, mean_2d.npy and "
            "var_2d.npy of the published code"
        )
    mean_3d = _read(folder / "mean.npy", (width,))
    variance_3d = _read(folder / "var.npy", (width,), variance=True)
    mean_2d = _read(folder / "mean_2d.npy", (1, width))
    variance_2d = _read(folder / "var_2d.npy", (1, width), variance=True)
    return DistillationStatistics(mean_3d, np.sqrt(variance_3d), mean_2d, np.sqrt(variance_2d))


def _read(
    file: Path, widths: tuple[int, ...], *, variance: bool = False
) -> npt.NDArray[np.float64]:
    try:
        with file.open("rb") as stream:
            array = np.load(stream, allow_pickle=False)
    except OSError as error:
        raise PublishedWeightsError(
            f"{file} can't be read: {error.strerror or error}; the statistics lie in data/meanvar "
            "of the published code"
        ) from error
    except (ValueError, EOFError, MemoryError) as error:
        raise PublishedWeightsError(
            f"{file} is no array of NumPy, or damaged; get it again"
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise PublishedWeightsError(f"{file} is no array of real numbers; get it again")
    values = array.astype(np.float64).reshape(-1)
    if array.size > _LARGEST or len(values) not in widths:
        needed = " or ".join(str(width) for width in dict.fromkeys(widths))
        raise PublishedWeightsError(
            f"{file} has {array.size} values, and the checkpoint's network needs {needed}; use "
            "the statistics that it was trained with"
        )
    wrong = ~np.isfinite(values) | ((values <= 0) if variance else False)
    if wrong.any():
        channel = int(np.argmax(wrong))
        raise PublishedWeightsError(
            f"{file}: channel {channel} has {values[channel]:g}, which is no "
            f"{'variance above 0' if variance else 'mean'}; nothing can be normalised by it"
        )
    return values
