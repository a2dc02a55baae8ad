# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writers of rooms, one for each data set whose layout on disk they use."""
