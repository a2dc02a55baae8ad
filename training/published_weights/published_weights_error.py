# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The error of everything that reads published weights."""


class PublishedWeightsError(ValueError):
    """Published weights can't be used; the message is one sentence."""
