# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The pool of 3D features in a run's folder, so that a run that goes on need not read all scenes.

A file of NumPy arrays (``.npz``), with N classes of which R vectors of C channels are held in all:

============= ============== =======================================================================
vectors       float16 (R, C) of the first class, then of the second, and so on
counts        int64 (N,)     how many are of each class
seen          int64 (N,)     points that the scenes have by class
defects       text (D,)      a sentence for each scene that was left out
inputs_sha256 text           of all that it was made from, see
                             :meth:`training.distillation.pool_source.PoolSource.fingerprint`
============= ============== =======================================================================
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from tqdm import tqdm

from seg3d2d_ros.atomic_file import replacing
from training.distillation.feature_pool import FeaturePool
from training.distillation.pool_source import PoolSource
from training.engine.workers import Workers
from training.points.features.array_file import PointFeaturesError, read_arrays

logger = logging.getLogger(__name__)

_ARRAYS = {"vectors": "f", "counts": "i", "seen": "i", "defects": "U", "inputs_sha256": "U"}


def write_pool(path: Path, pool: FeaturePool, inputs_sha256: str) -> None:
    """Write a pool.

    Args:
        path: of the file; its folder is made if absent.
        pool: to write.
        inputs_sha256: of what it was made from.

    Raises:
        OSError: if it can't be written; a file that was there before is then left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held = [pool.vectors(class_id) for class_id in range(pool.num_classes)]
    with replacing(path) as file:
        np.savez(
            file,
            allow_pickle=False,
            vectors=np.concatenate(held),
            counts=np.array([len(vectors) for vectors in held], np.int64),
            seen=pool.seen,
            defects=np.array(pool.defects, np.str_),
            inputs_sha256=np.array(inputs_sha256),
        )


def stored_pool(path: Path, source: PoolSource, inputs_sha256: str) -> FeaturePool | None:
    """The pool in a file; None, and why in the log, where there is none of these inputs.

    Args:
        path: of the file.
        source: of the pool that is wanted.
        inputs_sha256: of that source.
    """
    if not path.exists():
        return None
    try:
        arrays = read_arrays(path, _ARRAYS)
    except PointFeaturesError as error:
        logger.warning("%s, so scenes are read anew for it", str(error).partition(";")[0])
        return None
    if str(arrays["inputs_sha256"]) != inputs_sha256:
        logger.warning(
            "scenes, features, labels or settings, or the times of their files, are others than "
            "those that %s was made from; scenes are read anew for it",
            path,
        )
        return None
    counts, vectors, seen = arrays["counts"], arrays["vectors"], arrays["seen"]
    classes = (source.num_classes,)
    fits = counts.shape == seen.shape == classes and vectors.dtype == np.float16
    if not fits or counts.min() < 0 or vectors.shape != (counts.sum(), source.width):
        logger.warning("%s is damaged, so scenes are read anew for it", path)
        return None
    held = np.split(vectors, np.cumsum(counts)[:-1])
    return FeaturePool(held, seen, seed=source.seed, defects=arrays["defects"].tolist())


def open_pool(
    path: Path, source: PoolSource, workers: Workers, show_progress: bool = False
) -> FeaturePool:
    """The pool in a run's folder; it is made and stored where there is none of these inputs.

    Of several processes the leading one makes it, and the others read its file, or the scenes
    themselves where they can't see that.

    Args:
        path: of the file.
        source: of the pool.
        workers: all of them must call this.
        show_progress: a progress line on stderr.

    Raises:
        PointFeaturesError: if the scenes give no features.
        DatasetError: if the format of a scan is unknown.
        OSError: if the file can't be written.
    """
    inputs = source.fingerprint()
    pool = None
    if workers.leads:
        pool = stored_pool(path, source, inputs)
        if pool is None:
            pool = _read(source, show_progress)
            write_pool(path, pool, inputs)
        else:
            logger.info("3D features of %s are read from %s", source.features.folder, path)
            for text in pool.defects:
                logger.warning(
                    "left out of the pool of 3D features: %s (remove %s to look again)", text, path
                )
    workers.wait()
    if pool is None:
        pool = stored_pool(path, source, inputs)
    return _read(source, False) if pool is None else pool


def _read(source: PoolSource, show_progress: bool) -> FeaturePool:
    with tqdm(
        total=len(source.chosen), unit="scene", desc="3D features", disable=not show_progress
    ) as bar:
        return source.read(bar.update)
