# SPDX-License-Identifier: Apache-2.0
"""Semantic masks of an RGB and a thermal camera, or of either alone."""

from __future__ import annotations

from typing import Any

from samseg_ros.flow.modality import POLICIES
from samseg_ros.nodes import parameters
from samseg_ros.nodes.parameters import Parameter
from samseg_ros.nodes.process import run
from samseg_ros.nodes.rgb_and_thermal import IDENTITY, PAIRINGS, RgbAndThermal
from samseg_ros.nodes.segmentation_node import SegmentationNode
from samseg_ros.thermal import MODES, UNITS

PARAMETERS = (
    *parameters.of_every_node(bundle="sartm_street"),
    parameters.transport("rgb_transport", "~/rgb"),
    parameters.transport("thermal_transport", "~/thermal"),
    Parameter(
        "modality",
        "prefer_both",
        "prefer_both pairs, and goes on with one stream where the other fails; both makes masks of pairs "
        "alone; rgb and thermal use that stream only.",
        POLICIES,
    ),
    Parameter(
        "stream_timeout",
        1.0,
        "Seconds without a frame after which a stream is taken for silent; more than its slowest period.",
        (),
        0.05,
        60,
    ),
    Parameter(
        "frozen_timeout",
        2.0,
        "Seconds of identical frames after which a stream is taken for frozen; 0 never does.",
        (),
        0,
        600,
    ),
    Parameter(
        "sync.method",
        "nearest",
        "nearest pairs by nearest stamps and survives jumps of time; message_filters uses that package.",
        tuple(PAIRINGS),
    ),
    Parameter("sync.tolerance", 0.02, "Seconds that the stamps of a pair may differ.", (), 0, 10, live=True),
    Parameter(
        "sync.queue",
        16,
        "Frames of each camera that wait for the other's at most; more than come while one lags.",
        (),
        2,
        1000,
    ),
    Parameter(
        "thermal.mode",
        "percentile",
        "How thermal values become 8 bits: percentile adapts to the scene, range is fixed by thermal.low and "
        "thermal.high, raw8 takes 8-bit values as they are.",
        MODES,
        live=True,
    ),
    Parameter("thermal.low", 0.0, "Coldest value of mode range, in thermal.unit.", (), -1e6, 1e6, live=True),
    Parameter("thermal.high", 40.0, "Warmest value of mode range.", (), -1e6, 1e6, live=True),
    Parameter("thermal.unit", "celsius", "Unit of thermal.low and thermal.high.", UNITS, live=True),
    Parameter(
        "thermal.counts_per_kelvin",
        100.0,
        "What 16-bit values count: this many to a kelvin; 100 is usual of radiometric cameras.",
        (),
        1e-3,
        1e6,
        live=True,
    ),
    Parameter(
        "registration.file",
        "none",
        "Calibration file (YAML) that lays the thermal picture onto the RGB picture; none: they fit already.",
    ),
    Parameter(
        "registration.homography",
        IDENTITY,
        "Without a file: takes thermal pixels to RGB pixels, by rows, for pictures of the sizes that follow.",
        length=9,
    ),
    Parameter(
        "registration.thermal_size",
        (0, 0),
        "[width, height] of thermal pictures that registration.homography is for; [0, 0]: it is not used.",
        minimum=0,
        maximum=16384,
        length=2,
    ),
    Parameter(
        "registration.rgb_size",
        (0, 0),
        "[width, height] of RGB pictures that registration.homography is for.",
        minimum=0,
        maximum=16384,
        length=2,
    ),
)


def rgbt_node(**options: Any) -> SegmentationNode:
    """The node, not yet configured; `options` are those of SegmentationNode."""
    return SegmentationNode("rgbt_node", RgbAndThermal(PARAMETERS), **options)


def main() -> None:
    run(rgbt_node)


if __name__ == "__main__":
    main()
