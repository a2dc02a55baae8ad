# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks that run from the checkout: ``python -m bench.<name>``. See bench/README.md."""
