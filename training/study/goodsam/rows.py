# SPDX-License-Identifier: Apache-2.0
"""The table: what each row changes in goodsam.yaml, and the drawn data that all rows share."""

from __future__ import annotations

from dataclasses import dataclass

# Losses by the module of the paper that they come from. `whole`, the student against the assistant's stitched
# predictions, is in all rows: alone it is plain pseudo-labels.
CTCF = ("assistant_window", "assistant_masked", "window", "masked")
CONSISTENCY = ("consistency",)
BOUNDARY = ("boundary",)
ALL = CTCF + CONSISTENCY + BOUNDARY

# Windows in two directions: as wide as the others, two thirds as high, half of each overlaps the one below.
TWO_DIRECTIONS = ("windows.size=[64, 128]", "windows.stride=[32, 64]")


@dataclass(frozen=True)
class Masks:
    """The teacher F_T: its settings, and the folder of its masks beside the runs.

    Attributes:
        text: as a table names it.
    """

    cache: str
    settings: str
    text: str


def instances(strength: float) -> Masks:
    """The renderer's instances, degraded with a strength of 0 to 1."""
    return Masks(
        f"masks_{strength:g}",
        f"masks.strength={strength}",
        f"instances, degraded {strength:g}",
    )


MASKS = instances(0.3)


@dataclass(frozen=True)
class Row:
    """One row of a table, trained once with each seed.

    Attributes:
        name: of its run folders, NAME_seedK.
        text: as the table names it.
        losses: of ALL; the others have weight 0. None: nothing is trained, the networks are scored as they
            are.
        masks: the teacher. overrides: what else differs from goodsam.yaml.
    """

    name: str
    text: str
    losses: tuple[str, ...] | None
    masks: Masks = MASKS
    overrides: tuple[str, ...] = ()

    @property
    def settings(self) -> tuple[str, ...]:
        """key=value for every difference from goodsam.yaml but data, networks and folders."""
        without = () if self.losses is None else tuple(one for one in ALL if one not in self.losses)
        return (self.masks.settings, *(f"weights.{loss}=0" for loss in without), *self.overrides)


UNADAPTED = Row("unadapted", "source only", None)
UNADAPTED_PLUS = Row(
    "unadapted_plus", "source only, windows in two directions", None, overrides=TWO_DIRECTIONS
)
PLAIN = Row("plain", "plain pseudo-labels", ())
GOODSAM = Row("goodsam", "all = GoodSAM", ALL)

TABLE = (
    UNADAPTED,
    UNADAPTED_PLUS,
    PLAIN,
    Row("ctcf", "+ CTCF", CTCF),
    Row("consistency", "+ CTCF, L_CC", CTCF + CONSISTENCY),
    Row("boundary", "+ CTCF, boundary", CTCF + BOUNDARY),
    GOODSAM,
    Row(
        "goodsam_plus",
        "GoodSAM++",
        ALL,
        Masks(f"{MASKS.cache}_plus", MASKS.settings, MASKS.text),
        ("fusion.version=2", *TWO_DIRECTIONS),
    ),
)

# How GoodSAM falls with its teacher, with one seed; GOODSAM itself is a point of it.
CURVE = (
    Row("goodsam_masks_0", GOODSAM.text, ALL, instances(0.0)),
    GOODSAM,
    Row("goodsam_masks_0.6", GOODSAM.text, ALL, instances(0.6)),
    Row("goodsam_masks_1", GOODSAM.text, ALL, instances(1.0)),
    Row(
        "goodsam_felzenszwalb",
        GOODSAM.text,
        ALL,
        Masks("masks_felzenszwalb", "masks={kind: felzenszwalb}", "segments of colour (felzenszwalb)"),
    ),
)
CURVE_SEED = 0

ROWS = TABLE + tuple(row for row in CURVE if row not in TABLE)
NAMES = tuple(row.name for row in ROWS)

# Of the drawn data.
WORLDS = ("pinhole_a", "panorama_b", "panorama_b_val")
