# SPDX-License-Identifier: Apache-2.0
"""The table: what each row changes in b0.yaml, or leaves out of sartm.yaml, and what SARTM is to reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from training.study.drawing import LIGHTS

ALL = "all"  # the mean over the lights, beside their names
EITHER = {"both": "", "rgb": "_rgb_only", "thermal": "_thermal_only"}

# The auxiliary head is in all rows: it is of the network, not of what the paper adds to it.
WITHOUT_LORA = ("backbone.rank=0",)
WITHOUT_FUSION = ("fusion=none",)
WITHOUT_LANGUAGE = ("language=null",)
WITHOUT_CMKD = ("distillation=null",)


@dataclass(frozen=True)
class Row:
    """One row of the table, trained once with each seed.

    Attributes:
        name: of its run folders, NAME_seedK.
        text: as the table names it.
        command: `python -m training COMMAND`.
        settings: key=value for every difference from its configuration but data and folders.
        streams: what it can be scored from, "both", "rgb" or "thermal", to what the names of these scores end
            in.
    """

    name: str
    text: str
    command: Literal["supervised", "sartm"]
    settings: tuple[str, ...]
    streams: dict[str, str]

    @property
    def config(self) -> str:
        """File that `settings` change."""
        return "b0.yaml" if self.command == "supervised" else "sartm.yaml"

    def seen(self, stream: str) -> str:
        """What it is scored from where others are from `stream`: that, or the only one that it knows."""
        return stream if stream in self.streams else next(iter(self.streams))


RGB = Row("rgb", "SegFormer-B0, RGB alone", "supervised", ("task=camera",), {"rgb": ""})
# The channels of RGB are zero in training as in scoring: 4704 weights see nothing.
THERMAL = Row(
    "thermal",
    "SegFormer-B0, thermal alone",
    "supervised",
    ("thermal.only_rgb=0", "thermal.only_thermal=1"),
    {"thermal": "_thermal_only"},
)
FOUR = Row("four_channels", "SegFormer-B0, four channels", "supervised", (), EITHER)
CMX = Row("cmx", "CMX on two MiT-B0", "supervised", ("network.fusion=two_branch",), EITHER)
FROZEN = Row(
    "frozen",
    "frozen backbone, heads",
    "sartm",
    (*WITHOUT_LORA, *WITHOUT_FUSION, *WITHOUT_LANGUAGE, *WITHOUT_CMKD),
    EITHER,
)
LORA = Row("lora", "+ LoRA", "sartm", (*WITHOUT_FUSION, *WITHOUT_LANGUAGE, *WITHOUT_CMKD), EITHER)
FUSION = Row("fusion", "+ LoRA, FRM, FFM", "sartm", (*WITHOUT_LANGUAGE, *WITHOUT_CMKD), EITHER)
LANGUAGE = Row("language", "+ LoRA, FRM, FFM, language", "sartm", WITHOUT_CMKD, EITHER)
CMKD = Row("cmkd", "+ LoRA, FRM, FFM, CMKD", "sartm", WITHOUT_LANGUAGE, EITHER)
SARTM = Row("sartm", "all = SARTM", "sartm", (), EITHER)

ROWS = (RGB, THERMAL, FOUR, CMX, FROZEN, LORA, FUSION, LANGUAGE, CMKD, SARTM)
NAMES = tuple(row.name for row in ROWS)

# The first of each pair against the second.
DIFFERENCES = (
    (CMX, FOUR),
    (LORA, FROZEN),
    (FUSION, LORA),
    (LANGUAGE, FUSION),
    (CMKD, FUSION),
    (SARTM, FUSION),
    (SARTM, CMX),
)


@dataclass(frozen=True)
class Aim:
    """By how many points of mIoU SARTM is to be ahead.

    Attributes:
        against: rows; the best of them counts, seed by seed.
        text: what they are.
        light: one of LIGHTS, or ALL.
        stream: what SARTM sees; the others see that, or the only one that they know.
        points: at least.
    """

    against: tuple[Row, ...]
    text: str
    light: str
    stream: str
    points: float


AIMS = (
    Aim((RGB, THERMAL), "the better SegFormer-B0 of one stream", "night", "both", 5.0),
    Aim((FOUR,), FOUR.text, ALL, "both", 0.0),
    Aim((RGB,), RGB.text, ALL, "rgb", -2.0),
    Aim((THERMAL,), THERMAL.text, ALL, "thermal", -2.0),
)

# Of the drawn data: what all rows learn from and are scored on, and what plays SAM has seen.
WORLDS = tuple(f"rgbt_{light}{ending}" for light in LIGHTS for ending in ("", "_val"))
FOUNDATION_WORLDS = ("pinhole_a", "pinhole_b")
