# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The offline half: data, rendering, training and export. Never imported by the robot half."""
