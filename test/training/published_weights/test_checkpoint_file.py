# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import io
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from training.published_weights.checkpoint_file import read_checkpoint
from training.published_weights.published_weights_error import PublishedWeightsError

COUNTER = "two_num_batches_tracked"
FORMATS = {"zip": True, "before zip": False}


def saved(content, zipped=True):
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


@pytest.fixture
def write(tmp_path):
    def write_bytes(content):
        file = tmp_path / "weights.pth"
        file.write_bytes(content)
        return file

    return write_bytes


def weights():
    return OrderedDict(one=torch.arange(6.0).view(2, 3), two_num_batches_tracked=torch.tensor(5))


@pytest.mark.parametrize("zipped", FORMATS.values(), ids=FORMATS)
def test_weights_are_read_and_what_lies_beside_them_is_named(write, zipped):
    model = torch.nn.Linear(2, 2)
    optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    content = {
        "iteration": 9,
        "arch": "Net",
        "state_dict": weights(),
        "optimizer": optimiser.state_dict(),
        "best_val": np.float64(72.2),
        "best": [np.float32(1), np.int64(3), np.bool_(True)],
    }
    checkpoint = read_checkpoint(write(saved(content, zipped)))
    assert checkpoint.ignored == ("iteration", "arch", "optimizer", "best_val", "best")
    assert not checkpoint.prefixed
    assert list(checkpoint.tensors) == ["one", COUNTER]
    assert torch.equal(checkpoint.tensors["one"], weights()["one"])
    assert int(checkpoint.tensors[COUNTER]) == 5


def test_weights_without_a_mapping_around_them_are_read(write):
    checkpoint = read_checkpoint(write(saved(weights())))
    assert checkpoint.ignored == ()
    assert list(checkpoint.tensors) == ["one", COUNTER]


def test_safetensors_are_told_by_their_content(write):
    content = save({"one": torch.arange(6.0).half().view(2, 3), COUNTER: torch.tensor(5)})
    checkpoint = read_checkpoint(write(content))
    assert checkpoint.tensors["one"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert checkpoint.tensors["one"].dtype == torch.float32
    assert checkpoint.tensors[COUNTER] == 5 and checkpoint.ignored == ()
    with pytest.raises(PublishedWeightsError, match=r"weights\.pth holds damaged safetensors; dow"):
        read_checkpoint(write(content[:-1]))


def test_the_prefix_of_parallel_training_is_taken_off(write):
    state = {f"module.{name}": tensor for name, tensor in weights().items()}
    checkpoint = read_checkpoint(write(saved({"state_dict": state})))
    assert checkpoint.prefixed
    assert list(checkpoint.tensors) == ["one", COUNTER]


def test_half_precision_becomes_single(write):
    checkpoint = read_checkpoint(write(saved({"x": torch.tensor([0.5]).half()})))
    assert checkpoint.tensors["x"].dtype == torch.float32


class Command:
    """What runs a command when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


class Settings:
    """A class that the reader does not know."""


@pytest.mark.parametrize("zipped", FORMATS.values(), ids=FORMATS)
def test_code_is_refused_and_not_run(write, tmp_path, zipped):
    target = tmp_path / "ran"
    file = write(saved({"state_dict": weights(), "config": Command(target)}, zipped))
    with pytest.raises(PublishedWeightsError, match=r"pickled with code \(.*\), which is not run"):
        read_checkpoint(file)
    assert not target.exists()
    torch.load(file, weights_only=False)  # so the file would have done it
    assert target.exists()


@pytest.mark.parametrize("content", [Settings(), torch.nn.Linear(2, 2)])
def test_a_pickled_object_is_refused_with_the_way_out(write, content):
    with pytest.raises(PublishedWeightsError, match=r"save the tensors alone: torch\.save"):
        read_checkpoint(write(saved({"state_dict": weights(), "args": content})))


def test_a_command_of_the_system_is_refused(write):
    class System:
        def __reduce__(self):
            import os

            return os.system, ("true",)

    with pytest.raises(PublishedWeightsError, match="pickled with code"):
        read_checkpoint(write(saved({"state_dict": weights(), "x": System()})))


@pytest.mark.parametrize("zipped", FORMATS.values(), ids=FORMATS)
def test_a_truncated_file_is_refused_with_a_sentence(write, zipped):
    whole = saved({"state_dict": {"x": torch.rand(200)}}, zipped)
    for length in [*range(0, 200, 11), *range(200, len(whole), 97)]:
        with pytest.raises(PublishedWeightsError, match="no PyTorch checkpoint, or damaged"):
            read_checkpoint(write(whole[:length]))


def test_what_is_no_checkpoint_is_refused_with_a_sentence(write):
    rng = np.random.default_rng(0)
    contents = [
        b"",
        b"<html>404</html>",
        rng.bytes(5000),
        pickle.dumps(3),
        b"PK\x03\x04" + bytes(9),
    ]
    for content in contents:
        with pytest.raises(PublishedWeightsError, match="weights"):
            read_checkpoint(write(content))


def test_flipped_bytes_give_weights_or_a_sentence(write):
    whole = saved({"state_dict": weights()}, zipped=False)
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        try:
            read_checkpoint(write(bytes(damaged)))
        except PublishedWeightsError:
            refused += 1
    assert refused > 20


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path):
    with pytest.raises(PublishedWeightsError, match=r"absent\.pth can't be read: No such file"):
        read_checkpoint(tmp_path / "absent.pth")
    with pytest.raises(PublishedWeightsError, match="can't be read: Is a directory"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "content, message",
    [
        ([torch.zeros(2)], "no weights by name but a list"),
        (torch.zeros(2), "no weights by name but a Tensor"),
        ({"state_dict": {}}, "no weights under 'state_dict'"),
        ({"state_dict": 3}, "no weights under 'state_dict'"),
        ({}, "no weights under 'state_dict'"),
        ({"epoch": 3, "model": {"x": torch.zeros(1)}}, "'epoch' is a int and no tensor"),
        (
            {"x": torch.eye(3).to_sparse()},
            "'x' is no plain array of numbers but float32, sparse_coo",
        ),
        ({"x": torch.empty(3, device="meta")}, "'x' is no plain array of .* strided, meta"),
        ({"x": torch.ones(1).expand(10**12)}, "'x' is no plain array"),
        ({"x": torch.ones(3).to(torch.complex64)}, "weight 'x' is of the type complex64"),
        ({"x": torch.ones(3).int()}, "weight 'x' is of the type int32"),
        ({"n_num_batches_tracked": torch.tensor(True)}, "is of the type bool"),
        ({"x": torch.tensor([1.0, float("nan")])}, "'x' has values that are no finite numbers"),
    ],
)
def test_other_contents_are_refused_with_a_sentence(write, content, message):
    with pytest.raises(PublishedWeightsError, match=message):
        read_checkpoint(write(saved(content)))


def test_a_plain_pickle_and_a_run_of_ones_own_are_told_what_to_do(tmp_path):
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps({"state_dict": {"a": 1.0}}, protocol=4))
    with pytest.raises(PublishedWeightsError, match="is a pickle and no file of torch.save"):
        read_checkpoint(path)
    run = {"network": {}, "optimiser": {}, "averaged": {}, "step": 3, "minutes": 0.1}
    torch.save(run, path)
    with pytest.raises(PublishedWeightsError, match="'python -m training points export' makes a"):
        read_checkpoint(path)
