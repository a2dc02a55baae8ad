# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""OBJ models as meshes of the catalogue's size, in the furniture frame, cached as .npz."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import trimesh
from numpy.random import Generator

from seg3d2d_ros.atomic_file import write_file
from training.rendering.furniture import FurnitureError, Model, check_files
from training.rendering.mesh import Array, Material, Mesh
from training.rendering.nyu40 import NYU40
from training.rendering.surfaces import hsv, linear

MAX_TEXTURE = 256
MAX_TRIANGLES = 120_000
_TRANSPARENT = 0.65
# Part of the cache folder's name: raise it when parsing changes.
PARSER_VERSION = 3

logging.getLogger("trimesh").setLevel(logging.ERROR)


class UnusableModelError(Exception):
    """A model is sound but nothing for a room."""


def load_model(model: Model, folder: Path) -> Mesh:
    """The model's mesh: bounding box of the catalogue's size, centred, standing on z = 0.

    Parsed models are kept below `folder`.

    Raises:
        UnusableModelError: the model is empty or has more than MAX_TRIANGLES triangles.
        FurnitureError: its files are missing or damaged.
    """
    return _load(model, folder)


@lru_cache(maxsize=160)
def _load(model: Model, folder: Path) -> Mesh:
    cache = folder / f"meshes-{PARSER_VERSION}"
    file = cache / f"{model.key.replace(':', '-')}.npz"
    mesh = _read(file)
    if mesh is None:
        buffer = io.BytesIO()
        check_files(folder, model)
        arrays: dict[str, Any] = _parse(model)
        np.savez(buffer, **arrays)
        try:
            cache.mkdir(parents=True, exist_ok=True)
            write_file(file, buffer.getvalue())
        except OSError as error:
            raise FurnitureError(
                f"{file}, a parsed furniture model, can't be written ({error.strerror}); make room "
                "or give another folder with --furniture"
            ) from error
        mesh = _read(file)
    if mesh is None:
        raise FurnitureError(f"{file} can't be read back; delete {cache}")
    if len(mesh.vertices) == 0:
        raise UnusableModelError(f"{model.key} has no triangles or over {MAX_TRIANGLES}")
    return mesh


def _read(file: Path) -> Mesh | None:
    """A parsed model from the cache; None where there is none or it is damaged."""
    try:
        with np.load(file, allow_pickle=False) as data:
            glosses = json.loads(str(data["gloss"]))
            pictures = [data[f"texture{k}"] for k in range(len(glosses))]
            materials = [
                Material(linear(picture / 255), gloss)
                for picture, gloss in zip(pictures, glosses, strict=True)
            ]
            return Mesh(data["vertices"], data["normals"], data["uv"], data["material"], materials)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def _parse(model: Model) -> dict[str, np.ndarray]:
    loaded = trimesh.load(model.path, process=False, group_material=True, force="scene")
    vertices: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    uvs: list[np.ndarray] = []
    index: list[np.ndarray] = []
    textures: list[np.ndarray] = []
    glosses: list[float] = []
    for geometry in loaded.geometry.values():
        if not isinstance(geometry, trimesh.Trimesh) or len(geometry.faces) == 0:
            continue
        source = getattr(geometry.visual, "material", None)
        options = getattr(source, "kwargs", {}) or {}
        glass = float((options.get("d") or [1.0])[0]) < _TRANSPARENT
        # There is no refraction: glass tops and panes become opaque, but shelves stay visible.
        if glass and model.label == NYU40["bookshelf"]:
            continue
        corners = np.asarray(geometry.vertices, np.float64)[geometry.faces]
        if "vertex_normals" in geometry._cache.cache:
            normal = np.asarray(geometry.vertex_normals)[geometry.faces]
        else:
            flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            normal = np.repeat(flat[:, None], 3, 1)
        uv = getattr(geometry.visual, "uv", None)
        uv = np.zeros((*corners.shape[:2], 2)) if uv is None else np.asarray(uv)[geometry.faces]
        vertices.append(corners)
        normals.append(normal)
        uvs.append(uv)
        index.append(np.full(len(corners), len(textures), np.int32))
        textures.append(_texture(source))
        shine = float(np.mean(options.get("ks", 0.0)))
        sharp = float(np.mean(options.get("ns", 0.0))) > 60
        glosses.append(round(min(0.25, 0.2 * shine) if sharp else 0.03 * shine, 4))
        if glass:
            glosses[-1] = 0.12
    if not vertices or sum(map(len, vertices)) > MAX_TRIANGLES:
        nothing = np.zeros((0, 3, 3), np.float32)
        return {
            "vertices": nothing,
            "normals": nothing,
            "uv": nothing[..., :2],
            "material": np.zeros(0, np.int32),
            "gloss": np.array("[]"),
        }
    v, n = np.concatenate(vertices), np.concatenate(normals)
    if model.rotation is not None:
        turn = np.array(model.rotation).reshape(3, 3)
        v, n = v @ turn.T, n @ turn.T
    # From y up with the front at +z to z up with the front at -y.
    axes = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float64)
    v, n = v @ axes.T, n @ axes.T
    low, high = v.reshape(-1, 3).min(0), v.reshape(-1, 3).max(0)
    scale = np.array(model.size) / np.maximum(high - low, 1e-6)
    centre = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    v = (v - centre) * scale
    n = n / scale
    n /= np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-9)
    result = {
        "vertices": v.astype(np.float32),
        "normals": n.astype(np.float32),
        "uv": np.concatenate(uvs).astype(np.float32),
        "material": np.concatenate(index),
        "gloss": np.array(json.dumps(glosses)),
    }
    return result | {f"texture{k}": texture for k, texture in enumerate(textures)}


def _texture(material: object) -> np.ndarray:
    """The material's picture as sRGB uint8 [h, w, 3], or its colour as one texel."""
    picture = getattr(material, "image", None)
    if picture is not None:
        image = np.asarray(picture.convert("RGB"))
        longest = max(image.shape[:2])
        if longest > MAX_TEXTURE:
            scale = MAX_TEXTURE / longest
            image = cv2.resize(
                image,
                (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))),
                interpolation=cv2.INTER_AREA,
            )
        return image.reshape(image.shape[0], image.shape[1], 3)
    color = getattr(material, "diffuse", None)
    rgb = np.array([180, 180, 180]) if color is None else np.asarray(color)[:3]
    return rgb.astype(np.uint8).reshape(1, 1, 3)


def recolored(mesh: Mesh, rng: Generator, strength: float) -> Mesh:
    """The mesh with its colours varied: hue of plain parts, brightness and tint of textured ones.

    `strength` in 0..1: 0 leaves everything, 1 gives plain parts unrelated colours.
    """
    tint: Array = np.clip(rng.normal(1.0, 0.12 * strength, 3), 0.6, 1.3).astype(np.float32)
    level = float(rng.uniform(1 - 0.35 * strength, 1 + 0.25 * strength))
    bold = hsv(rng.uniform(0, 1), rng.beta(1, 3), rng.uniform(0.15, 0.95))
    swap = rng.random() < 0.6 * strength
    materials = []
    for material in mesh.materials:
        texture = np.clip(material.texture * tint * level, 0.005, 0.92)
        if swap and texture.size == 3 and material.gloss < 0.1:
            grey = float(texture.mean())
            texture = (linear(bold) * (0.4 + grey) * rng.uniform(0.8, 1.2)).reshape(1, 1, 3)
            texture = np.clip(texture, 0.005, 0.9)
        materials.append(Material(texture.astype(np.float32), material.gloss, material.emission))
    return Mesh(mesh.vertices, mesh.normals, mesh.uv, mesh.material, materials)
