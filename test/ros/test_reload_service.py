# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The service ``~/reload`` in this process, where loading can be held up."""

from __future__ import annotations

import threading
import time

import pytest

pytest.importorskip("rclpy")

from std_srvs.srv import Trigger

from seg3d2d_ros import model_reload
from seg3d2d_ros.parameters import NodeParameters

pytestmark = pytest.mark.ros

MODEL = (object(), object())
SHUTDOWN_LIMIT_S = 5.0


@pytest.fixture
def release(monkeypatch):
    """Event that lets a model be loaded, of which ``started`` says whether loading has begun."""
    event = threading.Event()
    event.started = threading.Event()

    def load(values):
        event.started.set()
        event.wait()
        return MODEL

    monkeypatch.setattr(model_reload, "load_model", load)
    monkeypatch.setattr(model_reload, "check_references", lambda parser: None)
    yield event
    event.set()


@pytest.fixture
def service(client):
    """The service on a node of its own, spun together with the client's."""
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node

    class Service:
        def __init__(self):
            self.taken = []
            self.ticks = 0
            self.node = Node("reloading", context=client.node.context)
            self.node.create_timer(0.05, self.tick)
            self.reload = model_reload.ReloadService(
                self.node, NodeParameters, lambda: self, self.take
            )
            self.executor = SingleThreadedExecutor(context=client.node.context)
            self.executor.add_node(self.node)
            self.requests = client.node.create_client(Trigger, "/reloading/reload")
            self.spin_until(self.requests.service_is_ready)

        def take(self, *model):
            self.taken.append(model)
            return ""

        def tick(self):
            self.ticks += 1

        def spin_until(self, condition, timeout=15.0):
            deadline = time.monotonic() + timeout
            while not condition():
                assert time.monotonic() < deadline
                self.executor.spin_once(timeout_sec=0.02)
                client.spin_for(0.001)

    made = Service()
    yield made
    made.executor.shutdown(timeout_sec=0)
    made.node.destroy_node()
    client.node.destroy_client(made.requests)


def test_everything_else_goes_on_while_a_model_is_loaded(service, release):
    first = service.requests.call_async(Trigger.Request())
    service.spin_until(release.started.is_set)
    before = service.ticks
    service.spin_until(lambda: service.ticks > before + 5)
    second = service.requests.call_async(Trigger.Request())
    service.spin_until(second.done)
    assert not second.result().success
    assert "a model is being loaded already" in second.result().message
    assert not first.done() and not service.taken
    release.set()
    service.spin_until(first.done)
    assert (first.result().success, first.result().message) == (True, "reloaded")
    assert service.taken == [MODEL]


def test_waiting_for_a_model_leaves_the_processor_alone(service, release):
    service.requests.call_async(Trigger.Request())
    service.spin_until(release.started.is_set)
    turns, end = 0, time.monotonic() + 0.5
    while time.monotonic() < end:
        service.executor.spin_once(timeout_sec=0.1)
        turns += 1
    assert turns < 100  # the timer fires 10 times


def test_the_executor_ends_while_a_model_is_loaded(service, release):
    service.requests.call_async(Trigger.Request())
    service.spin_until(release.started.is_set)
    start = time.monotonic()
    service.executor.shutdown(timeout_sec=0)
    assert time.monotonic() - start < SHUTDOWN_LIMIT_S
