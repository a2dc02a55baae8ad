# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Bathrooms: tubs, toilets, washstands, shower curtains and mirrors."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.rendering import surfaces
from training.rendering.basins import basin, cut, tap
from training.rendering.mesh import box, lathe, merge, plain, quad, rod, rounded_box
from training.rendering.nyu40 import NYU40
from training.rendering.openings import wavy_sheet
from training.rendering.piece import Piece, body
from training.rendering.storage import storage


def bathtub(rng: Generator) -> Piece:
    """A built-in tub, long side to the wall."""
    w, d, h = rng.uniform(1.5, 1.8), rng.uniform(0.68, 0.8), rng.uniform(0.5, 0.6)
    white = plain(surfaces.linear(surfaces.neutral(rng, 0.85, 0.98)), 0.06)
    apron = white if rng.random() < 0.6 else surfaces.tiles(rng)
    r = 0.07
    parts = [
        basin((-w / 2 + r, w / 2 - r, -d / 2 + r, d / 2 - r), h, 0.4, white),
        quad((-w / 2, -d / 2, 0), (w, 0, 0), (0, 0, h), apron, 1.2),
        quad((-w / 2, -d / 2, 0), (0, d, 0), (0, 0, h), apron, 1.2),
        quad((w / 2, -d / 2, 0), (0, d, 0), (0, 0, h), apron, 1.2),
        box((-w / 2, -d / 2, h - 0.03), (w / 2, -d / 2 + r, h), white),
        box((-w / 2, d / 2 - r, h - 0.03), (w / 2, d / 2, h), white),
        box((-w / 2, -d / 2, h - 0.03), (-w / 2 + r, d / 2, h), white),
        box((w / 2 - r, -d / 2, h - 0.03), (w / 2, d / 2, h), white),
        tap(rng, -w / 2 + 0.2, d / 2 - 0.03, h),
    ]
    return Piece([(merge(parts), NYU40["bathtub"])], (w, d, h))


def toilet(rng: Generator) -> Piece:
    """A toilet, with a cistern or hung on the wall; the seat's lid is open or closed."""
    white = plain(surfaces.linear(surfaces.neutral(rng, 0.85, 0.98)), 0.06)
    w, d, seat = rng.uniform(0.35, 0.4), rng.uniform(0.5, 0.56), rng.uniform(0.39, 0.45)
    hung = rng.random() < 0.4
    back = 0.0 if hung else rng.uniform(0.15, 0.2)
    long = (d - back) / w
    foot, low = (0.3, 0.12) if hung else (rng.uniform(0.5, 0.7), 0.0)
    bowl = lathe(
        [
            (1e-4, low),
            (w / 2 * foot, low),
            (w / 2 * 0.85, seat - 0.15),
            (w / 2, seat - 0.03),
            (w / 2, seat),
            (w / 2 - 0.06, seat),
            (w / 2 - 0.1, seat - 0.12),
            (1e-4, seat - 0.16),
        ],
        white,
        24,
    )
    stretch = np.diag([1.0, long, 1.0]).astype(np.float32)
    middle = (-d / 2 + (d - back) / 2, 0.0)
    lid_material = white if rng.random() < 0.8 else surfaces.wood(rng)
    lid = lathe([(1e-4, seat), (w / 2, seat), (w / 2 - 0.01, seat + 0.03)], lid_material, 24)
    top = lathe([(w / 2 - 0.01, seat + 0.03), (1e-4, seat + 0.035)], lid_material, 24)
    parts = [bowl.transformed(stretch, (0, middle[0], 0))]
    end = d / 2 - back
    if rng.random() < 0.5:
        parts += [m.transformed(stretch, (0, middle[0], 0)) for m in (lid, top)]
    else:
        upright = (seat, seat + rng.uniform(0.38, 0.44))
        parts.append(
            rounded_box(
                (-w / 2, end - 0.04, upright[0]), (w / 2, end, upright[1]), lid_material, 0.02
            )
        )
    if not hung:
        high = rng.uniform(0.75, 0.85)
        parts.append(rounded_box((-w / 2, end, seat - 0.05), (w / 2, d / 2, high), white, 0.03))
        parts.append(box((-w / 4, end + 0.02, 0.0), (w / 4, d / 2, seat), white))
    return Piece([(merge(parts), NYU40["toilet"])], (w, d, seat + 0.42))


def shower_curtain(rng: Generator, w: float) -> Piece:
    """A curtain `w` metres wide on a rail, hanging from 2 m to just above the floor."""
    open_share = rng.uniform(0.35, 0.95)
    cloth = surfaces.fabric(rng)
    sheet = wavy_sheet(w * open_share, 1.85, cloth, rng, 0.16)
    rail = rod((-w / 2, 0, 2.0), (w / 2, 0, 2.0), 0.012, plain((0.5, 0.5, 0.5), 0.3))
    side = -w / 2 if rng.random() < 0.5 else w / 2 - w * open_share
    return Piece(
        [(sheet.placed(side, 0, 0.14), NYU40["showercurtain"]), (rail, NYU40["otherprop"])],
        (w, 0.1, 2.0),
    )


def washstand(rng: Generator) -> Piece:
    """A wash basin on a cabinet, with tap."""
    w, d, h = rng.uniform(0.5, 1.1), rng.uniform(0.42, 0.52), rng.uniform(0.8, 0.9)
    white = plain(surfaces.linear(surfaces.neutral(rng, 0.85, 0.98)), 0.06)
    lower = storage(rng, w, d - 0.03, h - 0.1, "doors")
    rim = 0.05
    parts = [
        basin((-w / 2 + rim, w / 2 - rim, -d / 2 + rim, d / 2 - 0.1), h, 0.12, white),
        box((-w / 2, -d / 2, h - 0.1), (w / 2, -d / 2 + rim, h), white),
        box((-w / 2, d / 2 - 0.1, h - 0.1), (w / 2, d / 2, h), white),
        box((-w / 2, -d / 2, h - 0.1), (-w / 2 + rim, d / 2, h), white),
        box((w / 2 - rim, -d / 2, h - 0.1), (w / 2, d / 2, h), white),
        tap(rng, 0, d / 2 - 0.06, h),
    ]
    lower = cut(lower, (-w / 2, w / 2, -d / 2, d / 2), h - 0.2)
    return Piece([(lower, NYU40["cabinet"]), (merge(parts), NYU40["sink"])], (w, d, h))


def mirror(rng: Generator, w: float) -> Piece:
    """A wall mirror; z = 0 is its lower edge."""
    h = rng.uniform(0.5, 0.9)
    glass = quad((-w / 2, -0.012, 0), (w, 0, 0), (0, 0, h), plain((0.85, 0.87, 0.87), 0.9))
    back = box((-w / 2 - 0.01, -0.01, -0.01), (w / 2 + 0.01, 0, h + 0.01), body(rng))
    return Piece([(glass, NYU40["mirror"]), (back, NYU40["mirror"])], (w, 0.03, h))
