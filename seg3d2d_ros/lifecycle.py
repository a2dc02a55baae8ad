# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle callbacks that don't fail in silence."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

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
