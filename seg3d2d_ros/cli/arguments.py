# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What can be said on the command line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

DEFAULT_BUNDLE = "rooms-lite0-scannet20"
_BUNDLE_HELP = "folder of a model bundle, or the name of one that ships with the package"
_SOURCE_HELP = "a bag (folder, .mcap, .db3), a folder of images, a video or an image"


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exits with status 2 and the usage on a fault.

    ``module`` of the result names the module that runs the verb. What follows ``--ros-args`` is
    kept in ``ros_args`` for the verbs that run a node.
    """
    arguments = list(argv)
    position = arguments.index("--ros-args") if "--ros-args" in arguments else len(arguments)
    parser = _build_parser()
    parsed = parser.parse_args(arguments[:position])
    ros_args = arguments[position:]
    if ros_args and not parsed.takes_ros_args:
        parser.error("--ros-args is for bag play only")
    parsed.ros_args = ros_args
    return parsed


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seg3d2d", description="Indoor scene parsing from a plain RGB camera."
    )
    parser.set_defaults(takes_ros_args=False)
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _add_demo(verbs)
    _add_parse(verbs)
    _add_model(verbs)
    _add_bag(verbs)
    return parser


def _add_demo(verbs: argparse._SubParsersAction) -> None:
    demo = verbs.add_parser(
        "demo",
        help="play a recording to the parse node and show what comes out",
        description="Starts a camera (a recording) and the parse node as ROS 2 processes on this "
        "machine alone, watches their topics, and writes a video, a contact sheet and a report.",
    )
    demo.set_defaults(module="seg3d2d_ros.cli.demo")
    demo.add_argument("--bag", metavar="PATH", help=f"{_SOURCE_HELP} (default: one that ships)")
    demo.add_argument("--topic", help="image topic of a bag that holds several cameras")
    demo.add_argument("--bundle", default=DEFAULT_BUNDLE, help=f"{_BUNDLE_HELP} (%(default)s)")
    demo.add_argument(
        "--out", type=Path, default=Path("demo_output"), metavar="DIR", help="(%(default)s)"
    )
    demo.add_argument("--rate", type=_rate, metavar="HZ", help="frames per second to play")
    demo.add_argument(
        "--frames", type=_count, metavar="N", help="play only the first N frames of the recording"
    )


def _add_parse(verbs: argparse._SubParsersAction) -> None:
    parse = verbs.add_parser(
        "parse",
        help="label the images of a folder, video, bag or file",
        description="Writes NAME_label.png (8-bit class ids, 255 = unlabeled) and NAME_overlay.jpg "
        "for each image. Exit status 1 if any image failed.",
    )
    parse.set_defaults(module="seg3d2d_ros.cli.parse")
    parse.add_argument("source", metavar="SOURCE", help=_SOURCE_HELP)
    parse.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parse.add_argument("--topic", help="image topic of a bag that holds several cameras")
    _add_model_choice(parse)


def _add_model(verbs: argparse._SubParsersAction) -> None:
    model = verbs.add_parser("model", help="look at, check or time a model bundle")
    model_verbs = model.add_subparsers(title="verbs", required=True, metavar="VERB")
    texts = {
        "info": "what a bundle holds, and how good it is",
        "verify": "run its reference images on every backend and compare the labels",
        "benchmark": "time it on every backend",
    }
    for name, text in texts.items():
        verb = model_verbs.add_parser(name, help=text, description=f"{text.capitalize()}.")
        verb.set_defaults(module=f"seg3d2d_ros.cli.model_{name}")
        verb.add_argument(
            "bundle", nargs="?", default=DEFAULT_BUNDLE, help=f"{_BUNDLE_HELP} (%(default)s)"
        )
        verb.add_argument("--json", action="store_true", help="print JSON instead of text")
        if name != "info":
            _add_threads(verb)
        if name == "benchmark":
            verb.add_argument(
                "--size",
                type=_size,
                default=(640, 480),
                metavar="WxH",
                help="of the images (640x480)",
            )
            verb.add_argument(
                "--frames", type=_count, default=50, metavar="N", help="per backend (%(default)s)"
            )


def _add_bag(verbs: argparse._SubParsersAction) -> None:
    bag = verbs.add_parser("bag", help="play or make recordings")
    bag_verbs = bag.add_subparsers(title="verbs", required=True, metavar="VERB")
    play = bag_verbs.add_parser(
        "play",
        help="publish a recording as a camera",
        description="Publishes sensor_msgs/Image (rgb8) on camera/image and CameraInfo on "
        "camera/camera_info, stamped with the present time. Everything after --ros-args goes to "
        "ROS, for example --ros-args -r __ns:=/front.",
    )
    play.set_defaults(module="seg3d2d_ros.cli.bag_play", takes_ros_args=True)
    play.add_argument("source", metavar="SOURCE", help=_SOURCE_HELP)
    play.add_argument("--topic", help="image topic of a bag that holds several cameras")
    play.add_argument(
        "--rate", type=_rate, metavar="HZ", help="frames per second (default: as recorded)"
    )
    play.add_argument(
        "--size", type=_size, metavar="WxH", help="scale to this size, cropped to its aspect ratio"
    )
    play.add_argument("--frames", type=_count, metavar="N", help="end after N frames")
    play.add_argument("--loop", action="store_true", help="begin again at the end, until stopped")
    play.add_argument(
        "--wait-for-subscriber",
        dest="subscribers",
        action="store_const",
        const=1,
        default=0,
        help="begin when someone listens",
    )
    play.add_argument(
        "--wait-for-subscribers",
        dest="subscribers",
        type=_count,
        metavar="N",
        help="begin when N listen",
    )
    play.add_argument("--json", action="store_true", help="print the summary as JSON")

    label = bag_verbs.add_parser(
        "label",
        help="label every image of a bag",
        description="Writes a bag with everything of the given one, byte for byte, and a label "
        "image for each image of one camera. Interrupted, the same command goes on. Needs no ROS. "
        "Exit status 1 if an image has no labels.",
    )
    label.set_defaults(module="seg3d2d_ros.cli.bag_label")
    label.add_argument("source", metavar="IN", type=Path, help="a bag (folder, .mcap, .db3)")
    label.add_argument("out", metavar="OUT", type=Path, help="folder to write, must not exist")
    label.add_argument("--topic", help="image topic of a bag that holds several cameras")
    label.add_argument(
        "--label-topic", default="/parse/label", help="of the label images (%(default)s)"
    )
    _add_model_choice(label)

    evaluate = bag_verbs.add_parser(
        "evaluate",
        help="measure a model on a bag with ground truth",
        description="Compares the labels of one camera's images with ground truth of equal header "
        "stamps and writes metrics.json, confusion.csv and report.html with the worst images. "
        "Needs no ROS. Exit status 1 if an image could not be compared.",
    )
    evaluate.set_defaults(module="seg3d2d_ros.cli.bag_evaluate")
    evaluate.add_argument("source", metavar="BAG", type=Path, help="a bag (folder, .mcap, .db3)")
    evaluate.add_argument("--topic", help="image topic of a bag that holds several cameras")
    evaluate.add_argument(
        "--truth", required=True, metavar="TOPIC", help="label images (mono8, mono16 or PNG)"
    )
    evaluate.add_argument(
        "--truth-ids",
        metavar="SPACE",
        help="label space of their ids, such as nyu40 (default: the model's)",
    )
    evaluate.add_argument(
        "--labels",
        metavar="TOPIC",
        help="take the labels recorded there, in the model's label space, instead of running it",
    )
    evaluate.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the report"
    )
    evaluate.add_argument("--json", action="store_true", help="print JSON instead of text")
    _add_model_choice(evaluate)

    images = bag_verbs.add_parser(
        "from-images",
        help="make a bag of a folder of images or a video",
        description="Writes a rosbag2 recording (MCAP) with JPEG images on camera/image/compressed "
        "and, where the folder holds intrinsics, camera/camera_info. Needs no ROS.",
    )
    images.set_defaults(module="seg3d2d_ros.cli.bag_from_images")
    images.add_argument("source", metavar="SOURCE", help=_SOURCE_HELP)
    images.add_argument("out", metavar="BAG", type=Path, help="folder to write, must not exist")
    images.add_argument(
        "--rate", type=_rate, metavar="HZ", help="frames per second of a folder of images (15)"
    )
    images.add_argument("--frames", type=_count, metavar="N", help="take the first N frames")
    images.add_argument(
        "--quality", type=_quality, default=90, help="of the JPEG images, 1 to 100 (%(default)s)"
    )


def _add_model_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE, help=f"{_BUNDLE_HELP} (%(default)s)")
    parser.add_argument(
        "--backend", default="auto", help="auto, openvino, onnxruntime, torch or tensorrt"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<index>")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16 or int8")
    _add_threads(parser)


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="CPU threads, 0 = the runtime's choice"
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write it as 1920x1080")
    if not (16 <= int(width) <= 16384 and 16 <= int(height) <= 16384):
        raise argparse.ArgumentTypeError(f"{text}: sides must be from 16 to 16384 pixels")
    return int(width), int(height)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0.01 <= rate <= 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is no rate from 0.01 to 1000 Hz")
    return rate


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 up")
    return int(text)


def _quality(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is no quality from 1 to 100")
    return int(text)
