# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rendered rooms that several modules look at."""

import pytest


@pytest.fixture(scope="session")
def s3dis_root(tmp_path_factory):
    """Two rooms in 2D-3D-Semantics' layout; tests leave it as it is."""
    pytest.importorskip("open3d")
    pytest.importorskip("pyoidn")
    from s3dis_rendered import render_rooms

    out = tmp_path_factory.mktemp("rooms")
    render_rooms(out)
    return out
