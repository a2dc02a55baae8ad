# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The scene in 3D: a Plotly figure of the scan and the cameras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from seg3d2d_ros.labels import LabelSpace
from training.data.intrinsics import Array
from training.inspection.cameras import ShownCamera
from training.inspection.pictures import class_colors
from training.inspection.shown_surface import ShownSurface

DIV = "scene3d"
_SHOWN_COLOR, _OTHER_COLOR = "#c2185b", "#5f6b7a"
_LIGHTING = {"ambient": 0.92, "diffuse": 0.15, "specular": 0, "roughness": 1, "fresnel": 0}
_CUTS = 10
_HEADROOM_M = 0.1
_CEILING_SHARE = 0.12
_DIAGONAL = 1.9
"""Of the scene, in the units that the place of Plotly's eye is given in."""


def scene_figure(
    surface: ShownSurface | None,
    cameras: Sequence[ShownCamera],
    up: npt.NDArray[np.float64],
    ahead: npt.NDArray[np.float64] | None,
    space: LabelSpace,
) -> go.Figure:
    """The figure.

    The colours of a scan with labels can be switched. Where one of the world's axes is vertical, a
    slider cuts the scene at a height, because ceilings hide what is below them.

    Args:
        surface: what is drawn of the scan; None for none.
        cameras: of the frames.
        up: unit vector (3,).
        ahead: where the cameras look, a level unit vector (3,); None where they look all around.
        space: of the surface's classes.
    """
    figure = go.Figure()
    parts = [camera.lines[np.isfinite(camera.lines).all(1)] for camera in cameras]
    if surface is not None:
        figure.add_trace(_surface_trace(surface, space))
        parts.append(surface.points)
    _add_cameras(figure, cameras)
    points = np.concatenate(parts) if parts else np.zeros((1, 3), np.float32)
    low, high = points.min(0) - 0.02, points.max(0) + 0.02
    axes = {
        f"{name}axis": {
            "title": {"text": f"{name}, m"},
            "range": [float(low[k]), float(high[k])],
            "backgroundcolor": "#f7f8fa",
            "gridcolor": "#dfe3e8",
            "showspikes": False,
        }
        for k, name in enumerate("xyz")
    }
    figure.update_layout(
        scene={
            **axes,
            # Not "data", which plotly.js replaces by the present ratio at the first touch of the
            # mouse: then cuts would stretch the scene.
            "aspectmode": "manual",
            "aspectratio": _ratio(high - low, high - low),
            "dragmode": "turntable",
            "camera": _view(up, ahead),
        },
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor="white",
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#222"},
        legend={"x": 1, "xanchor": "right", "y": 0.01, "yanchor": "bottom"},
        hoverlabel={"bgcolor": "white"},
    )
    if surface is not None and surface.classes is not None:
        figure.update_layout(updatemenus=[_color_switch(surface, space)])
    if np.abs(up).max() == 1 and surface is not None:
        _add_cut(figure, up, low, high, cameras)
    return figure


def _ratio(extent: Array, whole: Array) -> dict[str, float]:
    """Sides of the box that is drawn, of one scale: `whole` always has the same diagonal."""
    sides = extent.astype(np.float64) * (_DIAGONAL / float(np.linalg.norm(whole)))
    return dict(zip("xyz", sides.tolist(), strict=True))


def _surface_trace(surface: ShownSurface, space: LabelSpace) -> Any:
    x, y, z = np.ascontiguousarray(surface.points.T)
    place = "%{x:.2f}, %{y:.2f}, %{z:.2f} m"
    common: dict[str, Any] = {"x": x, "y": y, "z": z, "hovertemplate": place + "<extra></extra>"}
    if surface.classes is not None:
        names = [*space.names, "no label"]
        common["text"] = [names[min(k, space.num_classes)] for k in surface.classes.tolist()]
        common["hovertemplate"] = "%{text}<br>" + place + "<extra></extra>"
    colors = _hex_colors(surface.colors)
    if surface.faces is None:
        marker = {"size": 2, "color": colors}
        return go.Scatter3d(**common, mode="markers", marker=marker, name="points")
    i, j, k = np.ascontiguousarray(surface.faces.T)
    return go.Mesh3d(
        **common,
        i=i,
        j=j,
        k=k,
        vertexcolor=colors,
        lighting=_LIGHTING,
        name="mesh",
        showlegend=True,
    )


