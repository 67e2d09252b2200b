# SPDX-License-Identifier: Apache-2.0
"""Labels recorded data offline: a bag, a folder of pictures, or one picture. No ROS needed."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import bundle as bundles
from samseg_ros import drawing, engine, images
from samseg_ros.bags.draft import refuse_existing
from samseg_ros.bags.outcome import Outcome
from samseg_ros.bags.pictures import is_picture, label_folder, label_picture
from samseg_ros.bags.read import (
    COMPRESSED_IMAGE,
    IMAGE,
    TYPES,
    Bag,
    Message,
    deserialize,
    image_topics,
    is_bag,
)
from samseg_ros.bags.write import BagWriter, channel, new_bag, offered_qos
from samseg_ros.errors import UserError
from samseg_ros.pipeline import Pipeline

_STRING = "std_msgs/msg/String"


def label(
    source: Path,
    out: Path,
    bundle: str,
    *,
    topics: list[str] | None = None,
    device: str = "auto",
    runtime: str = "auto",
    vertical_fov: float | None = None,
    overlay: bool = False,
) -> dict[str, Any]:
    """Label `source` into `out` and return the summary that ``samseg label --json`` prints.

    `topics` are for bags; None labels every image topic. `out` appears whole or not at all. UserError,
    BundleError or EngineError where it cannot be done.
    """
    if not source.exists():
        raise UserError(f"{source} does not exist; give a ROS 2 bag, a folder of pictures, or one picture.")
    refuse_existing(out)
    if topics and not is_bag(source):
        raise UserError(f"{source} is no bag and has no topics; leave --topic out.")
    loaded = bundles.load(bundle)
    runner = engine.load(loaded, device, runtime)
    pipeline = Pipeline(loaded, runner, vertical_fov=vertical_fov)
    print(
        f"bundle {loaded.name} on {runner.runtime} {runner.version} ({runner.device}, {runner.precision})",
        file=sys.stderr,
    )
    started = time.perf_counter()
    if is_bag(source) or source.suffix == ".bag":
        outcome = label_bag(source, out, pipeline, topics, overlay)
    elif source.is_dir():
        outcome = label_folder(source, out, pipeline, overlay)
    elif is_picture(source):
        outcome = label_picture(source, out, pipeline, overlay)
    else:
        raise UserError(f"{source} is neither a ROS 2 bag nor a picture that can be read.")
    seconds = time.perf_counter() - started
    return {
        "out": str(out),
        **asdict(outcome),
        "bundle": loaded.name,
        "runtime": runner.runtime,
        "device": runner.device,
        "seconds": round(seconds, 3),
        "fps": round(outcome.frames / seconds, 2),
    }


def label_bag(
    source: Path, out: Path, pipeline: Pipeline, topics: list[str] | None = None, overlay: bool = False
) -> Outcome:
    """Copy a bag and put beside each image topic T its masks on ``T/mask`` and the classes on ``T/labels``.

    Every message of the original is copied byte for byte. A mask has the header of its image and its log
    time. With `overlay`, JPEG overlays go to ``T/overlay/compressed``. Images that cannot be read are
    counted per topic and skipped. UserError where the bag is damaged, where topics are missing or carry
    no images, or where nothing could be labelled.
    """
    with Bag(source) as bag:
        chosen = _choose(bag, topics)
        print(f"labelling {', '.join(sorted(chosen))}", file=sys.stderr)
        outcome = Outcome(topics=dict.fromkeys(sorted(chosen), 0))
        with new_bag(out, bag.storage) as new:
            for known in bag.channels:
                new.add(known)
            shelves = {topic: _Shelf(new, topic, pipeline, overlay) for topic in chosen}
            progress = tqdm(total=bag.count(chosen), unit="image", disable=None)
            for message in bag.messages():
                new.write(message.channel, message.time, message.data)
                topic = message.channel.topic
                if topic not in chosen or message.channel.msgtype not in (IMAGE, COMPRESSED_IMAGE):
                    continue
                progress.update()
                try:
                    shelves[topic].label(message)
                except (UserError, images.ImageError) as error:
                    outcome.skip(topic, str(error))
                    continue
                outcome.frames += 1
                outcome.topics[topic] += 1
            progress.close()
            if not outcome.frames:
                reason = next(iter(outcome.reasons.values()), "there are no messages on these topics.")
                raise UserError(
                    f"none of the {outcome.skipped} images in {source} could be labelled: {reason}"
                )
    return outcome


class _Shelf:
    """The topics that go beside one image topic in the new bag."""

    def __init__(self, new: BagWriter, topic: str, pipeline: Pipeline, overlay: bool) -> None:
        self._new = new
        self._pipeline = pipeline
        self._mask = channel(f"{topic}/mask", IMAGE, (offered_qos(5),))
        self._labels = channel(f"{topic}/labels", _STRING, (offered_qos(1, latched=True),))
        self._overlay = (
            channel(f"{topic}/overlay/compressed", COMPRESSED_IMAGE, (offered_qos(5),)) if overlay else None
        )
        self._table = drawing.bgr_table(pipeline.bundle.labels)
        self._told = False

    def label(self, message: Message) -> None:
        """Write the mask of one image message; UserError or ImageError where it holds no image."""
        header, image = read_image(message)
        mask = self._pipeline.run(image).mask
        if not self._told:
            text = json.dumps(self._pipeline.bundle.label_document())
            self._new.write_message(self._labels, message.time, TYPES.types[_STRING](data=text))
            self._told = True
        height, width = mask.shape
        self._new.write_message(
            self._mask,
            message.time,
            TYPES.types[IMAGE](
                header=header,
                height=height,
                width=width,
                encoding="mono8",
                is_bigendian=0,
                step=width,
                data=mask.reshape(-1),
            ),
        )
        if self._overlay:
            shown = drawing.overlay(image, drawing.colorize(mask, self._table))
            jpeg = cv2.imencode(".jpg", shown)[1].reshape(-1).astype(np.uint8)
            self._new.write_message(
                self._overlay,
                message.time,
                TYPES.types[COMPRESSED_IMAGE](header=header, format="bgr8; jpeg compressed bgr8", data=jpeg),
            )


def read_image(message: Message) -> tuple[Any, np.ndarray]:
    """The header and the pixels, uint8 [h, w, 3] BGR, of an image message, raw or compressed.

    UserError or ImageError, in one sentence, where it holds no image.
    """
    content = deserialize(message)
    if message.channel.msgtype == COMPRESSED_IMAGE:
        return content.header, images.decode_compressed(content.data)
    return content.header, images.decode(
        content.encoding, content.height, content.width, content.step, content.data
    )


def _choose(bag: Bag, topics: list[str] | None) -> set[str]:
    """The topics to label; UserError where they are not there or hold no images."""
    available = image_topics(bag)
    listed = ", ".join(sorted({c.topic for c in bag.channels})) or "none"
    if not available:
        raise UserError(f"{bag.path} holds no images; its topics: {listed}.")
    for topic in topics or ():
        if topic not in available:
            raise UserError(
                f"{bag.path} has no images on '{topic}'; choose from: {', '.join(sorted(available))}."
            )
    chosen = set(topics or available)
    taken = {c.topic for c in bag.channels}
    for topic in sorted(chosen):
        if f"{topic}/mask" in taken:
            raise UserError(
                f"{bag.path} holds '{topic}/mask' already; label the original bag, or choose another --topic."
            )
    return chosen
