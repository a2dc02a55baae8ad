# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The furniture catalogue, where it has been fetched."""

import pytest


@pytest.fixture(scope="session")
def catalogue():
    from training.rendering.furniture import DEFAULT_FOLDER, Catalogue, is_fetched

    if not is_fetched(DEFAULT_FOLDER):
        pytest.skip("the furniture is not in the cache; `python -m training rooms` fetches it")
    return Catalogue.load(DEFAULT_FOLDER)
