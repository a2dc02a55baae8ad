# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Export: the bundle parses as the network did, and says where it comes from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")
onnxruntime = pytest.importorskip("onnxruntime")

from seg3d2d_ros.bundle import ModelBundle  # noqa: E402
from seg3d2d_ros.parser import ParserConfig, SceneParser  # noqa: E402
from training import bundle_weights, export, onnx_graph  # noqa: E402
from training.engine.checkpoint import CheckpointError  # noqa: E402
from training.engine.experiment import experiment_from_mapping  # noqa: E402
from training.engine.predictor import NetworkPredictor  # noqa: E402
from training.engine.trainer import Trainer  # noqa: E402
from training.finished_run import load_run  # noqa: E402
from training.model_card import commands_section  # noqa: E402
from training.provenance import record_own_command  # noqa: E402


@pytest.fixture
def run_folder(experiment, tmp_path):
    experiment["training"] |= {"steps": 8, "evaluate_every": 0, "learning_rate": 0.01, "ema": 0.5}
    experiment["data"]["credits"] = ["pictures by somebody"]
    folder = tmp_path / "run"
    Trainer(experiment_from_mapping(experiment), folder, show_progress=False).run()
    return folder


def test_a_run_becomes_a_bundle(run_folder, tmp_path):
    target = tmp_path / "models" / "tiny"
    origin = "The run tiny began with the weights of the run older; its credits are among these."
    history = [{"data": "data/tiny", "commands": ["prepare"]}, {"data": "gone", "commands": []}]
    inherited = {"credits": ["weights by somebody"], "sentences": [origin], "history": history}
    (run_folder / "origins.yaml").write_text(yaml.safe_dump(inherited))
    record_own_command(run_folder, ["train", "config/experiments/tiny.yaml"])
    command = "python -m training export run models/tiny"
    written = export.export_run(
        run_folder, target, command=command, remarks="Seen on nothing else."
    )
    bundle = ModelBundle.load(target)
    assert bundle.hash == written.hash
    assert bundle.name == "tiny"
    assert bundle.provenance["steps"] == 8
    assert bundle.provenance["dataset"]["train"]["frames"] == 6
    assert set(bundle.metrics["class_iou"]) == set(bundle.label_space.names)
    card = (target / "MODEL_CARD.md").read_text()
    assert "Seen on nothing else." in card
    assert f"mIoU {bundle.metrics['miou']} %" in card
    assert "```sh\nprepare\n# gone: no record of its commands\n# commit " in card
    assert f"train config/experiments/tiny.yaml\n{command}\n```" in card
    assert f"commit {bundle.provenance['commit']}." in card
    assert list(bundle.credits) == ["weights by somebody", "pictures by somebody"]
    credits = "## Credits\n\n- weights by somebody\n- pictures by somebody\n"
    assert card.endswith(f"{credits}\n{origin}\n")
    check_pictures(bundle, card)

    run = load_run(run_folder)
    predict = NetworkPredictor(run.graph, run.spec)
    parser = SceneParser(bundle, ParserConfig("onnxruntime", precision="fp32", threads=1))
    rng = np.random.default_rng(0)
    for size in ((64, 96), (120, 200), (33, 50)):
        image = rng.integers(0, 256, (*size, 3), np.uint8)
        labels = parser.parse(image).labels
        assert labels.shape == size
        assert (labels == predict(image)).mean() >= 0.995


def check_pictures(bundle, card):
    """The card shows a sheet that the hashes cover: reference images, truth, reference labels."""
    assert "](MODEL_CARD.jpg)" in card and "2 of the 2 frames of the val split" in card
    assert bundle.card_picture in bundle.files()
    sheet = cv2.imread(str(bundle.card_picture.path))
    height = 256 * 64 // 96 + 1  # of a tile, rounded
    assert sheet.shape[0] == 24 + 2 * (height + 6)
    palette = bundle.label_space.palette()[..., ::-1]
    for row, pair in enumerate(bundle.reference):
        top = 24 + row * (height + 6)
        tiles = [sheet[top : top + height, 262 * k : 262 * k + 256].astype(int) for k in range(3)]
        image = cv2.resize(cv2.imread(str(pair.image.path)), (256, height))
        assert np.abs(tiles[0] - image).mean() < 12
        horizon = tiles[1][:, 128]
        assert np.abs(horizon[-20:] - palette[1]).mean() < 4  # the floor below
        assert np.abs(horizon[24:60] - palette[0]).mean() < 4  # the wall, below the ceiling
        labels = cv2.imread(str(pair.labels.path), cv2.IMREAD_UNCHANGED)
        labels = cv2.resize(labels, (256, height), interpolation=cv2.INTER_NEAREST)
        assert np.median(np.abs(tiles[2] - palette[labels])) < 4


def test_a_run_without_a_record_of_commands_says_so():
    history = [
        {"run": "first", "experiment": "old", "commands": []},
        {"run": "second", "experiment": "new", "commands": ["a", "b"]},
    ]
    text = commands_section({"training": history, "command": "c"})
    first, *others = text.splitlines()[1:-1]
    assert first == "# run first of experiment old: no record of its commands"
    assert others == ["a", "b", "c"]


