# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Starts the parse node on a camera's topic; `ros2 launch seg3d2d parse.launch.py --show-args`."""

from __future__ import annotations

import posixpath

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from seg3d2d_ros.parameters import parameter_specs
from seg3d2d_ros.share import share_path

SPECS = {spec.name: spec for spec in parameter_specs()}
FROM_FILE = ""
"""Default of arguments that override a parameter: the parameter file's value stays."""
BOOLEANS = [FROM_FILE, "true", "false"]


def generate_launch_description() -> LaunchDescription:
    """The arguments, and the nodes made from their values."""
    transports = [FROM_FILE, *SPECS["image_transport"].choices]
    arguments = [
        DeclareLaunchArgument(
            "namespace", default_value="", description="Namespace of the node, e.g. the robot's"
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=str(share_path("config/parse.yaml")),
            description="YAML file with the node's parameters",
        ),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value=FROM_FILE,
            choices=BOOLEANS,
            description="Take the time from /clock (simulation, bags played with --clock); "
            "empty: as in params_file, else false",
        ),
        DeclareLaunchArgument(
            "autostart",
            default_value=FROM_FILE,
            choices=BOOLEANS,
            description="Configure and activate the node; false leaves that to a lifecycle "
            "manager; empty: as in params_file",
        ),
        DeclareLaunchArgument(
            "log_level",
            default_value="info",
            choices=["debug", "info", "warn", "error", "fatal"],
            description="Least severe messages that the node logs",
        ),
        DeclareLaunchArgument(
            "image",
            default_value="image",
            description="The camera's image topic; its camera_info is taken from beside it",
        ),
        DeclareLaunchArgument(
            "image_transport",
            default_value=FROM_FILE,
            choices=transports,
            description=f"{SPECS['image_transport'].description}; empty: as in params_file",
        ),
        DeclareLaunchArgument(
            "bundle",
            default_value=FROM_FILE,
            description=f"{SPECS['bundle'].description}; empty: as in params_file",
        ),
        DeclareLaunchArgument(
            "device",
            default_value=FROM_FILE,
            description=f"{SPECS['device'].description}: {SPECS['device'].limits}; "
            "empty: as in params_file",
        ),
        DeclareLaunchArgument(
            "rviz",
            default_value="false",
            choices=["true", "false"],
            description="Show the result in RViz",
        ),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=launch_nodes)])


def launch_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Environment and nodes for the arguments' values."""

    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    overrides: dict[str, object] = {
        name: value(name) for name in ("image_transport", "bundle", "device") if value(name)
    }
    for name in ("use_sim_time", "autostart"):
        if value(name):
            overrides[name] = value(name) == "true"
    image = value("image")
    camera_info = posixpath.join(posixpath.dirname(image), "camera_info")

    actions: list[LaunchDescriptionEntity] = []
    actions.append(
        Node(
            package="seg3d2d",
            executable="parse_node",
            name="parse",
            namespace=value("namespace"),
            parameters=[value("params_file"), overrides],
            remappings=[("image", image), ("camera_info", camera_info)],
            arguments=["--ros-args", "--log-level", value("log_level")],
            output="screen",
            emulate_tty=True,
        )
    )
    if value("rviz") == "true":
        actions.append(
            Node(
                package="rviz2",
                executable="rviz2",
                name="parse_rviz",
                namespace=value("namespace"),
                arguments=["-d", str(share_path("config/rviz/parse.rviz"))],
                parameters=[{"use_sim_time": value("use_sim_time") == "true"}],
                output="screen",
            )
        )
    return actions
