# SPDX-License-Identifier: Apache-2.0
"""Labels recorded data offline: a bag, a folder of pictures, or one picture. No ROS needed."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from samseg_ros import bundle as bundles
from samseg_ros import engine, images, registration
from samseg_ros.bags.image_messages import read_image
from samseg_ros.bags.label_pairs import PairOptions, label_pairs
from samseg_ros.bags.outcome import Outcome
from samseg_ros.bags.picture_pairs import label_folders
from samseg_ros.bags.pictures import is_picture, label_folder, label_picture
from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, Bag, image_topics, is_bag
from samseg_ros.bags.shelf import Shelf, refuse_labelled
from samseg_ros.bags.write import new_bag
from samseg_ros.bundle import Bundle
from samseg_ros.draft import refuse_existing
from samseg_ros.engine import Engine
from samseg_ros.errors import UserError
from samseg_ros.lens import CalibrationError
from samseg_ros.pipeline import Pipeline, RgbtPipeline, check_vertical_fov
from samseg_ros.thermal import ThermalError, ThermalScale


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
    pairs: PairOptions | None = None,
) -> dict[str, Any]:
    """Label `source` into `out` and return the summary that ``samseg label --json`` prints.

    `topics` are for bags; None labels every image topic. `pairs` is for RGB-T bundles, which label the RGB
    and the thermal camera of a bag, or a folder of RGB pictures with one of thermal ones. `out` appears
    whole or not at all. UserError, BundleError or EngineError where it cannot be done.
    """
    if not source.exists():
        raise UserError(f"{source} does not exist; give a ROS 2 bag, a folder of pictures, or one picture.")
    refuse_existing(out)
    if topics and not is_bag(source):
        raise UserError(f"{source} is no bag and has no topics; leave --topic out.")
    loaded = bundles.load(bundle)
    _check_task(loaded, topics, pairs, vertical_fov)
    runner = engine.load(loaded, device, runtime)
    print(
        f"bundle {loaded.name} on {runner.runtime} {runner.version} ({runner.device}, {runner.precision})",
        file=sys.stderr,
    )
    started = time.perf_counter()
    if loaded.task == "rgbt":
        outcome = _label_rgbt(source, out, loaded, runner, pairs or PairOptions(), overlay)
    else:
        pipeline = Pipeline(loaded, runner, vertical_fov=vertical_fov)
        outcome = _label_images(source, out, pipeline, topics, overlay)
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


def _check_task(
    bundle: Bundle, topics: list[str] | None, pairs: PairOptions | None, vertical_fov: float | None
) -> None:
    if bundle.task == "rgbt" and topics:
        raise UserError(
            f"bundle '{bundle.name}' takes an RGB and a thermal camera; give --rgb-topic and --thermal-topic "
            "in place of --topic."
        )
    check_vertical_fov(bundle, vertical_fov)
    if bundle.task != "rgbt" and pairs not in (None, PairOptions()):
        raise UserError(
            f"options for RGB and thermal were given, but bundle '{bundle.name}' is for task {bundle.task}; "
            "give an RGB-T bundle with --bundle."
        )


def _label_images(
    source: Path, out: Path, pipeline: Pipeline, topics: list[str] | None, overlay: bool
) -> Outcome:
    if is_bag(source) or source.suffix == ".bag":
        return label_bag(source, out, pipeline, topics, overlay)
    if source.is_dir():
        return label_folder(source, out, pipeline, overlay)
    if is_picture(source):
        return label_picture(source, out, pipeline, overlay)
    raise UserError(f"{source} is neither a ROS 2 bag nor a picture that can be read.")


def _label_rgbt(
    source: Path, out: Path, bundle: Bundle, runner: Engine, options: PairOptions, overlay: bool
) -> Outcome:
    try:
        onto_rgb = registration.load(options.registration) if options.registration else registration.NONE
    except ValueError as error:
        raise UserError(str(error)) from error
    pipeline = RgbtPipeline(bundle, runner, ThermalScale(options.scaling), onto_rgb)
    try:
        if is_bag(source) or source.suffix == ".bag":
            if options.thermal is not None:
                raise UserError(f"--thermal is for folders of pictures, but {source} is a bag; leave it out.")
            return label_pairs(source, out, pipeline, options, overlay)
        if source.is_dir():
            usual = PairOptions()
            if options.rgb_topic or options.thermal_topic or options.tolerance != usual.tolerance:
                raise UserError(
                    f"{source} is no bag: its pictures pair by their names; leave --rgb-topic, "
                    "--thermal-topic and --tolerance out."
                )
            return label_folders(source, options.thermal, out, pipeline, options.modality, overlay)
    except (ThermalError, CalibrationError) as error:
        raise UserError(str(error)) from error
    raise UserError(f"{source} is neither a ROS 2 bag nor a folder; bundle '{bundle.name}' labels these.")


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
            shelves = {topic: Shelf(new, topic, pipeline.bundle, overlay) for topic in chosen}
            progress = tqdm(total=bag.count(chosen), unit="image", disable=None)
            for message in bag.messages():
                new.write(message.channel, message.time, message.data)
                topic = message.channel.topic
                if topic not in chosen or message.channel.msgtype not in (IMAGE, COMPRESSED_IMAGE):
                    continue
                progress.update()
                try:
                    header, image = read_image(message)
                except (UserError, images.ImageError) as error:
                    outcome.skip(topic, str(error))
                    continue
                shelves[topic].put(message.time, header, image, pipeline.run(image).mask)
                outcome.frames += 1
                outcome.topics[topic] += 1
            progress.close()
            if not outcome.frames:
                reason = next(iter(outcome.reasons.values()), "there are no messages on these topics.")
                raise UserError(
                    f"none of the {outcome.skipped} images in {source} could be labelled: {reason}"
                )
    return outcome


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
    for topic in sorted(chosen):
        refuse_labelled(bag, topic, "--topic")
    return chosen
