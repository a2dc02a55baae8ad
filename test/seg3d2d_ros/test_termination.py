# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, platform, time
from seg3d2d_ros.termination import stop_on_signals

stop = stop_on_signals()

# an alternate stack such as a library may leave on the main thread: too small for handlers
class Stack(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]
size = 2048 if platform.machine() == "x86_64" else 5120  # the least allowed
memory = ctypes.create_string_buffer(size)
stack = Stack(ctypes.addressof(memory), 0, size)
assert ctypes.CDLL(None).sigaltstack(ctypes.byref(stack), None) == 0
print("ready", flush=True)
assert stop.wait(10)
time.sleep(0.2)  # further signals must do no harm, nor at the end
print("stopped", flush=True)
"""


@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGINT],
        [signal.SIGTERM],
        [signal.SIGTERM, signal.SIGINT] * 20,
    ],
)
def test_signals_stop_a_process_once(repository, numbers):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=repository, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    for number in numbers:
        process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, "stopped\n")
