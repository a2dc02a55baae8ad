# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A running node whose model labels each pixel with the brightest channel, and its camera.

So every output can be computed in the test.
"""

from __future__ import annotations

import numpy as np

SIZE = (48, 64)


def random_image(seed: int, size=SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def bright_image(channel: int, size=SIZE) -> np.ndarray:
    """An image of which every pixel has the label ``channel``."""
    image = np.zeros((*size, 3), np.uint8)
    image[:, :, channel] = 255
    return image


def pixels_of(message) -> np.ndarray:
    shape = (message.height, message.width, -1)
    pixels = np.frombuffer(message.data, np.uint8).reshape(shape)
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


class Scene:
    """The shared node, its camera and the labels that it publishes."""

    def __init__(self, node, bundle_path) -> None:
        from sensor_msgs.msg import Image

        self.bundle_path = bundle_path
        self.node, self.client = node, node.client
        self.labels = node.client.subscribe(Image, f"{node.name}/label")
        self.camera = node.client.camera(f"{node.namespace}/image")
        node.client.spin_until(self._matched, "the first label")

    def _matched(self) -> bool:
        self.camera.publish(self.camera.message(bright_image(0)))
        self.client.spin_for(0.05)
        return bool(self.labels)

    def label_of(self, message):
        """Publish an image and wait for its label image."""
        self.labels.clear()
        stamp = self.camera.publish(message)
        self.client.spin_until(lambda: stamp in self.labels.stamps(), f"the label of {stamp}")
        return self.labels[self.labels.stamps().index(stamp)]

    def output_of(self, message_type, topic: str, image: np.ndarray):
        """An output about an image, which is published until the output arrives."""
        inbox = self.client.subscribe(message_type, f"{self.node.name}/{topic}")

        def arrived() -> bool:
            self.label_of(self.camera.message(image))
            self.client.spin_for(0.05)
            return bool(inbox)

        self.client.spin_until(arrived, topic)
        inbox.destroy()
        return inbox[-1]

    def fates_of(self, messages, pause: float = 0.0) -> dict[str, int]:
        """Publish images. Returns how many of them met which fate."""
        before = self.node.counts()
        for message in messages:
            self.camera.publish(message)
            self.client.spin_for(pause)
        after: dict[str, int] = {}

        def all_arrived() -> bool:
            after.update(self.node.counts())
            return after["received"] == before["received"] + len(messages)

        self.client.spin_until(all_arrived, f"all of {len(messages)} images at the node")
        changes = {name: after[name] - before[name] for name in after if name != "received"}
        return {name: change for name, change in changes.items() if change}
