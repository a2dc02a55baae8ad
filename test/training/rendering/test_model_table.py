# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from training.rendering.model_table import model_table


def test_the_documented_table_is_the_current_one(catalogue, repository):
    assert model_table(catalogue) in (repository / "docs" / "rooms.md").read_text()
