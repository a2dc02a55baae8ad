# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parse node: camera images in, label images out. docs/node.md describes it for users."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import SetBool

from seg3d2d_ros.camera_input import CameraInput
from seg3d2d_ros.diagnostics import DiagnosticsReporter
from seg3d2d_ros.frame_worker import FrameWorker
from seg3d2d_ros.heap import share_heap_between_threads
from seg3d2d_ros.image_codec import decode_compressed_image, decode_image
from seg3d2d_ros.label_output import LabelOutput
from seg3d2d_ros.lifecycle import logging_exceptions, spin_once
from seg3d2d_ros.model_loading import MODEL_ERRORS, describe_model, load_model, model_details
from seg3d2d_ros.model_reload import ReloadService
from seg3d2d_ros.output_publishers import OutputPublishers
from seg3d2d_ros.parameters import (
    NodeParameters,
    declare_parameters,
    find_fault,
    read_parameters,
)
from seg3d2d_ros.parser import ParseFailure, ParseResult, SceneParser
from seg3d2d_ros.statistics import FrameStatistics
from seg3d2d_ros.termination import stop_on_signals
from seg3d2d_ros.transport import prepare_transport

_TICK_S = 0.1
_DEACTIVATE_TIMEOUT_S = 10.0
_EXIT_TIMEOUT_S = 1.5


