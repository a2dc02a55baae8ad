# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import pytest

from seg3d2d_ros.share import ShareNotFoundError, share_folders, share_path


def test_a_checkout_serves_itself(repository):
    assert share_folders()[0] == repository
    assert share_path("config/labels/scannet20.yaml") == repository / "config/labels/scannet20.yaml"


def test_a_missing_file_names_where_it_was_looked_for(repository):
    with pytest.raises(
        ShareNotFoundError, match="'config/absent.yaml'.*found in none of"
    ) as raised:
        share_path("config/absent.yaml")
    assert str(repository) in str(raised.value)


def test_where_pip_puts_data_is_looked_at(monkeypatch, tmp_path):
    user = tmp_path / "user"
    data = user / "share" / "seg3d2d" / "config"
    data.mkdir(parents=True)
    (data / "only-there.yaml").write_text("")
    monkeypatch.setattr("site.getuserbase", lambda: str(user))
    assert share_path("config/only-there.yaml") == data / "only-there.yaml"
