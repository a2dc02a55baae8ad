# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From a 2D network with published weights to a model bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.bag.frame_source import FrameSourceError, open_frame_source
from seg3d2d_ros.bundle import InputSpec, ModelBundle
from seg3d2d_ros.bundle_writer import write_bundle
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.registry import geometry, pixel_statistics
from seg3d2d_ros.parser import ParserConfig, SceneParser
from seg3d2d_ros.share import share_path
from training.bundle_weights import (
    bundle_predictor,
    check_onnx,
    check_safetensors,
    export_weights,
    round_as_stored,
)
from training.provenance import git_commit
from training.published_weights.checkpoint_file import file_sha256
from training.published_weights.distilled_pspnet import ImportedParsingNetwork
from training.published_weights.published_weights_error import PublishedWeightsError

Image = npt.NDArray[np.uint8]
"""RGB, (H, W, 3)."""
RECORDING = "recordings/living_room"
"""Its pictures are the reference where none are named."""
REFERENCES = 4
UNMEASURED = "nothing: the weights are published ones and were not measured here"


def reference_images(source: Path | None) -> list[Image]:
    """Pictures whose labels a bundle stores: some, evenly spread over a recording.

    Args:
        source: a bag, a folder of images, a video or an image; None for the shipped recording.

    Raises:
        PublishedWeightsError: if it can't be read, or has no pictures.
    """
    path = share_path(RECORDING) if source is None else source
    try:
        frames = open_frame_source(path)
        images = _spread(frame.image for frame in frames)
    except FrameSourceError as error:
        raise PublishedWeightsError(str(error)) from error
    if not images:
        reason = f": {frames.faults[0].reason}" if frames.faults else ""
        raise PublishedWeightsError(f"{path} has no pictures that can be read{reason}")
    return images


def _spread(images: Iterable[Image]) -> list[Image]:
    """`REFERENCES` of them, evenly spread but for the last, or all of fewer; few are held."""
    held: list[Image] = []
    every = 1
    for number, image in enumerate(images):
        if number % every == 0:
            held.append(image)
        if len(held) == 2 * REFERENCES:
            held, every = held[::2], 2 * every
    chosen = np.linspace(0, len(held) - 1, min(REFERENCES, len(held))).astype(int)
    return [held[k] for k in chosen.tolist()]


def write_imported_bundle(
    imported: ImportedParsingNetwork,
    out: Path,
    *,
    file: Path,
    images: Sequence[Image],
    size: tuple[int, int],
    licence: str,
    credits: Sequence[str],
    command: str,
) -> ModelBundle:
    """Write a bundle.

    Kernels are rounded as all bundles store them; no metrics are measured, and the confidence is
    not calibrated.

    Args:
        imported: the network; its kernels are rounded in place.
        out: folder to write; its name becomes the model's.
        file: of the weights.
        images: reference pictures, at least one.
        size: height and width of the network's input, multiples of the network's.
        licence: of the weights.
        credits: whose work they are.
        command: the command line, for the provenance.

    Raises:
        PublishedWeightsError: if the size does not fit.
        ExportError: if PyTorch, the ONNX graph and the safetensors disagree.
        BundleError: if the folder holds something else, or can't be written.
    """
    stride, multiple = geometry(imported.network)
    if any(side % multiple or side < multiple for side in size):
        raise PublishedWeightsError(
            f"--size is {size[0]} {size[1]}, height and width must be multiples of {multiple}"
        )
    spec = InputSpec(*size, multiple, *pixel_statistics(imported.network))
    round_as_stored(imported.network)
    graph = ParsingGraph(imported.network.eval(), spec.mean, spec.std, 1.0)
    digest = file_sha256(file)
    provenance = {
        "published": {"file": file.name, "sha256": digest},
        "report": imported.report.splitlines(),
        "command": command,
        "commit": git_commit(Path(__file__).parent),
    }
    with tempfile.TemporaryDirectory() as scratch:
        weights = export_weights(graph, spec, Path(scratch))
        agreement = check_onnx(weights, graph, spec, images)

        def write(folder: Path, labels: Sequence[npt.NDArray[Any]]) -> ModelBundle:
            return write_bundle(
                folder,
                name=out.name,
                label_space=imported.label_space,
                network={"name": imported.network_name, "config": imported.config},
                input=spec,
                output_stride=stride,
                temperature=1.0,
                weights=weights,
                reference=list(zip(images, labels, strict=True)),
                card=_card(out.name, imported, spec, digest, file.name, licence, credits, command),
                metrics={"data": UNMEASURED, "onnx_agreement": round(100 * agreement, 3)},
                provenance=provenance,
                licence=licence,
                credits=credits,
            )

        blank = [np.zeros(image.shape[:2], imported.label_space.dtype) for image in images]
        trial = write(Path(scratch) / out.name, blank)
        in_onnx = bundle_predictor(
            SceneParser(trial, ParserConfig("onnxruntime", precision="fp32"))
        )
        labels = [in_onnx(image) for image in images]
        check_safetensors(trial, list(zip(images, labels, strict=True)))
        return write(out, labels)


def _card(
    name: str,
    imported: ImportedParsingNetwork,
    spec: InputSpec,
    digest: str,
    file: str,
    licence: str,
    credits: Sequence[str],
    command: str,
) -> str:
    space = imported.label_space
    lines = "\n".join(f"- {line}" for line in credits)
    return f"""# {name}

A {space.num_classes}-class parser of indoor scenes ({space.name} label space), network
`{imported.network_name}`, input about {spec.height}x{spec.width} pixels. Licence of the weights:
{licence}.

The weights are published ones, from the file `{file}` (SHA-256 {digest}):

{imported.report}

Kernels are stored in half precision. Nothing was measured here; `python -m training evaluate` does
on a data set. The confidence is that of the softmax, not calibrated.

## Command

```sh
{command}
```

## Credits

{lines}
"""
