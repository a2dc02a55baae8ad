# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Export of a run of a 3D network as a point model, measured through the weights as stored."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.networks.stored_weights import fill_from_safetensors, weights_to_safetensors
from training.counted import counted
from training.engine.device import check_device
from training.engine.run_origins import run_origins
from training.points.evaluation import evaluate_scenes, point_metrics
from training.points.finished_run import load_point_run
from training.points.model_card import CARD, point_model_card
from training.points.networks.point_network import PointNetworkError
from training.points.point_model import DESCRIPTION, PointModelDescription, save_point_model
from training.points.scenes import LabelledScenes
from training.provenance import git_commit


def export_point_run(
    run_folder: Path, folder: Path, *, command: str, remarks: str = "", device: str = "cpu"
) -> PointModelDescription:
    """Export the newest checkpoint of a run with a card.

    Kernels are rounded to half precision as they are stored before anything is measured, on the
    val split.

    Args:
        run_folder: folder of the run.
        folder: to write; its name becomes the model's.
        command: the command line, for the card.
        remarks: further Markdown for the card.
        device: where to measure.

    Returns:
        What the folder's ``point_model.yaml`` says.

    Raises:
        CheckpointError, ExperimentError: if there is nothing to export.
        PointNetworkError: if the folder holds a point model already, or something else.
        DatasetError, CloudError: if the val split can't be measured on.
        OSError: if it can't be written.
    """
    check_device(device)
    if (folder / DESCRIPTION).exists():
        raise PointNetworkError(
            f"{folder} holds a point model already; name another folder, or remove that one"
        )
    commit = git_commit(Path(__file__).parent)  # of the code that runs, whatever comes meanwhile
    run = load_point_run(run_folder)
    origins = run_origins(run_folder)
    experiment, network = run.experiment, run.network
    fill_from_safetensors(network, weights_to_safetensors(network))
    data = experiment.data
    root = Path(data.root)
    train = LabelledScenes(root, data.train_split, run.label_space, memory=0)
    val = LabelledScenes(root, data.val_split, run.label_space, memory=0)
    confusion = evaluate_scenes(
        network.to(device),
        run.sampling,
        val,
        run.label_space,
        indices=tqdm(range(len(val)), desc="measuring", unit="scene"),
        device=device,
    )
    metrics = {
        "data": f"{counted(len(val), 'scene')} of the {data.val_split} split of {root.name}"
        + (f" ({data.description})" if data.description else ""),
        **point_metrics(confusion),
    }
    description = save_point_model(
        folder,
        network.cpu(),
        run.label_space,
        network_name=experiment.network.name,
        config=experiment.network.config,
        sampling=experiment.network.sampling,
        licence=experiment.licence,
        source=f"experiment {experiment.name}, {run.step} steps, exported by commit {commit}",
        metrics=metrics,
        credits=origins.credits,
    )
    provenance = {
        "experiment": experiment.name,
        "command": command,
        "training": origins.history,
        "origins": origins.sentences,
        "commit": commit,
        "scenes": len(train),
        "measured": len(val),
        "seed": experiment.training.seed,
        "steps": run.step,
    }
    card = point_model_card(
        description, network, run.label_space, provenance, origins.credits, remarks
    )
    write_file(folder / CARD, card.encode())
    return description
