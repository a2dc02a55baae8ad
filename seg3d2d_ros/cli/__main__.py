# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m seg3d2d_ros.cli``, the same as the command ``seg3d2d``."""

import sys

from seg3d2d_ros.cli import main

if __name__ == "__main__":
    sys.exit(main())
