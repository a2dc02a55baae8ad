# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("scipy")

import h5py

from training.rendering.layouts.matlab_files import MatV73

WRITE = """
import resource, sys
from pathlib import Path
import numpy as np
from training.rendering.layouts.matlab_files import MatV73
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
pieces = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 48), np.uint8)
try:
    with MatV73(Path(sys.argv[1])) as mat:
        mat.reserve("images", len(pieces), pieces[0])
        for k, piece in enumerate(pieces):
            mat.put("images", k, piece)
        mat.strings("names", ["wall"] * 500)
except OSError as error:
    print("OSError", error.strerror)
"""


@pytest.mark.parametrize("limit", [400, 100_000, 184_000])
def test_a_disk_that_fills_up_is_an_error_and_not_the_end_of_the_process(
    tmp_path, repository, limit
):
    path = tmp_path / "out.mat"
    command = [sys.executable, "-c", WRITE, str(path), str(limit)]
    # Figures of coverage could not be written either.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    done = subprocess.run(
        command,
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "OSError File too large\n", "")
    assert list(tmp_path.iterdir()) == []


def test_with_room_enough_the_same_file_is_written(tmp_path, repository):
    path = tmp_path / "out.mat"
    command = [sys.executable, "-c", WRITE, str(path), "1000000"]
    done = subprocess.run(
        command, cwd=repository, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert path.stat().st_size > 200_000
    with h5py.File(path, "r") as file:
        pieces = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 48), np.uint8)
        assert (file["images"][()] == pieces).all()
        assert len({file[reference].name for reference in file["names"][0]}) == 500


def test_an_error_inside_of_the_block_leaves_what_was_there(tmp_path):
    path = tmp_path / "out.mat"
    path.write_bytes(b"before")
    with pytest.raises(KeyError), MatV73(path) as mat:
        mat.strings("names", ["wall"])
        raise KeyError
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
