# SPDX-License-Identifier: Apache-2.0
"""What the YAML file of a small Segment Anything holds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from training.config import Strict, different
from training.data.augment import Augmentation
from training.procedure import Loop
from training.schedule import Schedule

PATCH = 16  # pixels of a token, as in every SAM


class Pictures(Strict):
    """One set of pictures.

    Attributes:
        kind: "world" as `python -m training world` draws them; "pictures" is any folder with .png or .jpg
            files, those in folders inside it included.
        path: folder, relative to `data_root` unless absolute.
        masks: "instances" are the renderer's, without their classes; "felzenszwalb" are segments of colour,
            for which no label is read.
        limit: use only the first so many.
        skip: leave out the first so many.
    """

    kind: Literal["world", "pictures"]
    path: Path
    masks: Literal["instances", "felzenszwalb"]
    limit: int | None = Field(default=None, gt=0)
    skip: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Pictures:
        if self.masks == "instances" and self.kind != "world":
            raise ValueError(
                f"only pictures of kind world have instances: set masks of {self.path} to felzenszwalb"
            )
        return self


class Source(Pictures):
    """A set to learn from; `weight` is its share of draws, relative to the other sets."""

    weight: float = Field(default=1.0, gt=0)


class Scored(Pictures):
    """A set to score on; `name` is its key in results.json."""

    name: str


class Architecture(Strict):
    """Of the image encoder; see `training.foundation.sam.Encoder`."""

    width: int = Field(gt=0)
    depth: int = Field(gt=0)
    heads: int = Field(gt=0)
    global_blocks: list[int]
    image_size: int = Field(gt=0, multiple_of=PATCH)

    @model_validator(mode="after")
    def _consistent(self) -> Architecture:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        if not set(self.global_blocks) <= set(range(self.depth)):
            raise ValueError(f"global_blocks {self.global_blocks} must be some of 0 to {self.depth - 1}")
        return self


class Weights(Strict):
    """Weights of the losses: the first three as in SAM, `pixels` and `grouping` chosen here."""

    focal: float = Field(default=20.0, ge=0)
    dice: float = Field(default=1.0, ge=0)
    quality: float = Field(default=1.0, ge=0)
    pixels: float = Field(default=1.0, ge=0)
    grouping: float = Field(default=1.0, ge=0)


class Settings(Strict):
    """How to train a small Segment Anything.

    Attributes:
        name: of the run, and of its folder under runs/ unless `out` says otherwise.
        out: run folder.
        encoder: of the picture; prompt encoder and mask decoder are SAM's own.
        data_root: what relative paths of data sets start from.
        data: sets to learn from. validation: sets to score on, may be none; the first one's score is shown.
        tallest: pictures are shrunk to this many pixels of height before anything else; None keeps them.
        crop: least and largest share of height and of width that a crop shows; it is squashed to a square.
        batch: pictures per process and step.
        prompts: points per picture, each in a mask of its own as long as there are enough.
        min_area: masks with a smaller share of the crop are no target.
        hidden: largest share of patches that are hidden; each picture's is drawn evenly from 0 up to it.
        augmentation: colour changes and `flip`; the rest is not used.
        memory_gb: pictures and their masks are kept in memory up to this much.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    out: Path | None = None
    encoder: Architecture
    data_root: Path = Path("data")
    data: list[Source] = Field(min_length=1)
    validation: list[Scored] = Field(default_factory=list)
    tallest: int | None = Field(default=256, gt=0)
    crop: tuple[float, float] = (0.5, 1.0)
    batch: int = Field(default=4, gt=0)
    prompts: int = Field(default=8, gt=0)
    min_area: float = Field(default=0.002, gt=0, lt=1)
    hidden: float = Field(default=0.6, ge=0, lt=1)
    weights: Weights = Weights()
    augmentation: Augmentation = Augmentation()
    memory_gb: float = Field(default=2.0, ge=0)
    workers: int = Field(default=1, ge=0)
    seed: int = Field(default=0, ge=0)
    loop: Loop = Loop()
    schedule: Schedule

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise ValueError(f"crop {list(self.crop)} must be two shares from 0 to 1, the smaller first")
        different([one.name for one in self.validation])
        return self

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.out if self.out is not None else Path("runs") / self.name
