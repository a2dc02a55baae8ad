# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Threads with work of their own: what they compute, and what they leave as it was."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training.points.own_threads import parts_of, run_each, run_undivided  # noqa: E402

REPOSITORY = Path(__file__).parents[3]
CPU = torch.device("cpu")


@pytest.fixture
def three_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(threads)


def in_new_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def run_program(text):
    """A process of its own: its output, after a minute at most."""
    command = [sys.executable, "-c", text]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_results_come_in_order_from_as_many_threads_as_pytorch_has(three_threads):
    together = threading.Barrier(3, timeout=20)

    def work(item):
        together.wait()
        return item * 2, threading.get_ident(), torch.get_num_threads()

    results = run_each(work, range(6), CPU)
    assert [result[0] for result in results] == [0, 2, 4, 6, 8, 10]
    assert len({result[1] for result in results}) == 3
    assert {result[2] for result in results} == {1}


def test_with_one_thread_the_calling_one_does_the_work(three_threads):
    torch.set_num_threads(1)
    assert run_each(lambda _: threading.get_ident(), range(2), CPU) == [threading.get_ident()] * 2
    assert run_undivided(threading.get_ident, CPU) == threading.get_ident()


def test_neither_the_caller_nor_other_threads_have_another_number_than_before():
    program = """
import threading, torch
from training.points import own_threads

def of_new_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start(); thread.join()
    return found[0]

cpu = torch.device("cpu")
torch.set_num_threads(5)
asked, done = threading.Event(), threading.Event()
kept = []
def other():
    kept.append(torch.get_num_threads()); asked.set(); done.wait()
    kept.append(torch.get_num_threads())
thread = threading.Thread(target=other)
thread.start(); asked.wait()
for number in (2, 3, 2):
    torch.set_num_threads(number)
    # seen from inside while the work runs
    seen = own_threads.run_each(lambda _: of_new_thread(), range(4), cpu)
    print(*seen, torch.get_num_threads(), of_new_thread())
done.set(); thread.join()
print(*kept)
"""
    printed = run_program(program)
    assert printed == ["2"] * 6 + ["3"] * 6 + ["2"] * 6 + ["5"] * 2


def test_the_number_of_new_threads_stays_where_the_caller_has_one_of_its_own():
    program = """
import threading, torch
from training.points.own_threads import run_each
torch.set_num_threads(2)
def caller():
    torch.get_num_threads()
    ready.set(); go.wait()
    run_each(abs, [1, 2], torch.device("cpu"))
    print(torch.get_num_threads())
ready, go = threading.Event(), threading.Event()
thread = threading.Thread(target=caller)
thread.start(); ready.wait()
torch.set_num_threads(4)
go.set(); thread.join()
thread = threading.Thread(target=lambda: print(torch.get_num_threads()))
thread.start(); thread.join()
"""
    assert run_program(program) == ["2", "4"]


def test_a_forked_process_has_threads_of_its_own():
    program = """
import os, signal, torch
from training.points.own_threads import run_each, run_undivided
from training.points.networks.adaptive_feature_adjustment import AdaptiveFeatureAdjustment
from training.points.sparse.engines import open_pyramid
cpu = torch.device("cpu")

def work():
    with torch.no_grad():
        pyramid = open_pyramid(torch.tensor([[0, x, 0, 0] for x in range(50)], dtype=torch.int32))
        sums = pyramid.convolve(torch.ones(50, 1), torch.ones(27, 1, 1), 3, 1, 1)
        pairs = AdaptiveFeatureAdjustment(9)(torch.ones(17, 32, 9))
    return int(sums.sum()), tuple(pairs.shape), run_undivided(torch.get_num_threads, cpu)

torch.set_num_threads(2)
expected = (148, (17, 32, 9), 1)
assert work() == expected
child = os.fork()
if not child:
    signal.alarm(30)
    # what PyTorch divides itself would hang in a child, whatever is done here
    found = run_each(lambda _: work(), [0, 1], cpu)
    os._exit(0 if found == [expected] * 2 else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_program(program) == ["0"]


def test_callers_side_by_side_share_the_threads(three_threads):
    def caller():
        return sum(run_each(lambda item: item, range(50), CPU))

    callers = [threading.Thread(target=lambda: sums.append(caller())) for _ in range(4)]
    sums = []
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert sums == [1225] * 4


def test_work_may_divide_its_own_work(three_threads):
    def outer(item):
        return sum(run_each(lambda inner: item * inner, range(4), CPU))

    assert run_each(outer, range(9), CPU) == [6 * item for item in range(9)]


@pytest.mark.parametrize("threads", [1, 3])
def test_gradients_and_autocast_are_off_and_inference_mode_is_the_callers(three_threads, threads):
    torch.set_num_threads(threads)
    one = torch.ones(2, 2, requires_grad=True)

    def work(_):
        product = one @ one
        return product.dtype, product.requires_grad, torch.is_inference_mode_enabled()

    with torch.autocast("cpu", torch.bfloat16):
        assert set(run_each(work, range(3), CPU)) == {(torch.float32, False, False)}
    with torch.inference_mode():
        assert set(run_each(work, range(3), CPU)) == {(torch.float32, False, True)}


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_reaches_the_caller_and_the_threads_go_on(three_threads, threads):
    torch.set_num_threads(threads)
    with pytest.raises(ZeroDivisionError):
        run_each(lambda item: 1 / item, range(3), CPU)
    assert run_each(abs, [-1, -2], CPU) == [1, 2]


def test_parts_are_by_the_number_of_threads_and_items_alone(three_threads):
    assert [list(part) for part in parts_of(range(7), CPU)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert [list(part) for part in parts_of([8], CPU)] == [[8]]
    assert parts_of([], CPU) == [[]]
    assert parts_of(range(7), torch.device("meta")) == [range(7)]
    assert in_new_thread(lambda: len(parts_of(range(7), CPU))) == 3
