# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From a run to a point model and its evaluation, and what the command line says of mistakes."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")
pytest.importorskip("open3d")  # the command line also offers rendering

from training.__main__ import main  # noqa: E402
from training.points.point_model import load_point_model  # noqa: E402


@pytest.fixture
def run_folder(point_experiment, tmp_path, capsys):
    """A run of two steps, trained by the command line."""
    point_experiment["training"] |= {"steps": 2, "evaluate_every": 0}
    point_experiment["data"]["credits"] = ["the makers of tiny rooms"]
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(point_experiment))
    folder = tmp_path / "run"
    assert main(["points", "train", str(path), "--out", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((folder / "metrics.json").read_text())
    return folder


def sentence(capsys, *words):
    assert main(["points", *map(str, words)]) == 1
    err = capsys.readouterr().err
    return err[err.index("error: ") :].strip()


def test_a_run_becomes_a_model_that_says_what_it_was_measured_to(
    run_folder, prepared, tmp_path, capsys
):
    model = tmp_path / "tiny-model"
    origin = "The run tiny began with the weights of the run older; its credits are among these."
    history = [{"data": "data/tiny", "commands": ["prepare"]}, {"data": "gone", "commands": []}]
    inherited = {
        "credits": ["the makers of other rooms"],
        "sentences": [origin],
        "history": history,
    }
    (run_folder / "origins.yaml").write_text(yaml.safe_dump(inherited))
    assert main(["points", "export", str(run_folder), str(model)]) == 0
    assert "tiny-model: mIoU" in capsys.readouterr().out
    metrics = load_point_model(model).description.metrics
    assert metrics["data"] == "1 scene of the val split of prepared"
    out = tmp_path / "evaluation"
    words = ["evaluate", str(model), str(prepared), "--out", str(out)]
    assert main(["points", *words]) == 0
    measured = json.loads((out / "metrics.json").read_text())
    for name in ("miou", "accuracy", "mean_accuracy", "class_iou", "points"):
        assert measured[name] == metrics[name]
    assert measured["scenes"] == 1
    page = (out / "report.html").read_text()
    assert "point accuracy" in page and "pixels" not in page and "data:image/jpeg" in page
    rows = (out / "confusion.csv").read_text().splitlines()
    counted = sum(int(n) for row in rows[1:] for n in row.split(",")[1:])
    assert counted == metrics["points"]

    card = (model / "MODEL_CARD.md").read_text()
    for text in (
        f"mIoU {metrics['miou']} %",
        f"| table | {metrics['class_iou']['table']} |",
        "`res16unet14a`",
        "python -m training points train",
        f"python -m training points export {run_folder} {model}",
        f"- the makers of other rooms\n- the makers of tiny rooms\n\n{origin}\n",
        "```sh\nprepare\n# gone: no record of its commands\n# commit ",
        "These figures are of 1 scene of the data",
        "stored in half precision",
        load_point_model(model).description.sha256,
    ):
        assert text in card


def test_a_run_is_evaluated_as_well_and_the_same_export_gives_the_same_files(
    run_folder, prepared, tmp_path, capsys
):
    assert main(["points", "evaluate", str(run_folder), str(prepared), "--split", "train"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["scenes"] == 3 and measured["model"] == "tiny, step 2"
    model = tmp_path / "model"
    contents = []
    for _ in range(2):
        assert main(["points", "export", str(run_folder), str(model)]) == 0
        contents.append({path.name: path.read_bytes() for path in model.iterdir()})
        assert "holds a point model already" in sentence(capsys, "export", run_folder, model)
        shutil.rmtree(model)
    assert contents[0] == contents[1]


def test_mistakes_are_one_sentence_each(run_folder, prepared, tmp_path, capsys):
    assert "is no run folder with a checkpoint" in sentence(capsys, "export", tmp_path, "model")
    assert "has no scan of the split 'test'" in sentence(
        capsys, "evaluate", run_folder, prepared, "--split", "test"
    )
    assert "scans.jsonl cannot be read" in sentence(capsys, "evaluate", run_folder, tmp_path)
    assert "device 'cuda:99' can't be had" in sentence(
        capsys, "evaluate", run_folder, prepared, "--device", "cuda:99"
    )
    (tmp_path / "remarks.md").write_bytes(b"\xff\xfe")
    with pytest.raises(SystemExit):
        main(["points", "export", str(run_folder), "model", "--remarks", f"{tmp_path}/remarks.md"])
    assert "remarks.md is no text in UTF-8" in capsys.readouterr().err
    checkpoint = run_folder / "checkpoints" / "step_0000002.pt"
    state = torch.load(checkpoint, weights_only=True)
    torch.save(state | {"averaged": 3}, checkpoint)
    assert "is of another network than that" in sentence(capsys, "evaluate", run_folder, prepared)
    torch.save(state, checkpoint)
    config = run_folder / "config.yaml"
    mapping = yaml.safe_load(config.read_text())
    mapping["network"]["config"]["conv1_kernel_size"] = 5
    config.write_text(yaml.safe_dump(mapping))
    assert "is of another network than that of" in sentence(
        capsys, "evaluate", run_folder, prepared
    )
    config.write_text("[")
    assert "config.yaml is damaged" in sentence(capsys, "evaluate", run_folder, prepared)


def test_a_truncated_model_is_named(run_folder, prepared, tmp_path, capsys):
    model = tmp_path / "model"
    assert main(["points", "export", str(run_folder), str(model)]) == 0
    weights = model / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "SHA-256 differs" in sentence(capsys, "evaluate", model, prepared)
    shutil.rmtree(model)
    assert "is no run folder" in sentence(capsys, "evaluate", model, prepared)
