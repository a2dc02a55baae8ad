# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rendering needs its own libraries; a machine without them skips these tests."""

import pytest

for library in ("open3d", "pyoidn", "trimesh", "tqdm"):
    pytest.importorskip(library, reason=f"{library} is not installed; it renders the rooms")


@pytest.fixture(scope="session")
def catalogue():
    from training.rendering.furniture import DEFAULT_FOLDER, Catalogue

    if not (DEFAULT_FOLDER.expanduser() / "complete").exists():
        pytest.skip("the furniture is not in the cache; `python -m training rooms` fetches it")
    return Catalogue.load(DEFAULT_FOLDER)
