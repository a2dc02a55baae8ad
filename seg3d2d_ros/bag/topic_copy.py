# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What a bag says about its topics and itself, taken over into another bag.

Bags of Humble, and MCAP files without their metadata.yaml, hold no hashes of types, and SQLite bags
of Humble no definitions either. In rosbag2 an unknown hash is empty text, and an unknown definition
is not listed; the writer of ``rosbags`` insists on both, so it gets placeholders, which are taken
out again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import yaml

_PLACEHOLDER = "unknown"


def copy_topic(writer: Any, typestore: Any, connection: Any) -> Any:
    """Add a topic of another bag to a writer of ``rosbags``.

    Args:
        writer: of the new bag.
        typestore: has the definitions of the types that every distribution has.
        connection: the topic, as a reader of ``rosbags`` gives it.

    Returns:
        What the writer's ``write`` takes. A topic that is there already, as where two publishers
        were recorded apart, is that one.
    """
    for made in writer.connections:
        if (made.topic, made.msgtype, made.ext) == (
            connection.topic,
            connection.msgtype,
            connection.ext,
        ):
            return made
    definition = connection.msgdef.data
    if not definition and connection.msgtype in typestore.types:
        definition, _ = typestore.generate_msgdef(connection.msgtype, ros_version=2)
    made = writer.add_connection(
        connection.topic,
        connection.msgtype,
        msgdef=definition,
        rihs01=connection.digest or _PLACEHOLDER,
        serialization_format=connection.ext.serialization_format,
        offered_qos_profiles=connection.ext.offered_qos_profiles,
    )
    if not connection.digest:
        made = made._replace(digest="")
        writer.connections[-1] = made  # from which metadata.yaml is written
    return made


def copy_custom_data(writer: Any, bag: Path) -> None:
    """Take over the key-value pairs that users have put into a bag's metadata.yaml."""
    file = bag / "metadata.yaml"
    if not file.is_file():  # the bag is a single storage file
        return
    # values are text there, whatever they look like
    content = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)
    custom = content["rosbag2_bagfile_information"].get("custom_data")
    for key, value in custom.items() if isinstance(custom, dict) else ():
        writer.set_custom_data(key, value)


def forget_placeholders(database: Path) -> None:
    """Take the placeholders of what is not known out of a finished SQLite file.

    Raises:
        sqlite3.Error: if it can't be written.
    """
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for name in ("topics", "message_definitions"):
            connection.execute(
                f"UPDATE {name} SET type_description_hash = '' WHERE type_description_hash = ?",
                (_PLACEHOLDER,),
            )
        connection.execute("DELETE FROM message_definitions WHERE encoded_message_definition = ''")
