# SPDX-License-Identifier: Apache-2.0
"""What a GoodSAM experiment's YAML file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from samseg_ros.labels import label_set
from training.config import Strict, different
from training.data.augment import Augmentation
from training.foundation.settings import MaskSettings
from training.goodsam.windows import Grid
from training.networks import Variant
from training.procedure import Loop
from training.schedule import Schedule


class Panoramas(Strict):
    """One set of panoramas of the target domain.

    Attributes:
        kind: whose layout the folder has; "pictures" is any folder of panoramas without labels.
        path: folder, relative to `data_root` unless absolute.
        split: of the sets that have splits.
        limit: use only the first so many.
        skip: leave out the first so many.
    """

    kind: Literal["world", "densepass", "wildpass", "stanford2d3d", "pictures"]
    path: Path
    split: str = "train"
    limit: int | None = Field(default=None, gt=0)
    skip: int = Field(default=0, ge=0)


class Scored(Panoramas):
    """Labelled panoramas to score on.

    Attributes:
        name: their key in results.json.
        classes: that "miou" is the mean of; None takes all that occur or were predicted.
    """

    name: str
    split: str = "val"
    classes: list[str] | None = None


class Windows(Strict):
    """Sliding windows.

    Attributes:
        size, stride: (height, width) in pixels of the panorama.
        wrap: they go on across the seam.
        magnify: how many times larger the assistant sees them, where it was trained on pictures with more
            pixels a degree than the panoramas have.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    wrap: bool = True
    magnify: int = Field(default=1, gt=0)


