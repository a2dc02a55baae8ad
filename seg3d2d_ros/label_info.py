# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The names behind the ids of a label image, as text."""

from __future__ import annotations

import yaml

from seg3d2d_ros.labels import LabelSpace


def label_info_yaml(label_space: LabelSpace, threshold: float) -> str:
    """The content of vision_msgs/LabelInfo and the colours, as YAML that LabelSpace reads.

    Args:
        label_space: of the labels.
        threshold: confidence (0 to 1) below which labels were made unlabeled.
    """
    content = label_space.to_mapping()
    content.pop("source_ids", None)
    return yaml.safe_dump(
        {**content, "threshold": float(threshold)}, sort_keys=False, default_flow_style=None
    )
