# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle requests that neither fail in silence nor end the node."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

RCLError: type[Exception] = rclpy_implementation.RCLError
"""What rclpy raises; the name of the module it is made in differs between distributions."""

NodeT = TypeVar("NodeT")


def logging_exceptions(
    transition: Callable[[NodeT, LifecycleState], TransitionCallbackReturn],
) -> Callable[[NodeT, LifecycleState], TransitionCallbackReturn]:
    """Log what a lifecycle callback raises: rclpy turns it into ERROR without a word."""

    @wraps(transition)
    def guarded(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception:
            node.get_logger().error(f"{transition.__name__} failed:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR

    return guarded


def spin_once(executor: Any, node: Any, timeout_s: float) -> None:
    """Let an executor handle what comes within a time, whatever is asked of the node.

    rclpy of Humble and Jazzy lets RCLError through when the lifecycle state does not allow the
    transition asked for, such as configuring a node that has configured itself.
    """
    try:
        executor.spin_once(timeout_sec=timeout_s)
    except RCLError as error:
        node.get_logger().error(f"request not fulfilled: {' '.join(str(error).split())}")
