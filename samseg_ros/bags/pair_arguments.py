# SPDX-License-Identifier: Apache-2.0
"""What ``samseg label`` can be told about an RGB and a thermal camera."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from samseg_ros import arguments
from samseg_ros.errors import UserError

if TYPE_CHECKING:
    from samseg_ros.bags.label_pairs import PairOptions


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options; nothing heavy is imported for it, so that help is quick."""
    group = command.add_argument_group("RGB and thermal", "for RGB-T bundles; the defaults are rgbt_node's")
    group.add_argument(
        "--rgb-topic", type=arguments.topic, metavar="T", help="the RGB camera (default: found by itself)"
    )
    group.add_argument(
        "--thermal-topic",
        type=arguments.topic,
        metavar="T",
        help="the thermal camera (default: found by itself)",
    )
    group.add_argument(
        "--thermal", type=Path, metavar="DIR", help="thermal pictures of the same names, where IN is a folder"
    )
    group.add_argument(
        "--modality",
        choices=("prefer_both", "both", "rgb", "thermal"),
        default="prefer_both",
        help="pairs, and single frames where there are none (prefer_both); pairs only (both); or one camera",
    )
    group.add_argument(
        "--tolerance",
        type=arguments.positive,
        default=0.02,
        metavar="S",
        help="seconds that the stamps of a pair may differ (0.02)",
    )
    group.add_argument(
        "--registration",
        type=Path,
        metavar="YAML",
        help="calibration that lays thermal onto RGB (default: they fit already)",
    )
    group.add_argument(
        "--thermal-mode",
        choices=("percentile", "range", "raw8"),
        default="percentile",
        help="how thermal values become 8 bits (percentile)",
    )
    group.add_argument(
        "--thermal-range", nargs=2, type=float, metavar=("LOW", "HIGH"), help="the values of mode range"
    )
    group.add_argument(
        "--thermal-unit", choices=("celsius", "kelvin", "raw"), help="unit of --thermal-range (celsius)"
    )
    group.add_argument(
        "--counts-per-kelvin",
        type=arguments.positive,
        metavar="N",
        help="16-bit thermal values are N x kelvin (100)",
    )


def options(words: argparse.Namespace) -> PairOptions:
    """What was asked for; UserError where the scaling is none."""
    from samseg_ros.bags.label_pairs import PairOptions
    from samseg_ros.thermal import Scaling

    if words.thermal_mode != "range" and (words.thermal_range or words.thermal_unit):
        raise UserError("--thermal-range and --thermal-unit need --thermal-mode range.")
    scaling = {
        "mode": words.thermal_mode,
        "unit": words.thermal_unit,
        "counts_per_kelvin": words.counts_per_kelvin,
    }
    if words.thermal_range:
        scaling |= {"low": words.thermal_range[0], "high": words.thermal_range[1]}
    try:
        chosen = Scaling(**{name: value for name, value in scaling.items() if value is not None})
    except ValueError as error:
        raise UserError(str(error)) from error
    return PairOptions(
        rgb_topic=words.rgb_topic,
        thermal_topic=words.thermal_topic,
        thermal=words.thermal,
        modality=words.modality,
        tolerance=words.tolerance,
        registration=words.registration,
        scaling=chosen,
    )
