#!/usr/bin/env bash
# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
# Entry point of the robot image (Dockerfile): sources ROS and the package, then runs the parse
# node with launch arguments (image:=/camera/image_raw ...), or any other command that is given.
set -eo pipefail

source "/opt/ros/${ROS_DISTRO:?is set by the images of ROS}/setup.bash"
source /opt/seg3d2d/local_setup.bash
source /opt/venv/bin/activate

case "${1-}" in
  "" | *:=* | -*) set -- ros2 launch seg3d2d parse.launch.py "$@" ;;
esac
exec "$@"
