# SPDX-License-Identifier: Apache-2.0
"""Groups of classes, as consumers name them: a mask for each, or one mask of all with labels of its own."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String

from samseg_ros.bundle import Bundle
from samseg_ros.grouping import membership, relabelling
from samseg_ros.nodes import messages
from samseg_ros.nodes.parameters import Settings, under
from samseg_ros.nodes.publishers import Publishers


class ClassOutputs:
    """``~/classes/<group>/mask``, or ``~/classes/mask`` beside its labels; nothing where none is named."""

    def __init__(self, publishers: Publishers, bundle: Bundle, settings: Settings) -> None:
        self._publishers = publishers
        self._tables: dict[str, np.ndarray] = {}  # by the name of the output
        groups = under(settings, "output.classes")
        if groups and settings["output.mode"] == "labels":
            labels, self._tables["classes/mask"] = relabelling(groups, bundle.labels)
            publish_labels(publishers, "~/classes/", replace(bundle, labels=labels))
        else:
            tables = membership(groups, bundle.labels)
            self._tables = {f"classes/{name}/mask": table for name, table in tables.items()}
        for name in self._tables:
            publishers.add(Image, name)

    def publish(self, header: Header, mask: np.ndarray, wanted: frozenset[str]) -> None:
        for name, table in self._tables.items():
            if name in wanted:
                self._publishers.publish(name, messages.to_image(header, "mono8", cv2.LUT(mask, table)))


def publish_labels(publishers: Publishers, under_topic: str, bundle: Bundle) -> None:
    """What the ids of the bundle stand for, latched, on ``labels`` and ``label_info`` under a topic."""
    publishers.latch(f"{under_topic}labels", String(data=json.dumps(bundle.label_document())))
    if messages.label_info_type():
        header = Header(stamp=publishers.node.get_clock().now().to_msg())
        publishers.latch(f"{under_topic}label_info", messages.label_info(header, bundle.labels))
