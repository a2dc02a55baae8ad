# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Looking at a prepared scene: a page for the browser, and a Rerun recording."""
