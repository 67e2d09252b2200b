# SPDX-License-Identifier: Apache-2.0
"""Labels what an RGB and a thermal camera recorded together in a bag."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from samseg_ros.bags.image_messages import image_header, nanoseconds, read_image, read_thermal
from samseg_ros.bags.outcome import PairOutcome
from samseg_ros.bags.pairs import Frames, Pair, Plan, plan
from samseg_ros.bags.read import Bag, Message
from samseg_ros.bags.shelf import Shelf, refuse_labelled
from samseg_ros.bags.streams import find_streams
from samseg_ros.bags.write import new_bag
from samseg_ros.errors import UserError
from samseg_ros.flow.modality import STREAMS, Modality
from samseg_ros.images import ImageError
from samseg_ros.pipeline import RgbtPipeline
from samseg_ros.rgbt import rgbt_mask
from samseg_ros.thermal import Scaling

Read = Callable[[Message], tuple[Any, np.ndarray]]

# As the node has them by default.
TOLERANCE, SILENCE, FROZEN = 0.02, 1.0, 2.0


@dataclass(frozen=True)
class PairOptions:
    """How to label RGB and thermal together; the defaults are the node's.

    Topics of None are found by themselves. `modality` is one of
    :data:`samseg_ros.flow.modality.POLICIES`, `tolerance` the largest skew of a pair in seconds.
    `registration` is a calibration YAML; None takes the pictures for registered. `thermal` is a folder of
    thermal pictures, to go with a folder of RGB ones.
    """

    rgb_topic: str | None = None
    thermal_topic: str | None = None
    thermal: Path | None = None
    modality: str = "prefer_both"
    tolerance: float = TOLERANCE
    registration: Path | None = None
    scaling: Scaling = field(default_factory=Scaling)


def label_pairs(
    source: Path, out: Path, pipeline: RgbtPipeline, options: PairOptions, overlay: bool = False
) -> PairOutcome:
    """Copy a bag and put masks beside its RGB topic T: ``T/mask``, ``T/labels``, ``T/modalities``.

    A mask has the header of its RGB frame, and as log time the moment when both frames of the pair had been
    recorded. See :func:`samseg_ros.bags.pairs.plan` for the frames that have no partner: RGB ones are
    labelled alone with ``prefer_both``, thermal ones where the RGB camera was silent, with their own stamp.
    With modality ``thermal`` the masks go beside the thermal topic. UserError where the bag is damaged, its
    cameras are not to be found, or nothing could be labelled.
    """
    with Bag(source) as bag:
        needed = (options.modality,) if options.modality in STREAMS else STREAMS
        streams = find_streams(bag, options.rgb_topic, options.thermal_topic, needed)
        topic = streams.thermal if options.modality == "thermal" else streams.rgb
        assert topic is not None  # it is one of the needed ones
        refuse_labelled(bag, topic, "--thermal-topic" if topic == streams.thermal else "--rgb-topic")
        known = " and ".join(t for t in (streams.rgb, streams.thermal) if t)
        print(f"labelling {known} ({options.modality})", file=sys.stderr)
        planned = plan(bag, streams, options.modality, options.tolerance, SILENCE)
        outcome = _begin(planned, topic)
        if not planned.pairs and all(planned.periods):
            print(
                f"no RGB and thermal frames are within {options.tolerance:g} s of each other (--tolerance)",
                file=sys.stderr,
            )
        with new_bag(out, bag.storage) as new:
            for channel in bag.channels:
                new.add(channel)
            shelf = Shelf(new, topic, pipeline.bundle, overlay)
            frames, labeller = Frames(planned), _Labeller(pipeline, planned, options.modality, outcome)
            progress = tqdm(total=len(planned), unit="frame", disable=None)
            for message in bag.messages():
                new.write(message.channel, message.time, message.data)
                for pair in frames.add(message):
                    progress.update()
                    labeller.label(pair, message.time, shelf)
            progress.close()
            if not outcome.frames:
                reason = next(iter(outcome.reasons.values()), "no frame has a partner; give --tolerance.")
                raise UserError(f"nothing of {known} in {source} could be labelled: {reason}")
            outcome.topics[topic] = outcome.frames
    return outcome


def _begin(planned: Plan, topic: str) -> PairOutcome:
    outcome = PairOutcome(topics={topic: 0}, paired=len(planned.pairs))
    if planned.skews_ms:
        p50, p95 = np.percentile(planned.skews_ms, (50, 95))
        outcome.skew_ms = {"p50": round(float(p50), 3), "p95": round(float(p95), 3)}
    for stream, name in enumerate(STREAMS):
        outcome.left_out[name] = planned.left_out[stream]
        for reason in planned.unreadable[stream].values():
            outcome.skip((planned.streams.rgb, planned.streams.thermal)[stream] or name, reason)
    return outcome


class _Labeller:
    """Makes of each frame or pair what the live node would, by the stamps of the bag."""

    def __init__(self, pipeline: RgbtPipeline, planned: Plan, policy: str, outcome: PairOutcome) -> None:
        self._pipeline = pipeline
        self._modality = Modality(policy, SILENCE, FROZEN, 0.0)
        self._frame_id = planned.frame_id
        self._outcome = outcome

    def label(self, pair: Pair, time: int, shelf: Shelf) -> None:
        """Put the mask of one frame on the shelf, or count why there is none."""
        rgb, thermal = self._read(pair.rgb, read_image), self._read(pair.thermal, read_thermal)
        header = rgb[0] if rgb else thermal[0] if thermal else None
        if header is None:
            return
        stamp = nanoseconds(header)
        images = rgb and rgb[1], thermal and thermal[1]
        for image, watch in zip(images, self._modality.watches, strict=True):
            if image is not None:
                watch.arrived(stamp * 1e-9)
        made = rgbt_mask(self._pipeline, self._modality, *images, seconds=stamp * 1e-9)
        for image, used, name in zip(images, made.used if made else (False, False), STREAMS, strict=True):
            self._outcome.left_out[name] += image is not None and not used
        if made is None:
            return
        if not made.used[0] and thermal is not None:
            header = image_header(nanoseconds(thermal[0]), self._frame_id or thermal[0].frame_id)
        shelf.put(time, header, made.shown, made.result.mask, made.modality)
        self._outcome.frames += 1
        self._outcome.modalities[made.modality] += 1

    def _read(self, message: Message | None, read: Read) -> tuple[Any, np.ndarray] | None:
        if message is None:
            return None
        try:
            return read(message)
        except (UserError, ImageError) as error:
            self._outcome.skip(message.channel.topic, str(error))
            return None