class Student(Strict):
    """The compact network that learns.

    Attributes:
        variant: of SegFormer.
        subpixel: its logits are at 4 / subpixel of the panorama's size; the losses are at a quarter.
        init: folder of a supervised run, or of a bundle, to start from.
        weights: of a published encoder instead, a .safetensors file; neither is random weights.
    """

    variant: Variant = "b0"
    subpixel: Literal[1, 2, 4] = 1
    drop_path: float = Field(default=0.05, ge=0, lt=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    init: Path | None = None
    weights: Path | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Student:
        if self.init is not None and self.weights is not None:
            raise ValueError("init and weights both say what to start from: set one of them to null")
        return self


class Fusion(Strict):
    """Cross-task complementary fusion.

    Attributes:
        version: 1 is GoodSAM's, 2 that of GoodSAM++, by levels of area.
        theta: ratio of the dominant label from which an instance is reliable; not known from the paper.
        levels: shares of a window's area that divide small, medium and large instances (version 2).
    """

    version: Literal[1, 2] = 1
    theta: float = Field(default=0.7, ge=0, le=1)
    levels: tuple[float, float] = (0.01, 0.1)

    @model_validator(mode="after")
    def _consistent(self) -> Fusion:
        if not 0 <= self.levels[0] <= self.levels[1] <= 1:
            raise ValueError(f"levels {list(self.levels)} must be two shares from 0 to 1, the smaller first")
        return self


class Boundary(Strict):
    """Boundary enhancement, in pixels: see `training.goodsam.boundary.refine` and `boundary_loss`."""

    radius: int = Field(default=3, ge=0)
    width: int = Field(default=1, ge=0)


class Weights(Strict):
    """Weights of the losses; the paper's are not known. A loss of weight 0 is not computed.

    Attributes:
        consistency: L_CC, of the assistant.
        assistant_window, assistant_masked: L_CE^{T,TA} against E_i and against E_H^i.
        whole: L_CE^{TA,S}, of the student against the stitched windows of the assistant.
        window, masked: L_CE^{T,S} against E_i and against E_H^i.
        boundary: L_bd^{T,S}.
        student: lambda, of all losses of the student.
    """

    consistency: float = Field(default=1.0, ge=0)
    assistant_window: float = Field(default=1.0, ge=0)
    assistant_masked: float = Field(default=1.0, ge=0)
    whole: float = Field(default=1.0, ge=0)
    window: float = Field(default=1.0, ge=0)
    masked: float = Field(default=1.0, ge=0)
    boundary: float = Field(default=1.0, ge=0)
    student: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Weights:
        if not (self.adapts_assistant or self.needs_masks or self.whole):
            raise ValueError("all losses have weight 0: give one of them a larger one")
        return self

    @property
    def adapts_assistant(self) -> bool:
        """Does the assistant learn at all?"""
        return self.consistency + self.assistant_window + self.assistant_masked > 0

    @property
    def needs_masks(self) -> bool:
        """Is anything of the teacher used?"""
        windows = self.window + self.masked + self.assistant_window + self.assistant_masked
        return windows + self.boundary > 0

    @property
    def needs_pairs(self) -> bool:
        """Is anything compared where windows overlap, or learned by the assistant, which sees such pairs?"""
        return self.adapts_assistant or self.boundary > 0


class Settings(Strict):
    """A GoodSAM experiment.

    Attributes:
        name: of the run, and of its folder under runs/ unless `out` says otherwise.
        out: run folder.
        size: (height, width) at which panoramas are seen, multiples of 4.
        vertical_fov: degrees; the strip about the horizon that is cut out of each picture before it is
            resized; None keeps all of it.
        wrap: columns by which the student's panorama is continued on each side.
        data: panoramas to adapt to; their labels, if any, are not read, but by `masks` of kind instances.
        validation: labelled panoramas, may be none; the first one's mIoU is shown while training.
        scored_on: what the student sees while it is scored: a panorama that is no whole sphere in a black
            "sphere", as on the robot, or the "strip" alone, as in published scores.
        windows: what the teacher and the assistant see.
        masks: the teacher F_T. cache: folder of its masks, relative to `data_root` unless absolute.
        assistant: folder of a supervised run, of an SSR run or of a bundle: the teacher assistant F_TA.
        student: F_S.
        pairs: neighbouring windows of each panorama on which the assistant learns in a step; None is all.
        augmentation: colour changes of the student's panorama alone; of the rest, only `flip` is used.
        learning_ratio: of the assistant's learning rate to the student's.
        freeze_norm: batch normalisation keeps the statistics it starts with.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    out: Path | None = None
    label_set: str = "street11"
    size: tuple[int, int]
    vertical_fov: float | None = Field(default=None, gt=0, le=180)
    wrap: int = Field(default=64, ge=0, multiple_of=32)
    data_root: Path = Path("data")
    data: list[Panoramas] = Field(min_length=1)
    validation: list[Scored] = Field(default_factory=list)
    scored_on: Literal["sphere", "strip"] = "sphere"
    windows: Windows
    masks: MaskSettings
    cache: Path
    assistant: Path
    student: Student = Student()
    fusion: Fusion = Fusion()
    boundary: Boundary = Boundary()
    weights: Weights = Weights()
    pairs: int | None = Field(default=None, gt=0)
    batch: int = Field(default=1, gt=0)
    augmentation: Augmentation = Augmentation()
    learning_ratio: float = Field(default=1.0, gt=0)
    freeze_norm: bool = False
    workers: int = Field(default=1, ge=0)
    seed: int = Field(default=0, ge=0)
    loop: Loop = Loop()
    schedule: Schedule

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        numbers = [*self.size, *self.windows.size, *self.windows.stride]
        if any(number % 4 for number in numbers):
            raise ValueError(
                f"size and windows {numbers} must be multiples of 4, the scale of the networks' logits"
            )
        different([one.name for one in self.validation])
        if min(self.grid.window) < 32:
            raise ValueError(f"windows {list(self.windows.size)} must be at least 32, as SegFormer needs")
        if self.weights.needs_pairs and not self.grid.pairs:
            raise ValueError(
                f"no two windows overlap with windows.stride {list(self.windows.stride)}: lower it, or give "
                "the losses of the assistant and of the boundary weight 0"
            )
        for one in self.validation:
            stray = set(one.classes or ()) - set(label_set(self.label_set).names)
            if stray:
                raise ValueError(f"classes {sorted(stray)} of {one.name} are not in {self.label_set}")
        return self

    @property
    def grid(self) -> Grid:
        """Where the windows are."""
        return Grid(self.size, self.windows.size, self.windows.stride, self.windows.wrap)

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.out if self.out is not None else Path("runs") / self.name

    @property
    def mask_folder(self) -> Path:
        """Where the teacher's masks are kept."""
        return self.data_root / self.cache
