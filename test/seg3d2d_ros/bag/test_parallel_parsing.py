# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Several parsers at work on one sequence of images."""

from __future__ import annotations

import os
import threading
import time

import cv2
import pytest

from seg3d2d_ros.bag.parallel_parsing import in_order, parsers_side_by_side
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.parser import ParserConfig, SceneParser

pytest.importorskip("onnxruntime")


def test_what_comes_back_is_in_order_and_each_parser_has_one_item():
    parsers = ["a", "b", "c"]
    busy, seen = set(), []

    def work(item, free):
        parser = free.get()
        assert parser not in busy
        busy.add(parser)
        time.sleep(0.002 * (7 * item % 5))
        seen.append(item)
        busy.remove(parser)
        free.put(parser)
        return item * item

    assert list(in_order(work, range(40), parsers)) == [k * k for k in range(40)]
    assert seen != sorted(seen)  # so it was not one after the other


def test_no_more_is_taken_than_is_at_work():
    taken, gates = [], [threading.Event() for _ in range(9)]

    def items():
        for k in range(9):
            taken.append(k)
            yield k

    def work(item, free):
        assert gates[item].wait(10)
        return item

    results = in_order(work, items(), ["a", "b"])
    for k in range(9):
        gates[k].set()
        assert next(results) == k
        assert len(taken) <= k + 4  # two parsed, one prepared, and the one in hand
    assert list(results) == []


def test_a_fault_comes_in_its_place_and_ends_the_rest():
    def work(item, free):
        if item == 3:
            raise OSError("no room")
        return item

    results = in_order(work, range(1000), ["a", "b"])
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="no room"):
        next(results)
    assert not [t for t in threading.enumerate() if t.name.startswith("parsing")]


def test_who_leaves_early_leaves_no_thread_behind():
    results = in_order(lambda item, free: item, range(1000), ["a", "b"])
    assert next(results) == 0
    results.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("parsing")]


@pytest.mark.parametrize(("cores", "threads"), [(1, [0]), (2, [1, 1]), (9, [3, 2, 2, 2])])
def test_parsers_share_the_cores(channel_bundle, monkeypatch, cores, threads):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    made = []

    class Parser:
        device, backend_name = "cpu", "onnxruntime"

        def __init__(self, bundle, config):
            made.append(config)

    monkeypatch.setattr("seg3d2d_ros.bag.parallel_parsing.SceneParser", Parser)
    parsers = parsers_side_by_side(channel_bundle, ParserConfig())
    used = made[-len(parsers) :]
    assert [config.threads for config in used] == threads
    if cores > 1:
        assert {config.backend for config in used} == {"onnxruntime"}


def test_set_threads_are_those_of_one_parser(channel_bundle):
    config = ParserConfig("onnxruntime", threads=1)
    assert len(parsers_side_by_side(channel_bundle, config)) == 1


def test_labels_do_not_depend_on_the_number_of_threads():
    pytest.importorskip("openvino")
    bundle = ModelBundle.load(resolve_bundle("rooms-lite0-scannet20"))
    parsers = [SceneParser(bundle, ParserConfig("openvino", threads=k)) for k in (0, 1, 2)]
    for pair in bundle.reference:
        image = cv2.cvtColor(cv2.imread(str(pair.image.path)), cv2.COLOR_BGR2RGB)
        first, *others = [parser.parse(image).labels for parser in parsers]
        assert all((labels == first).all() for labels in others)
