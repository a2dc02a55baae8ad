# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Stanford's S3DIS point clouds with the images of 2D-3D-Semantics."""

from training.data.s3dis.reader import S3disReader

__all__ = ["S3disReader"]
