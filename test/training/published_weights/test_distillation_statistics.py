# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The arrays beside the published checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

from training.published_weights.distillation_statistics import read_statistics
from training.published_weights.published_weights_error import PublishedWeightsError

WIDTH = 8


@pytest.fixture
def statistics(tmp_path):
    """As published: a mean [C], a variance [1, C] and scalars of the 2D branch."""
    folder = tmp_path / "meanvar"
    folder.mkdir()
    np.save(folder / "mean.npy", np.linspace(0.2, 0.9, WIDTH))
    np.save(folder / "var.npy", np.linspace(0.06, 1.6, WIDTH)[None])
    np.save(folder / "mean_2d.npy", np.array([0.15]))
    np.save(folder / "var_2d.npy", np.array([0.04]))
    return folder


def test_variances_become_deviations(statistics):
    read = read_statistics(statistics, WIDTH)
    assert read.mean_3d.tolist() == np.linspace(0.2, 0.9, WIDTH).tolist()
    assert np.allclose(read.std_3d**2, np.linspace(0.06, 1.6, WIDTH))
    assert read.mean_2d.tolist() == [0.15] and read.std_2d.tolist() == [0.2]


def test_the_published_arrays_are_what_the_paper_used(recordings):
    folder = recordings / "published_statistics"
    if not folder.is_dir():
        pytest.skip("the published statistics are not among the recordings")
    read = read_statistics(folder, 96)
    assert read.mean_3d.mean() == pytest.approx(0.534, abs=5e-4)
    assert (read.std_3d**2).sum() == pytest.approx(48.14, abs=5e-3)
    assert (read.std_3d**2).sum() + (read.mean_3d**2).sum() == pytest.approx(77.39, abs=5e-3)
    assert read.mean_2d.tolist() == [0.1515]
    assert read.std_2d[0] == pytest.approx(0.19235, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mean.npy", None, r"mean\.npy can't be read: No such file"),
        ("mean.npy", np.zeros(WIDTH + 1), r"mean\.npy has 9 values, .* needs 8"),
        ("var.npy", np.eye(WIDTH)[:1], r"var\.npy: channel 1 has 0, which is no variance above 0"),
        ("var.npy", -np.ones((1, WIDTH)), r"var\.npy: channel 0 has -1, which is no variance"),
        ("mean.npy", np.full(WIDTH, np.nan), r"mean\.npy: channel 0 has nan, which is no mean"),
        ("mean_2d.npy", np.zeros(3), r"mean_2d\.npy has 3 values, .* needs 1 or 8"),
        ("var_2d.npy", np.array(["a"]), r"var_2d\.npy is no array of real numbers"),
        ("var_2d.npy", b"text", r"var_2d\.npy is no array of NumPy, or damaged"),
        ("var_2d.npy", b"", r"var_2d\.npy is no array of NumPy, or damaged"),
        ("mean.npy", np.array([{}], object), r"mean\.npy is no array of NumPy, or damaged"),
    ],
)
def test_statistics_that_do_not_fit_are_one_sentence(statistics, name, value, message):
    file = statistics / name
    if value is None:
        file.unlink()
    elif isinstance(value, bytes):
        file.write_bytes(value)
    else:
        np.save(file, value)
    with pytest.raises(PublishedWeightsError, match=message) as caught:
        read_statistics(statistics, WIDTH)
    assert "\n" not in str(caught.value)


def test_a_folder_of_statistics_that_is_none_is_one_sentence(tmp_path):
    with pytest.raises(PublishedWeightsError, match=r"absent is no folder; name the one with mean"):
        read_statistics(tmp_path / "absent", WIDTH)
