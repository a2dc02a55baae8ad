# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which points of a scan are inside an image, and on the surface that a depth image shows.

Points are taken in blocks, and for each block one thing after the other is done for all of its
points. So a loop either has no branch, and several points are done at once, or does nothing but
reading from places that are not next to each other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array
from training.projection.compilation import (
    FLAG,
    FLAGS,
    FLAGS_OUT,
    FLOAT,
    FLOAT_ROWS,
    FLOAT_ROWS_OUT,
    FLOATS,
    FLOATS_OUT,
    INDEX,
    INDICES,
    INDICES_OUT,
    LENGTH,
    compiled,
)

_BLOCK = 2000
"""Points at a time, so that all that is computed for them stays in the processor's cache. With a
power of two, the rows of an array would get into each other's way there."""
_BEND_SHARE = np.float32(0.5)
"""Of the tolerance: by how much a surface may depart from a plane within one pixel."""
_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)
_INFINITE = np.float32(np.inf)


@compiled()
def _or_far(metres: np.float32) -> np.float32:
    """The depth, infinite for none."""
    return metres if metres > _ZERO else _INFINITE


@compiled()
def _block() -> Array:
    return np.empty(_BLOCK, np.float32)


@compiled(FLOAT_ROWS, FLOATS, FLOATS_OUT, FLOATS_OUT, FLOATS_OUT)
def _move(motion: Array, points: Array, x: Array, y: Array, z: Array) -> None:
    """Fill in x, y and z of N points, (3 N,), after the motion of a matrix, its rows (3, 4)."""
    xa, xb, xc, x0 = motion[0, 0], motion[0, 1], motion[0, 2], motion[0, 3]
    ya, yb, yc, y0 = motion[1, 0], motion[1, 1], motion[1, 2], motion[1, 3]
    za, zb, zc, z0 = motion[2, 0], motion[2, 1], motion[2, 2], motion[2, 3]
    for k in range(len(points) // 3):
        a, b, c = points[3 * k], points[3 * k + 1], points[3 * k + 2]
        x[k] = xa * a + xb * b + xc * c + x0
        y[k] = ya * a + yb * b + yc * c + y0
        z[k] = za * a + zb * b + zc * c + z0


@compiled(FLOATS, FLOATS, FLOATS, FLOATS, FLOATS_OUT, FLOATS_OUT)
def pixels(lens: Array, x: Array, y: Array, z: Array, u: Array, v: Array) -> None:
    """Fill in columns and rows.

    Args:
        lens: fx, fy, cx and cy, pixels.
        x: of points in the camera's frame, (N,), metres.
        y: likewise.
        z: likewise.
        u: for the columns, (N,), pixels.
        v: for the rows.
    """
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    for k in range(len(z)):
        inverse = _ONE / z[k]
        u[k] = x[k] * inverse * fx + cx
        v[k] = y[k] * inverse * fy + cy


@compiled(FLOATS, FLOATS, FLOATS, FLOATS, FLAGS_OUT)
def _inside(bounds: Array, u: Array, v: Array, z: Array, inside: npt.NDArray[np.bool_]) -> None:
    """Fill in whether points are inside the image, for ``bounds`` see :func:`in_image`."""
    near, right, lower = bounds[0], bounds[1], bounds[2]
    for k in range(len(z)):
        inside[k] = (
            (z[k] > near) & (u[k] >= -_HALF) & (u[k] < right) & (v[k] >= -_HALF) & (v[k] < lower)
        )


@compiled(FLAGS, INDICES_OUT)
def _positions(flags: npt.NDArray[np.bool_], positions: npt.NDArray[np.uint32]) -> int:
    """Fill in where flags are set. Returns how many are.

    It has no branch, for nothing foretells which points are inside.
    """
    many = np.uintp(0)
    for k in range(len(flags)):
        positions[many] = k
        many += np.uintp(flags[k])
    return int(np.intp(many))


@compiled(FLOAT_ROWS, FLOATS_OUT)
def add_border(depth: Array, bordered: Array) -> None:
    """Fill in a depth image with 0 around it and for what is not above 0 or not finite.

    Args:
        depth: (h, w).
        bordered: ((h + 2) (w + 2),).
    """
    height, width = depth.shape
    flat = depth.ravel()
    bordered[: width + 2] = _ZERO
    bordered[(height + 1) * (width + 2) :] = _ZERO
    for i in range(height):
        start = (i + 1) * (width + 2)
        bordered[start] = bordered[start + width + 1] = _ZERO
        measured, filled = (
            flat[i * width : (i + 1) * width],
            bordered[start + 1 : start + 1 + width],
        )
        for j in range(width):
            metres = measured[j]
            filled[j] = metres if (metres > _ZERO) & (metres < _INFINITE) else _ZERO


@compiled(FLOATS, INDEX, INDICES, FLOAT_ROWS_OUT)
def _read_around(bordered: Array, width: int, pixel: npt.NDArray[np.uint32], around: Array) -> None:
    """Fill in the depths of N pixels of so wide an image and of the eight around each, (9, N)."""
    own, left, right, above, below = around[0], around[1], around[2], around[3], around[4]
    above_left, above_right, below_left, below_right = around[5], around[6], around[7], around[8]
    one = np.uint32(1)
    for k in range(len(pixel)):
        at = pixel[k]
        up, down = at - width, at + width
        own[k], left[k], right[k] = bordered[at], bordered[at - one], bordered[at + one]
        above[k], above_left[k], above_right[k] = (
            bordered[up],
            bordered[up - one],
            bordered[up + one],
        )
        below[k], below_left[k], below_right[k] = (
            bordered[down],
            bordered[down - one],
            bordered[down + one],
        )


@compiled(FLOATS, FLOATS, FLOATS, FLOAT_ROWS, FLOAT, FLOAT, FLAGS_OUT)
def _by_planes(
    column: Array,
    row: Array,
    z: Array,
    around: Array,
    metres: np.float32,
    share: np.float32,
    result: npt.NDArray[np.bool_],
) -> None:
    """Take away those that are not on the planes or, at edges, on the near side.

    Everything is multiplied by the depths in whose inverse it is thought, so that nothing is
    divided. Without one of the four neighbours ``beside`` or ``upright`` is 0, and there is no
    plane.
    """
    owns, lefts, rights, aboves, belows = around[0], around[1], around[2], around[3], around[4]
    corners = around[5], around[6], around[7], around[8]
    for k in range(len(z)):
        own, left, right, above, below = owns[k], lefts[k], rights[k], aboves[k], belows[k]
        allowed = max(metres, share * own)
        beside, upright = left * right, above * below
        # A change of the inverse depth by e changes the depth by e d^2.
        bend_beside = abs(own * (left + right) - beside - beside) * own
        bend_upright = abs(own * (above + below) - upright - upright) * own
        bend = _BEND_SHARE * allowed
        plane = (bend_beside < bend * beside) & (bend_upright < bend * upright)
        slope = (left - right) * upright * (column[k] - np.rint(column[k]))
        slope += (above - below) * beside * (row[k] - np.rint(row[k]))
        whole = beside * upright
        expected = whole + _HALF * own * slope
        # an extrapolated inverse depth that is not positive takes no point
        on_plane = abs(z[k] * expected - own * whole) < allowed * expected
        nearest = min(
            own,
            _or_far(left),
            _or_far(right),
            _or_far(above),
            _or_far(below),
            _or_far(corners[0][k]),
            _or_far(corners[1][k]),
            _or_far(corners[2][k]),
            _or_far(corners[3][k]),
        )
        at_edge = (z[k] > own - allowed) & (z[k] - allowed < nearest)
        result[k] &= (own > _ZERO) & ((plane & on_plane) | (~plane & at_edge))


@compiled(
    *(FLOATS, LENGTH, LENGTH, FLOATS, FLOATS, FLOATS),
    *(FLOAT, FLOAT, FLAG, FLAGS_OUT),
)
def on_surface(
    bordered: Array,
    height: int,
    width: int,
    column: Array,
    row: Array,
    z: Array,
    metres: np.float32,
    share: np.float32,
    local_plane: bool,
    result: npt.NDArray[np.bool_],
) -> None:
    """The rule of :func:`training.projection.depth_test.on_measured_surface`.

    Args:
        bordered: the depth, see :func:`add_border`.
        height: of the image without the border.
        width: likewise.
        column: of points in the image, (N,), pixels.
        row: likewise.
        z: depths of the points, (N,), metres.
        metres: of the tolerance.
        share: of the tolerance.
        local_plane: of the tolerance.
        result: for the answers, (N,).
    """
    if height < 1 or width < 1:
        result[: len(z)] = False
        return
    last_column, last_row = np.float32(width - 1), np.float32(height - 1)
    step = np.int32(width + 2)
    first = step + np.int32(1)
    pixel, around = np.empty(_BLOCK, np.uint32), np.empty((9, _BLOCK), np.float32)
    for start in range(0, len(z), _BLOCK):
        stop = min(start + _BLOCK, len(z))
        columns, rows, depths = column[start:stop], row[start:stop], z[start:stop]
        answer = result[start:stop]
        for k in range(len(depths)):
            j, i = np.rint(columns[k]), np.rint(rows[k])
            inside = (j >= _ZERO) & (j <= last_column) & (i >= _ZERO) & (i <= last_row)
            at = np.int32(i) * step + np.int32(j) + first
            # the first pixel for those outside
            pixel[k] = np.uint32(at if inside else first)
            answer[k] = inside
        _read_around(bordered, np.uint32(step), pixel[: len(depths)], around)
        if local_plane:
            _by_planes(columns, rows, depths, around, metres, share, answer)
        else:
            for k in range(len(depths)):
                own = around[0, k]
                allowed = max(metres, share * own)
                answer[k] &= (own > _ZERO) & (abs(depths[k] - own) < allowed)


@compiled(
    *(FLOATS, FLOAT_ROWS, FLOATS, FLOATS),
    *(FLOATS_OUT, FLOATS_OUT, FLOAT_ROWS_OUT, INDICES_OUT),
)
def in_image(
    points: Array,
    motion: Array,
    lens: Array,
    bounds: Array,
    u: Array,
    v: Array,
    camera: Array,
    index: npt.NDArray[np.uint32],
) -> int:
    """Fill in the points inside the image, in their order.

    Args:
        points: x, y and z of each in turn, (3 N,), metres, world.
        motion: world to camera, (3, 4).
        lens: fx, fy, cx and cy, pixels.
        bounds: the least z, and the columns and rows where the image ends, which starts at -1/2.
        u: for the columns, (N,).
        v: for the rows.
        camera: for x, y and z in the camera's frame, (3, N).
        index: for the points' numbers, (N,).

    Returns:
        How many they are.
    """
    x, y, z = _block(), _block(), _block()
    columns, rows = _block(), _block()
    inside, chosen = np.empty(_BLOCK, np.bool_), np.empty(_BLOCK, np.uint32)
    many = 0
    for start in range(0, len(points) // 3, _BLOCK):
        block = points[3 * start : 3 * (start + _BLOCK)]
        count = len(block) // 3
        _move(motion, block, x, y, z)
        pixels(lens, x[:count], y[:count], z[:count], columns, rows)
        _inside(bounds, columns, rows, z[:count], inside)
        for n in range(_positions(inside[:count], chosen)):
            k = chosen[n]
            u[many], v[many], index[many] = columns[k], rows[k], start + k
            camera[0, many], camera[1, many], camera[2, many] = x[k], y[k], z[k]
            many += 1
    return int(np.intp(many))


@compiled(
    *(FLOATS, FLOAT_ROWS, FLOATS, FLOATS, FLOAT_ROWS, FLOATS),
    *(FLOATS, LENGTH, LENGTH, FLOAT, FLOAT, FLAG),
    *(FLOATS_OUT, FLOATS_OUT, FLOATS_OUT, INDICES_OUT),
)
def in_image_and_measured(
    points: Array,
    motion: Array,
    lens: Array,
    bounds: Array,
    to_depth_camera: Array,
    depth_lens: Array,
    bordered: Array,
    height: int,
    width: int,
    metres: np.float32,
    share: np.float32,
    local_plane: bool,
    u: Array,
    v: Array,
    z: Array,
    index: npt.NDArray[np.uint32],
) -> int:
    """Fill in the points inside the image that lie on the surface which a depth image shows.

    Args:
        points: x, y and z of each in turn, (3 N,), metres, world.
        motion: world to the colour camera, (3, 4).
        lens: fx, fy, cx and cy of the colour camera, pixels.
        bounds: as in :func:`in_image`; the least z counts for both cameras.
        to_depth_camera: from the colour camera's frame, (3, 4).
        depth_lens: of the depth camera.
        bordered: the depth, see :func:`add_border`.
        height: of the depth image without the border.
        width: likewise.
        metres: of the tolerance.
        share: of the tolerance.
        local_plane: of the tolerance.
        u: for the columns in the colour image, (N,).
        v: for the rows.
        z: for the depths in the colour camera's frame, (N,).
        index: for the points' numbers, (N,).

    Returns:
        How many they are.
    """
    x, y, depths = _block(), _block(), _block()
    columns, rows = _block(), _block()
    in_view = np.empty(3 * _BLOCK, np.float32)
    depth_x, depth_y, depth_z = _block(), _block(), _block()
    depth_columns, depth_rows = _block(), _block()
    flags, chosen = np.empty(_BLOCK, np.bool_), np.empty(_BLOCK, np.uint32)
    many = np.uintp(0)
    for start in range(0, len(points) // 3, _BLOCK):
        block = points[3 * start : 3 * (start + _BLOCK)]
        count = len(block) // 3
        _move(motion, block, x, y, depths)
        pixels(lens, x[:count], y[:count], depths[:count], columns, rows)
        _inside(bounds, columns, rows, depths[:count], flags)
        count = _positions(flags[:count], chosen)
        for n in range(count):
            k = chosen[n]
            in_view[3 * n], in_view[3 * n + 1], in_view[3 * n + 2] = x[k], y[k], depths[k]
        _move(to_depth_camera, in_view[: 3 * count], depth_x, depth_y, depth_z)
        by_depth = depth_z[:count]
        pixels(depth_lens, depth_x[:count], depth_y[:count], by_depth, depth_columns, depth_rows)
        on_surface(
            *(bordered, height, width, depth_columns, depth_rows, by_depth),
            *(metres, share, local_plane, flags),
        )
        for n in range(count):
            k = chosen[n]
            u[many], v[many], z[many], index[many] = columns[k], rows[k], depths[k], start + k
            # without a branch, for nothing foretells which points are hidden
            many += np.uintp(flags[n] & (by_depth[n] > bounds[0]))
    return int(np.intp(many))
