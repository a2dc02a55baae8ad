# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reading of furniture files, sound and damaged."""

import json
import zlib

import cv2
import numpy as np
import pytest

pytest.importorskip("trimesh")

from training.rendering.furniture import FurnitureError, Model
from training.rendering.models import PARSER_VERSION, UnusableModelError, load_model

OBJ = """mtllib cube.mtl
usemtl red
v 0 0 0
v 2 0 0
v 2 4 0
v 0 4 1
vt 0 0
vt 1 0
vt 1 1
vt 0 1
f 1/1 2/2 3/3
f 1/1 3/3 4/4
"""


@pytest.fixture
def model(tmp_path):
    """A model of two triangles with a picture, and the list of its files."""
    folder = tmp_path / "Library" / "cube"
    folder.mkdir(parents=True)
    (folder / "cube.obj").write_text(OBJ)
    (folder / "cube.mtl").write_text("newmtl red\nKd 1 1 1\nmap_Kd red.png\n")
    cv2.imwrite(str(folder / "red.png"), np.full((4, 4, 3), (0, 0, 200), np.uint8))
    files = {
        path.relative_to(tmp_path).as_posix(): (path.stat().st_size, zlib.crc32(path.read_bytes()))
        for path in folder.iterdir()
    }
    (tmp_path / "files.json").write_text(json.dumps(files))
    return Model("LI:cube", 3, folder / "cube.obj", (1.0, 0.5, 2.0), 0.0, None, "somebody")


def test_a_model_has_the_catalogues_size_and_its_picture(model, tmp_path):
    mesh = load_model(model, tmp_path)
    low, high = mesh.bounds
    assert np.allclose(high - low, model.size, atol=1e-6)
    assert np.allclose(mesh.materials[0].texture, ((200 / 255) ** 2.2, 0, 0), atol=1e-3)


@pytest.mark.parametrize("name", ["cube.obj", "cube.mtl", "red.png"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "altered"])
def test_a_damaged_file_is_named(model, tmp_path, name, damage):
    path = model.path.with_name(name)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-9] if damage == "truncated" else b"#" + content[1:])
    with pytest.raises(FurnitureError, match=f"{name} is damaged .* delete .* to fetch it again"):
        load_model(model, tmp_path)


def test_a_damaged_cache_is_made_anew(model, tmp_path):
    from training.rendering import models

    whole = load_model(model, tmp_path)
    file = tmp_path / f"meshes-{PARSER_VERSION}" / "LI-cube.npz"
    file.write_bytes(file.read_bytes()[:200])
    models._load.cache_clear()
    again = load_model(model, tmp_path)
    assert (again.vertices == whole.vertices).all()


def test_a_model_of_too_many_triangles_is_none(model, tmp_path, monkeypatch):
    monkeypatch.setattr("training.rendering.models.MAX_TRIANGLES", 1)
    for _ in range(2):  # the second time from the cache
        with pytest.raises(UnusableModelError, match="LI:cube"):
            load_model(model, tmp_path)
