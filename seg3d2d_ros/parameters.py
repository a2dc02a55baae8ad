# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parse node's parameters, each declared once.

The fields of :class:`NodeParameters` are what the node declares and validates, and what
``config/parse.yaml`` and ``docs/parameters.md`` are made from (``parameter_reference.py``).
"""

from __future__ import annotations

import enum
import math
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from seg3d2d_ros.backends import BACKENDS, PRECISIONS
from seg3d2d_ros.image_codec import DEFAULT_MAX_IMAGE_PIXELS

DEFAULT_BUNDLE = "rooms-lite0-scannet20"


class Applies(enum.Enum):
    """When a parameter may be set, and takes effect."""

    AT_ONCE = "at any time"
    AT_RELOAD = "at any time; takes effect when the node is configured or ~/reload is called"
    AT_CONFIGURE = "while the node is unconfigured; takes effect when it is configured"
    AT_START = "at start only"


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter.

    Numbers are limited by ``minimum`` and ``maximum`` (inclusive), strings by ``choices`` or a
    regular expression, ``pattern``, which ``pattern_text`` puts in words.
    """

    name: str
    default: bool | int | float | str
    description: str
    applies: Applies
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    pattern_text: str = ""

    def fault(self, value: Any) -> str:
        """Why a value is not allowed, in one sentence; empty if it is."""
        expected = type(self.default)
        whole_number = expected is float and type(value) is int
        if type(value) is not expected and not whole_number:
            return f"parameter '{self.name}' is {value!r}, but must be of type {self.type_name}"
        wrong = (
            (isinstance(value, float) and not math.isfinite(value))
            or (self.choices and value not in self.choices)
            or (self.pattern and not re.fullmatch(self.pattern, value))
            or (self.minimum is not None and value < self.minimum)
            or (self.maximum is not None and value > self.maximum)
        )
        return f"parameter '{self.name}' is {value!r}, but must be {self.limits}" if wrong else ""

    @property
    def type_name(self) -> str:
        """Name of the type in ROS."""
        return {bool: "bool", int: "integer", float: "double", str: "string"}[type(self.default)]

    @property
    def limits(self) -> str:
        """The allowed values in words; empty if any of the type are."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.pattern_text:
            return self.pattern_text
        if self.maximum is not None:
            return f"from {self.minimum} to {self.maximum}"
        return f"{self.minimum} or more" if self.minimum is not None else ""


def _parameter(
    default: bool | int | float | str,
    description: str,
    *,
    applies: Applies = Applies.AT_CONFIGURE,
    **limits: Any,
) -> Any:
    metadata = {"description": description, "applies": applies, **limits}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class NodeParameters:
    """Values of all parameters."""

    bundle: str = _parameter(
        DEFAULT_BUNDLE,
        "Model bundle: a folder, or the name of a model that ships with the package",
        applies=Applies.AT_RELOAD,
    )
    backend: str = _parameter(
        "auto",
        "Inference runtime; auto takes torch or else onnxruntime where a CUDA device is there that "
        "they can use, else the first installed that can run the model",
        applies=Applies.AT_RELOAD,
        choices=("auto", *BACKENDS),
    )
    device: str = _parameter(
        "auto",
        "Device to run on; auto takes a CUDA device where the runtime can use one, else the CPU",
        applies=Applies.AT_RELOAD,
        pattern=r"auto|cpu|cuda(:\d+)?",
        pattern_text="auto, cpu, cuda or cuda:<index>",
    )
    precision: str = _parameter(
        "auto",
        "Arithmetic of the network; auto is the runtime's choice: fp16 by torch on CUDA, bf16 by "
        "openvino on a CPU that has it, else fp32",
        applies=Applies.AT_RELOAD,
        choices=PRECISIONS,
    )
    threads: int = _parameter(
        0,
        "CPU threads of the network; 0 is the runtime's choice",
        applies=Applies.AT_RELOAD,
        minimum=0,
        maximum=1024,
    )
    image_transport: str = _parameter(
        "raw",
        "raw subscribes to Image on `image`, compressed to CompressedImage on `image`/compressed",
        choices=("raw", "compressed"),
    )
    qos_reliability: str = _parameter(
        "best_effort",
        "Reliability asked of the camera; reliable receives nothing from a best-effort camera",
        choices=("best_effort", "reliable"),
    )
    qos_depth: int = _parameter(
        1,
        "Images the middleware keeps for the node; more than 1 only adds delay, unless "
        "qos_reliability is reliable and the camera's shared memory is too small",
        minimum=1,
        maximum=1000,
    )
    max_image_pixels: int = _parameter(
        DEFAULT_MAX_IMAGE_PIXELS,
        "Larger images are refused (default: 7680x4320)",
        minimum=1,
        maximum=2**31,
    )
    max_image_age: float = _parameter(
        0.0,
        "Images older than this are dropped as stale, in seconds; 0 takes any (bags replayed "
        "without their clock are old)",
        applies=Applies.AT_ONCE,
        minimum=0.0,
    )
    max_rate: float = _parameter(
        0.0,
        "Images parsed per second at most; 0 parses as many as possible",
        applies=Applies.AT_ONCE,
        minimum=0.0,
    )
    confidence_threshold: float = _parameter(
        0.0,
        "Labels less confident than this become unlabeled; 0 keeps all and saves computing the "
        "confidence",
        applies=Applies.AT_ONCE,
        minimum=0.0,
        maximum=1.0,
    )
    label_groups: str = _parameter(
        "",
        "Publish coarse labels: name of a file in config/groups (navigation) or path of a .yaml "
        "file; empty publishes the model's own",
        applies=Applies.AT_RELOAD,
    )
    overlay_alpha: float = _parameter(
        0.5,
        "Weight of the label colours in the overlay",
        applies=Applies.AT_ONCE,
        minimum=0.0,
        maximum=1.0,
    )
    autostart: bool = _parameter(
        True,
        "Configure and activate the node by itself; false leaves that to a lifecycle manager",
        applies=Applies.AT_START,
    )
    diagnostics_period: float = _parameter(
        1.0, "Seconds between messages on /diagnostics", applies=Applies.AT_ONCE, minimum=0.05
    )
    camera_silence_timeout: float = _parameter(
        5.0,
        "Warn, with the likely reason, when no image came for so many seconds; 0 never does",
        applies=Applies.AT_ONCE,
        minimum=0.0,
    )


def parameter_specs() -> tuple[ParameterSpec, ...]:
    """All parameters in the order of :class:`NodeParameters`."""
    defaults = asdict(NodeParameters())
    return tuple(
        ParameterSpec(f.name, defaults[f.name], **f.metadata) for f in fields(NodeParameters)
    )


def declare_parameters(node: Any) -> None:
    """Declare all parameters on an rclpy node; values given at start are set and checked.

    Add the node's on-set callback before, so that it sees the values given at start.
    """
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    for spec in parameter_specs():
        descriptor = ParameterDescriptor(
            description=f"{spec.description}. Can be set {spec.applies.value}.",
            additional_constraints=spec.limits,
            read_only=spec.applies is Applies.AT_START,
            # else `max_rate:=5` would be refused, as an integer
            dynamic_typing=isinstance(spec.default, float),
        )
        # a range needs both ends; open ones are left to fault(), whose message says more
        if spec.maximum is not None and spec.minimum is not None:
            if isinstance(spec.default, int):
                descriptor.integer_range = [
                    IntegerRange(from_value=int(spec.minimum), to_value=int(spec.maximum), step=0)
                ]
            else:
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=spec.minimum, to_value=spec.maximum, step=0.0)
                ]
        node.declare_parameter(spec.name, spec.default, descriptor)


def read_parameters(node: Any) -> NodeParameters:
    """The present values of an rclpy node's declared parameters."""
    values: dict[str, Any] = {
        spec.name: type(spec.default)(node.get_parameter(spec.name).value)
        for spec in parameter_specs()
    }
    return NodeParameters(**values)


def find_fault(changes: dict[str, Any], *, configured: bool) -> str:
    """Why parameters can't be set to these values, in one sentence; empty if they can.

    Names that are not ours (``use_sim_time`` and the like) are left to ROS.
    """
    specs = {spec.name: spec for spec in parameter_specs()}
    for name, value in changes.items():
        if name not in specs:
            continue
        if fault := specs[name].fault(value):
            return fault
        if configured and specs[name].applies is Applies.AT_CONFIGURE:
            return (
                f"parameter '{name}' can be set only while the node is unconfigured; deactivate "
                "it and clean it up first"
            )
    return ""
