# SPDX-License-Identifier: Apache-2.0
"""The topics that labelling puts beside an image topic."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np

from samseg_ros import drawing
from samseg_ros.bags.image_messages import image_message
from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, TYPES, Bag
from samseg_ros.bags.write import BagWriter, channel, offered_qos
from samseg_ros.bundle import Bundle
from samseg_ros.errors import UserError

_STRING = "std_msgs/msg/String"
_LATCHED = (offered_qos(1, latched=True),)


class Shelf:
    """Beside topic T of a new bag: ``T/mask``, ``T/labels`` once, ``T/overlay/compressed`` if asked for.

    ``T/modalities`` says from which cameras the masks are made, where there is more than one.
    """

    def __init__(self, new: BagWriter, topic: str, bundle: Bundle, overlay: bool) -> None:
        self._new = new
        self._bundle = bundle
        self._mask = channel(f"{topic}/mask", IMAGE, (offered_qos(5),))
        self._labels = channel(f"{topic}/labels", _STRING, _LATCHED)
        self._modalities = channel(f"{topic}/modalities", _STRING, _LATCHED)
        self._overlay = (
            channel(f"{topic}/overlay/compressed", COMPRESSED_IMAGE, (offered_qos(5),)) if overlay else None
        )
        self._table = drawing.bgr_table(bundle.labels)
        self._told = False
        self._modality = ""

    def put(self, time: int, header: Any, image: np.ndarray, mask: np.ndarray, modality: str = "") -> None:
        """Add the mask of one frame at log time `time` in nanoseconds, under the header of its image.

        `image` BGR uint8 [h, w, 3], of any size, is what the overlay is drawn on; `mask` is uint8 [H, W].
        """
        if not self._told:
            self._say(self._labels, time, json.dumps(self._bundle.label_document()))
            self._told = True
        if modality != self._modality:
            self._say(self._modalities, time, modality)
            self._modality = modality
        self._new.write_message(self._mask, time, image_message(header, "mono8", mask))
        if self._overlay:
            if image.shape[:2] != mask.shape:
                image = cv2.resize(image, mask.shape[::-1], interpolation=cv2.INTER_AREA)
            shown = drawing.overlay(image, drawing.colorize(mask, self._table))
            jpeg = cv2.imencode(".jpg", shown)[1].reshape(-1).astype(np.uint8)
            message = TYPES.types[COMPRESSED_IMAGE](
                header=header, format="bgr8; jpeg compressed bgr8", data=jpeg
            )
            self._new.write_message(self._overlay, time, message)

    def _say(self, topic: Any, time: int, text: str) -> None:
        self._new.write_message(topic, time, TYPES.types[_STRING](data=text))


def refuse_labelled(bag: Bag, topic: str, option: str) -> None:
    """UserError where the bag holds masks of `topic` already; `option` is how to choose another."""
    if f"{topic}/mask" in {c.topic for c in bag.channels}:
        raise UserError(
            f"{bag.path} holds '{topic}/mask' already; label the original bag, or choose another {option}."
        )