def test_the_graph_takes_any_batch_and_size(run_folder, tmp_path):
    run = load_run(run_folder)
    path = tmp_path / "model.onnx"
    onnx_graph.export_onnx(run.graph, run.spec, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (3, 96, 160, 3), np.uint8)
    labels, confidence = session.run(["labels", "confidence"], {"image": images})
    with torch.inference_mode():
        expected = [value.numpy() for value in run.graph(torch.from_numpy(images))]
    assert (labels == expected[0]).mean() >= 0.995
    assert np.abs(confidence.astype(int) - expected[1].astype(int)).max() <= 2


def test_a_disagreeing_graph_is_refused(run_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_weights, "MINIMUM_AGREEMENT", 1.01)
    with pytest.raises(export.ExportError, match="agrees with PyTorch on .* nothing was exported"):
        export.export_run(run_folder, tmp_path / "models" / "tiny", command="")
    assert not (tmp_path / "models" / "tiny").exists()


def test_int8_is_stored_beside_fp32_or_refused(run_folder, tmp_path, monkeypatch):
    pytest.importorskip("nncf")
    pytest.importorskip("openvino")
    # The network has learnt next to nothing, so its labels are a matter of rounding.
    monkeypatch.setattr(export, "MINIMUM_INT8_AGREEMENT", 0.0)
    monkeypatch.setattr(export, "MAXIMUM_INT8_LOSS", 100.0)
    target = tmp_path / "models" / "tiny"
    bundle = export.export_run(run_folder, target, command="", int8=True)
    assert [(w.format, w.precision) for w in bundle.weights] == [
        ("onnx", "fp32"),
        ("openvino", "int8"),
        ("safetensors", "fp32"),
    ]
    quantised = SceneParser(bundle, ParserConfig(precision="int8", threads=1))
    plain = SceneParser(bundle, ParserConfig("openvino", precision="fp32", threads=1))
    assert (quantised.backend_name, quantised.precision) == ("openvino", "int8")
    for size in ((64, 96), (120, 200)):
        image = np.full((*size, 3), 200, np.uint8)
        image[size[0] // 2 :] = (40, 60, 90)
        agreement = (quantised.parse(image).labels == plain.parse(image).labels).mean()
        assert agreement > 0.5
    for gate, limit in (("MINIMUM_INT8_AGREEMENT", 1.01), ("MAXIMUM_INT8_LOSS", -100.0)):
        with monkeypatch.context() as patch, pytest.raises(export.ExportError, match="int8 agrees"):
            patch.setattr(export, gate, limit)
            export.export_run(run_folder, tmp_path / "models" / "refused", command="", int8=True)
    assert not (tmp_path / "models" / "refused").exists()


def test_quantisation_keeps_what_a_graph_sees(tmp_path):
    pytest.importorskip("nncf")
    openvino = pytest.importorskip("openvino")
    from seg3d2d_ros.bundle import InputSpec
    from seg3d2d_ros.networks.parsing_graph import ParsingGraph
    from training.quantisation import quantise

    class Colours(torch.nn.Module):
        """Logits of known convolutions: how red, green and blue the surroundings are."""

        num_classes, output_stride, multiple = 3, 4, 4
        align_corners = False

        def __init__(self):
            super().__init__()
            self.blur = torch.nn.Conv2d(3, 3, 4, 4, groups=3, bias=False)
            self.mix = torch.nn.Conv2d(3, 3, 1, bias=False)
            torch.nn.init.constant_(self.blur.weight, 1 / 16)
            self.mix.weight.data = (1.5 * torch.eye(3) - 0.5).view(3, 3, 1, 1)

        def forward(self, image):
            return self.mix(torch.relu(self.blur(image)))

    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (6, 8, 3), np.uint8) for _ in range(20)]
    images = [np.kron(image, np.ones((8, 8, 1), np.uint8)) for image in images]
    spec = InputSpec(48, 64, 4, (0.0,) * 3, (255.0,) * 3)
    graph = ParsingGraph(Colours(), spec.mean, spec.std, 1.0)
    onnx_graph.export_onnx(graph, spec, tmp_path / "graph.onnx")
    stored = quantise(tmp_path / "graph.onnx", images[:10], spec, tmp_path)
    compiled = openvino.compile_model(openvino.Core().read_model(stored.path), "CPU")
    for image in (*images[10:], np.tile(images[0], (2, 2, 1))):  # of another size too
        expected = graph(torch.from_numpy(image)[None])[0].detach().numpy()
        assert (compiled({"image": image[None]})["labels"] == expected).mean() > 0.97
    types = {
        output.get_element_type().get_type_name()
        for node in openvino.Core().read_model(stored.path).get_ops()
        for output in node.outputs()
    }
    assert "i8" in types


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no run folder with a checkpoint"):
        load_run(tmp_path)
