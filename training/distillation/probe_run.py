# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The depth probe of a run, layer by layer; goes on where it stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.networks.layer_features import layers_of
from training.data.labelled_frames import DatasetError
from training.data.manifest import MANIFEST, ManifestFrames
from training.distillation.depth_probe import (
    REACH_M,
    LayerProbe,
    ProbeConfig,
    probe_layer,
    shown_frames,
)
from training.distillation.depth_targets import MeasuredDepth
from training.distillation.probe_frames import ProbeFrames, probe_size, read_probe_frames
from training.distillation.probe_picture import draw_depth_maps
from training.engine.device import check_device
from training.engine.settings import ExperimentError, differences
from training.finished_run import FinishedRun, load_run

SETTINGS = "settings.json"
RESULT = "depth_probe.json"
PICTURE = "depth_maps.png"
LAYERS = "layers"
"""Folder of what is finished: of each layer the figures and the depth that is shown."""
RULE = (
    f"SSIM (Wang 2004: 11x11 Gaussian windows of deviation 1.5, K1 0.01, K2 0.03) of depths in "
    f"metres, cut at {REACH_M:g} m, which is also the range L; windows inside the map with a "
    "measured centre and half of their weight measured, statistics over measured cells; the mean "
    "over windows, then over frames"
)
DECODER = (
    "features of root mean square 1, 1x1 convolution, bilinear to a quarter of the image's size, "
    "two 3x3 convolutions, 1x1 convolution to log depth; batch norm and ReLU between; "
    "mean |log d' - log d|, Adam"
)


def probe_run(
    run_folder: Path,
    out: Path,
    *,
    data: Path | None = None,
    layers: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    train_frames: int = 1000,
    val_frames: int = 500,
    shown: int = 4,
    config: ProbeConfig = ProbeConfig(),  # noqa: B008 - immutable
    device: str = "cpu",
) -> dict[str, Any]:
    """How much of depth each layer of a run's network still holds.

    Decoders learn from the train split and are measured on the val split, of frames evenly spread
    over each. Writes ``depth_probe.json`` and ``depth_maps.png``.

    Args:
        run_folder: of the run, whose averaged weights are taken.
        out: folder to write to.
        data: prepared data set; None for the run's own.
        layers: names; empty for all.
        size: height and width of the images, rounded up to what the network takes; None for the
            run's input size.
        train_frames: at most so many, held in memory.
        val_frames: likewise.
        shown: val frames in the picture.
        config: of the decoders' training.
        device: ``cpu`` or ``cuda``.

    Returns:
        What ``depth_probe.json`` holds.

    Raises:
        ExperimentError: if `out` holds a probe with other settings, or there is no such layer.
        CheckpointError, DatasetError: if run or data can't be used.
        OSError: if something can't be written.
    """
    check_device(device)
    run = load_run(run_folder)
    network = run.graph.network
    names = list(layers) or list(layers_of(network))
    for name in names:
        if name not in layers_of(network):
            raise ExperimentError(
                f"there is no layer '{name}'; there are {', '.join(layers_of(network))}"
            )
    root = data or Path(run.experiment.data.root)
    sides = probe_size(network, *(size or (run.spec.height, run.spec.width)))
    settings = {
        "model": f"{run.experiment.name}, step {run.step}",
        "weights_sha256": _weights_sha256(network),
        "data": root.name,
        "manifest_sha256": _manifest_sha256(root),
        "size": list(sides),
        "train_frames": train_frames,
        "val_frames": val_frames,
        "shown": shown,
        "probe": dataclasses.asdict(config),
    }
    _claim(out, settings)
    todo = [name for name in names if not _is_done(out, name)]
    train, val = _frames(run, root, sides, (train_frames, val_frames), only_val=not todo)
    with tqdm(total=len(names) * config.steps, unit="step") as bar:
        bar.update((len(names) - len(todo)) * config.steps)
        for name in todo:
            bar.set_description(name)
            assert train is not None
            done = probe_layer(
                run.graph,
                name,
                train,
                val,
                shown=shown,
                config=config,
                device=device,
                step_done=lambda _: _advance(bar),
            )
            _keep(out, done)
    figures = [json.loads(_figures(out, name).read_text(encoding="utf-8")) for name in names]
    result = {**settings, "decoder": DECODER, "rule": RULE, "layers": figures}
    write_file(out / RESULT, (json.dumps(result, indent=2) + "\n").encode())
    write_file(out / PICTURE, _picture(out, figures, val, shown))
    return result


def _frames(
    run: FinishedRun,
    root: Path,
    size: tuple[int, int],
    counts: tuple[int, int],
    *,
    only_val: bool,
) -> tuple[ProbeFrames | None, ProbeFrames]:
    depth, data = MeasuredDepth(root), run.experiment.data
    read: list[ProbeFrames | None] = []
    for split, count in zip((data.train_split, data.val_split), counts, strict=True):
        if only_val and not read:
            read.append(None)
            continue
        frames = ManifestFrames(root, split, run.label_space)
        with tqdm(total=min(count, len(frames)), unit="frame", desc=f"reading {split}") as bar:
            read.append(
                read_probe_frames(
                    frames, depth, run.graph.network, size, count, lambda: _advance(bar)
                )
            )
    train, val = read
    assert val is not None
    return train, val


def _advance(bar: Any) -> None:
    bar.update()


def _weights_sha256(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _manifest_sha256(root: Path) -> str:
    path = root / MANIFEST
    if not path.is_file():
        raise DatasetError(
            f"{path} is not there; depth images are only known of data sets that 'python -m "
            "training prepare' has listed"
        )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _claim(out: Path, settings: dict[str, Any]) -> None:
    """Whose probe the folder holds, so that no other goes on with it."""
    path = out / SETTINGS
    if path.is_file():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            there = {}
        if there != settings:
            what = differences(there, settings) if isinstance(there, dict) else "all"
            raise ExperimentError(
                f"{out} holds a probe with other settings ({what}); use another --out"
            )
        return
    (out / LAYERS).mkdir(parents=True, exist_ok=True)
    write_file(path, (json.dumps(settings, indent=2) + "\n").encode())


def _figures(out: Path, layer: str) -> Path:
    return out / LAYERS / f"{layer}.json"


def _shown(out: Path, layer: str) -> Path:
    return out / LAYERS / f"{layer}.npy"


def _is_done(out: Path, layer: str) -> bool:
    return _figures(out, layer).is_file() and _shown(out, layer).is_file()


def _keep(out: Path, probe: LayerProbe) -> None:
    content = io.BytesIO()
    np.save(content, probe.shown, allow_pickle=False)
    write_file(_shown(out, probe.layer), content.getvalue())
    figures = {
        "layer": probe.layer,
        "channels": probe.channels,
        "ssim": round(probe.ssim, 6),
        "log_error": round(probe.log_error, 6),
        "frames": probe.frames,
    }
    write_file(_figures(out, probe.layer), json.dumps(figures).encode())


def _picture(out: Path, figures: list[dict[str, Any]], val: ProbeFrames, shown: int) -> bytes:
    index = shown_frames(len(val), shown)
    picture = draw_depth_maps(
        [val.images[k].numpy() for k in index],
        [val.depth[k].numpy() for k in index],
        [
            (each["layer"], each["ssim"], np.load(_shown(out, each["layer"]), allow_pickle=False))
            for each in figures
        ],
    )
    return bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
