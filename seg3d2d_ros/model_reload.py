# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Another model on a running node: loaded beside the old one, checked, and only then taken."""

from __future__ import annotations

import gc
import queue
import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from seg3d2d_ros.label_output import LabelOutput
from seg3d2d_ros.model_loading import MODEL_ERRORS, load_model
from seg3d2d_ros.parameters import NodeParameters
from seg3d2d_ros.parser import SceneParser
from seg3d2d_ros.reference_check import check_references

Model = tuple[SceneParser, LabelOutput]


class ModelLoading:
    """One model to load and check.

    Attributes:
        outcome: to be awaited: the model, or in one sentence why there is none.
    """

    def __init__(self, values: NodeParameters) -> None:
        self._values = values
        # rclpy's own: newer executors sleep until it is done, older ones look at it at each turn
        self.outcome = Future()

    def run(self) -> None:
        """Load and check it; raises nothing."""
        try:
            model = load_model(self._values)
            check_references(model[0])
            self.outcome.set_result(model)
        except MODEL_ERRORS as error:
            self.outcome.set_result(str(error))
        except Exception as error:  # the node must learn of it whatever it is
            self.outcome.set_result(f"{type(error).__name__}: {' '.join(str(error).split())}")


class ModelLoader:
    """Loads models one after the other in a thread that stays.

    With a new thread for each, OpenVINO's memory grows by about 3 MB a model: it keeps something
    for every thread that has compiled one.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[ModelLoading] = queue.SimpleQueue()
        # a daemon, because a runtime that hangs must not keep the process from ending
        self._thread = threading.Thread(target=self._run, name="model-loading", daemon=True)

    def load(self, values: NodeParameters) -> ModelLoading:
        """Begin to load a model; returns at once."""
        if self._thread.ident is None:
            self._thread.start()
        loading = ModelLoading(values)
        self._waiting.put(loading)
        return loading

    def _run(self) -> None:
        while True:
            loading = self._waiting.get()
            gc.collect()  # models that went may be held by cycles until then
            loading.run()
            del loading  # which would keep the model alive


class ReloadService:
    """The service ``~/reload``.

    Args:
        node: that offers it.
        values: gives the present parameters.
        configuration: gives an object that stays the same while the node is configured, None while
            it is not.
        take: puts the new model in the old one's place; returns why it could not, or "".

    Attributes:
        reloads: number of models taken.
        failed: number of calls that left the old model in its place.
        last_fault: why the last of them did.
    """

    def __init__(
        self,
        node: Node,
        values: Callable[[], NodeParameters],
        configuration: Callable[[], object | None],
        take: Callable[[SceneParser, LabelOutput], str],
    ) -> None:
        self._node = node
        self._values = values
        self._configuration = configuration
        self._take = take
        self._loader = ModelLoader()
        self._loading: ModelLoading | None = None
        self.reloads = 0
        self.failed = 0
        self.last_fault = ""
        # a group of its own, that runs several callbacks: while this one awaits the model, the
        # node's group, which runs one at a time, would handle neither images nor anything else
        group = ReentrantCallbackGroup()
        node.create_service(Trigger, "~/reload", self._on_reload, callback_group=group)

    def details(self) -> dict[str, object]:
        """For the diagnostics."""
        return {
            "reloads": self.reloads,
            "failed_reloads": self.failed,
            "last_reload_fault": self.last_fault,
        }

    async def _on_reload(self, _: Any, response: Trigger.Response) -> Trigger.Response:
        fault = await self._reload()
        if fault:
            self.failed += 1
            self.last_fault = fault
            self._node.get_logger().error(f"not reloaded: {fault}")
        response.success = not fault
        response.message = f"not reloaded: {fault}" if fault else "reloaded"
        return response

    async def _reload(self) -> str:
        """Returns why the old model is still there; "" if it is not."""
        before = self._configuration()
        if before is None:
            return "the node is not configured; configure it, which loads the model"
        if self._loading is not None:
            return "a model is being loaded already; wait for its answer"
        self._loading = loading = self._loader.load(self._values())
        try:
            outcome: Model | str = await loading.outcome
        finally:
            self._loading = None
        if isinstance(outcome, str):
            return f"{outcome}; the model before goes on"
        if self._configuration() is not before:
            return "the node was cleaned up meanwhile; configuring it loads the model"
        fault = self._take(*outcome)
        self.reloads += not fault
        return fault
