# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``seg3d2d``.

Each verb is a module with ``run(arguments) -> exit status`` and ``REPORTED_ERRORS``, the exceptions
that are printed as one line. Modules are imported when their verb is called, so that the help is
quick and a verb works without the packages that only others need.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from seg3d2d_ros.cli.arguments import parse_arguments

_REMEDIES = {
    "cv2": "pip install opencv-python-headless, or apt install python3-opencv",
    "lz4": "pip install rosbags lz4",
    "numpy": "pip install numpy",
    "yaml": "pip install PyYAML",
    "rclpy": "source the setup.bash of a ROS 2 installation, or pip install 'seg3d2d[demo]'",
}
"""How to get what may be missing."""


class CommandError(Exception):
    """A verb can't do what was asked; the message is one sentence."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; those of the process if not given.

    Returns:
        Exit status: 0 done, 1 done in part or a check failed, 2 not possible, 130 interrupted.
    """
    arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    reported: tuple[type[Exception], ...] = (CommandError, OSError)
    try:
        verb = importlib.import_module(arguments.module)
        reported += verb.REPORTED_ERRORS
        return int(verb.run(arguments))
    except KeyboardInterrupt:
        return _report("interrupted", 130)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _REMEDIES:
            raise
        return _report(f"this needs the Python package {package}: {_REMEDIES[package]}", 2)
    except reported as error:
        return _report(" ".join(str(error).split()), 2)


def _report(text: str, status: int) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"seg3d2d: {text}\n")
    return status
