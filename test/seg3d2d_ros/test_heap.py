# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The heap of a process whose threads take turns with large objects."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

CODE = """
import ctypes, re, threading
from seg3d2d_ros.heap import share_heap_between_threads
assert share_heap_between_threads(2)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
gate = threading.Barrier(9)
def allocates():
    assert libc.malloc(1000)
    gate.wait(10)
threads = [threading.Thread(target=allocates) for _ in range(8)]
for thread in threads: thread.start()
gate.wait(10)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fflush(file)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_threads_share_two_arenas():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert 1 <= done.stdout.count("<heap nr=") <= 2