def _hex_colors(colors: npt.NDArray[np.uint8]) -> list[str]:
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colors.tolist()]


def _color_switch(surface: ShownSurface, space: LabelSpace) -> dict[str, Any]:
    assert surface.classes is not None
    setting = "marker.color" if surface.faces is None else "vertexcolor"
    choices = {
        "Colours": _hex_colors(surface.colors),
        "Labels": _hex_colors(class_colors(surface.classes, space)),
    }
    return {
        "type": "buttons",
        "direction": "right",
        "x": 0.01,
        "xanchor": "left",
        "y": 0.99,
        "yanchor": "top",
        "buttons": [
            {"label": label, "method": "restyle", "args": [{setting: [colors]}, [0]]}
            for label, colors in choices.items()
        ],
    }


def _add_cameras(figure: go.Figure, cameras: Sequence[ShownCamera]) -> None:
    for shown, color, name in (
        (True, _SHOWN_COLOR, "cameras of the frames below"),
        (False, _OTHER_COLOR, "other cameras"),
    ):
        group = [camera for camera in cameras if camera.shown == shown]
        if not group:
            continue
        x, y, z = np.concatenate([camera.lines for camera in group]).T
        figure.add_trace(
            go.Scatter3d(
                x=x,
                y=y,
                z=z,
                mode="lines",
                line={"color": color, "width": 3 if shown else 1.5},
                name=name,
                legendgroup=name,
                hoverinfo="skip",
            )
        )
        x, y, z = np.array([camera.place for camera in group], np.float32).T
        figure.add_trace(
            go.Scatter3d(
                x=x,
                y=y,
                z=z,
                mode="markers+text" if shown else "markers",
                marker={"color": color, "size": 4 if shown else 2.5},
                text=[str(camera.number) for camera in group],
                textposition="top center",
                textfont={"color": color, "size": 14},
                customdata=[camera.number for camera in group],
                legendgroup=name,
                showlegend=False,
                hovertemplate="frame %{customdata}<extra></extra>",
            )
        )


def _view(
    up: npt.NDArray[np.float64], ahead: npt.NDArray[np.float64] | None
) -> dict[str, dict[str, float]]:
    """From above and behind the cameras, if they look the same way, else over a corner."""
    if ahead is None:
        along = np.eye(3)[int(np.abs(up).argmin())]
        across = np.cross(up, along)
        ahead = (0.75 * across - 0.66 * along) / np.hypot(0.75, 0.66)
    eye = -1.45 * ahead + 1.5 * up
    # the slider below takes space, so the middle of the scene lies above that of the picture
    parts = {"up": up, "eye": eye, "center": -0.12 * up}
    return {name: dict(zip("xyz", x.tolist(), strict=True)) for name, x in parts.items()}


def _add_cut(
    figure: go.Figure,
    up: npt.NDArray[np.float64],
    low: Array,
    high: Array,
    cameras: Sequence[ShownCamera],
) -> None:
    axis = int(np.abs(up).argmax())
    sign = float(np.sign(up[axis]))
    bottom, top = sorted((sign * float(low[axis]), sign * float(high[axis])))
    heights = np.linspace(bottom, top, _CUTS + 1)[1:].tolist()
    # at first below the ceiling, but above the cameras
    tops = [float(np.nanmax(sign * camera.lines[:, axis])) + _HEADROOM_M for camera in cameras]
    first = max([top - _CEILING_SHARE * (top - bottom), *tops])
    active = min(int(np.searchsorted(heights, first)), _CUTS - 1)
    name = f"{'xyz'[axis]}axis"
    steps: list[dict[str, Any]] = []
    for height in heights:
        cut = sorted((sign * bottom, sign * height))
        extent = high - low
        extent[axis] = cut[1] - cut[0]
        change = {f"scene.{name}.range": cut, "scene.aspectratio": _ratio(extent, high - low)}
        label = "whole" if height == heights[-1] else f"{height:.1f} m"
        steps.append({"label": label, "method": "relayout", "args": [change]})
    slider = {
        "steps": steps,
        "active": active,
        "currentvalue": {"prefix": "cut at height: "},
        "pad": {"t": 10, "b": 14, "l": 28, "r": 28},
    }
    chosen = steps[active]["args"][0]
    figure.update_layout(sliders=[slider])
    figure.layout.scene[name].range = chosen[f"scene.{name}.range"]
    figure.layout.scene.aspectratio = chosen["scene.aspectratio"]