class ParseNode(LifecycleNode):
    """Holds what ROS calls; images are handled by :class:`FrameWorker` in a thread of its own."""

    def __init__(self) -> None:
        super().__init__("parse")
        self._values = NodeParameters()
        self._state_label = "unconfigured"
        self._parsing_enabled = True
        self._configure_fault = ""
        self._frame_statistics = FrameStatistics()
        self._parser: SceneParser | None = None
        self._outputs: OutputPublishers | None = None
        self._worker: FrameWorker | None = None
        self._camera: CameraInput | None = None

        self.add_on_set_parameters_callback(self._on_set_parameters)
        declare_parameters(self)
        self._values = read_parameters(self)
        self._reporter = DiagnosticsReporter(self.get_fully_qualified_name())
        self._diagnostics_due_s = 0.0
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_service(SetBool, "~/enable", self._on_enable)
        self._reloading = ReloadService(
            self, lambda: self._values, lambda: self._outputs, self._take_model
        )
        # a steady clock: under use_sim_time ROS time stands still while nothing plays
        self.create_timer(_TICK_S, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # Lifecycle

    def autostart(self) -> None:
        """Configure and activate, unless the parameter ``autostart`` is false."""
        if not self._values.autostart:
            self.get_logger().info("waiting to be configured (autostart is false)")
        elif self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    @logging_exceptions
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and create the output topics; FAILURE if the model can't be used."""
        values = self._values
        try:
            self._parser, output = load_model(values)
        except MODEL_ERRORS as error:
            self._configure_fault = str(error)
            self.get_logger().error(f"can't be configured: {error}")
            return TransitionCallbackReturn.FAILURE
        self._configure_fault = ""
        self._outputs = OutputPublishers(self, output, values.overlay_alpha)
        self.get_logger().info(describe_model(self._parser, output))
        self._state_label = "inactive"
        return super().on_configure(state)

    @logging_exceptions
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the camera and start parsing."""
        result = super().on_activate(state)
        values, outputs = self._values, self._outputs
        assert outputs is not None  # the state machine lets only a configured node get here
        compressed = values.image_transport == "compressed"
        decode = decode_compressed_image if compressed else decode_image
        self._worker = worker = FrameWorker(
            decode=partial(decode, max_pixels=values.max_image_pixels),
            parse=self._parse,
            publish=outputs.publish,
            statistics=self._frame_statistics,
            stamp_now=lambda: self.get_clock().now().nanoseconds,
            report_fault=self._report_fault,
            max_image_age=values.max_image_age,
            max_rate=values.max_rate,
        )
        worker.enabled = self._parsing_enabled
        worker.start()
        self._camera = CameraInput(self, values, worker.submit, outputs.take_camera_info)
        self.get_logger().info(
            f"parsing {self._camera.topic} ({values.qos_reliability}, depth {values.qos_depth})"
        )
        self._state_label = "active"
        return result

    @logging_exceptions
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Leave the camera's topics and stop parsing; the model stays loaded."""
        if not self._stop_worker(_DEACTIVATE_TIMEOUT_S):
            self.get_logger().error("the image in work did not end; the node can't be deactivated")
            return TransitionCallbackReturn.ERROR
        self._state_label = "inactive"
        return super().on_deactivate(state)

    @logging_exceptions
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the model and remove the output topics."""
        self._release()
        self._state_label = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    @logging_exceptions
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, for good."""
        self._release()
        self._state_label = "finalized"
        return TransitionCallbackReturn.SUCCESS

    @logging_exceptions
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything; the node can be configured again."""
        self._release()
        self._state_label = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> bool:
        """Stop for the end of the process. Returns whether the worker has ended."""
        stopped = self._stop_worker(_EXIT_TIMEOUT_S)
        if stopped and self._state_label != "finalized":
            self.trigger_shutdown()
        return stopped

    def _release(self) -> None:
        self._stop_worker(_DEACTIVATE_TIMEOUT_S)
        if self._outputs is not None:
            self._outputs.destroy()
        self._outputs = self._parser = None

    def _stop_worker(self, timeout: float) -> bool:
        if self._camera is not None:
            self._camera.destroy()
            self._camera = None
        stopped = self._worker is None or self._worker.stop(timeout)
        if stopped:
            self._worker = None
        return stopped

    # What ROS calls

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._parsing_enabled = request.data
        if self._worker is not None:
            self._worker.enabled = request.data
        response.success = True
        response.message = "parsing is " + ("enabled" if request.data else "disabled")
        self.get_logger().info(response.message)
        return response

    def _take_model(self, parser: SceneParser, output: LabelOutput) -> str:
        """Put another model in the place of the one that runs; why not, or ""."""
        outputs = self._outputs
        assert outputs is not None  # ReloadService asks only while it is configured
        output = replace(output, threshold=self._values.confidence_threshold)

        def change() -> None:
            self._parser = parser
            outputs.set_output(output)

        if self._worker is None:
            change()
        elif not self._worker.between_frames(change, _DEACTIVATE_TIMEOUT_S):
            return "the image in work does not end; the model before stays"
        self.get_logger().info(describe_model(parser, output))
        return ""

    def _on_set_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        changes = {
            parameter.name: parameter.value
            for parameter in parameters
            if parameter.value != getattr(self._values, parameter.name, None)
        }
        fault = find_fault(changes, configured=self._state_label in ("inactive", "active"))
        if fault:
            return SetParametersResult(successful=False, reason=fault)
        known = {name: value for name, value in changes.items() if hasattr(self._values, name)}
        self._values = values = replace(self._values, **known)
        if self._worker is not None:
            self._worker.max_image_age, self._worker.max_rate = (
                values.max_image_age,
                values.max_rate,
            )
        if self._outputs is not None:
            self._outputs.overlay_alpha = values.overlay_alpha
            self._outputs.set_threshold(values.confidence_threshold)
        return SetParametersResult(successful=True)

    def _tick(self) -> None:
        now = time.monotonic()
        if self._outputs is not None:
            self._outputs.tick(now)
        if self._camera is not None:
            warning = self._camera.new_warning(self._values.camera_silence_timeout)
            if warning:
                self.get_logger().warning(warning)
        if now >= self._diagnostics_due_s:
            self._diagnostics_due_s = now + self._values.diagnostics_period
            self._publish_diagnostics()

    def _parse(self, image: npt.NDArray[np.uint8]) -> ParseResult | ParseFailure:
        if self._parser is None or self._outputs is None:
            return ParseFailure("the node has no model")
        return self._parser.parse(image, with_confidence=self._outputs.needs_confidence)

    def _report_fault(self, text: str) -> None:
        self.get_logger().warning(text, throttle_duration_sec=5.0)

    def _publish_diagnostics(self) -> None:
        timeout = self._values.camera_silence_timeout
        details = {"enabled": self._parsing_enabled, **self._reloading.details()}
        if self._parser is not None and self._outputs is not None:
            details |= model_details(self._parser) | self._outputs.camera_info_faults()
        self._diagnostics.publish(
            self._reporter.message(
                self.get_clock().now().to_msg(),
                self._frame_statistics.snapshot(),
                state=self._state_label,
                configure_fault=self._configure_fault,
                camera_fault=self._camera.fault(timeout) if self._camera else "",
                details=details,
            )
        )


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM. Returns the exit status."""
    # rclpy's own handlers shut the context down under the worker's feet, and a second SIGINT
    # interrupts their clean-up
    stop = stop_on_signals()
    share_heap_between_threads()
    try:
        prepare_transport()
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = ParseNode()
    except Exception as error:  # wrong arguments, parameter file or values: several types
        sys.stderr.write(f"parse_node can't start: {' '.join(str(error).split())}\n")
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        node.autostart()
        while not stop.is_set() and rclpy.ok():
            spin_once(executor, node, _TICK_S)
    finally:
        stopped = node.close()
        # no longer: Humble's would wait for ever for a ~/reload that nobody carries on
        executor.shutdown(timeout_sec=0)
        if stopped:
            node.destroy_node()
        rclpy.try_shutdown()
    if not stopped:  # a thread inside a runtime's native code would crash the interpreter's end
        sys.stderr.write("an image took too long to parse; ending without it\n")
        sys.stderr.flush()
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
