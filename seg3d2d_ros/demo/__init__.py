# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The demo: camera and parse node as two ROS 2 processes, watched by a third, and a report."""


class DemoError(Exception):
    """The demo can't go on; the message says in one sentence what, where and what to do."""
