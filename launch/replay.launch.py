# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Plays a recording to the parse node; `ros2 launch seg3d2d replay.launch.py --show-args`."""

from __future__ import annotations

from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
    TimerAction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from seg3d2d_ros.share import share_path

DRAIN_S = 2.0
"""After the last image, until everything ends: its labels are on their way by then."""


def generate_launch_description() -> LaunchDescription:
    """The arguments, the parse node, and the player made from their values."""
    arguments = [
        DeclareLaunchArgument(
            "bag",
            default_value=str(share_path("recordings/living_room")),
            description="A bag (folder, .mcap, .db3), a folder of images, a video or an image",
        ),
        DeclareLaunchArgument(
            "topic", default_value="", description="Image topic of a bag that holds several cameras"
        ),
        DeclareLaunchArgument(
            "rate", default_value="", description="Images per second; empty: as recorded"
        ),
        DeclareLaunchArgument(
            "loop",
            default_value="false",
            choices=["true", "false"],
            description="Begin again at the end; without it all ends with the recording",
        ),
        DeclareLaunchArgument(
            "namespace", default_value="", description="Namespace of the camera and the node"
        ),
    ]
    # Not made by a function, so that --show-args lists its arguments, such as bundle, too.
    parse = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share_path("launch/parse.launch.py"))),
        launch_arguments={
            "image": "camera/image",
            "namespace": LaunchConfiguration("namespace"),
        }.items(),
    )
    return LaunchDescription([*arguments, parse, OpaqueFunction(function=launch_player)])


def launch_player(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The camera."""

    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    words = ["bag", "play", value("bag"), "--wait-for-subscriber"]
    for name in ("topic", "rate"):
        if value(name):
            words += [f"--{name}", value(name)]
    if value("loop") == "true":
        words.append("--loop")
    ending = Shutdown(reason="the recording has been played")
    return [
        Node(
            package="seg3d2d",
            executable="seg3d2d",
            namespace=value("namespace"),
            arguments=words,
            output="screen",
            emulate_tty=True,
            on_exit=[TimerAction(period=DRAIN_S, actions=[ending])],
        ),
    ]
