# SPDX-License-Identifier: Apache-2.0
"""What a supervised experiment's YAML file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from training.config import Strict, different
from training.data.augment import Augmentation
from training.data.sample import Projection
from training.data.thermal import ThermalAugmentation
from training.procedure import ClassWeights, Loop
from training.schedule import Schedule


class Source(Strict):
    """One data set.

    Attributes:
        kind: whose layout the folder has.
        path: folder, relative to `data_root` unless absolute.
        split: of the sets that have splits (camvid, cityscapes, stanford2d3d).
        weight: share of training pictures drawn from it, relative to the other sets.
        limit: use only the first so many samples.
        skip: leave out the first so many samples, to hold them back for validation.
    """

    kind: Literal["camvid", "cityscapes", "kitti", "stanford2d3d", "world"]
    path: Path
    split: str = "train"
    weight: float = Field(default=1.0, gt=0)
    limit: int | None = Field(default=None, gt=0)
    skip: int = Field(default=0, ge=0)


class Validation(Source):
    """A data set to validate on; `name` is its key in results.json."""

    name: str
    split: str = "val"


class Network(Strict):
    """The network to train; see `training.networks.segformer`.

    Attributes:
        fusion: of RGB and thermal, for task rgbt: "early", thermal is a fourth channel of the picture, or
            "two_branch", each has its encoder; see `training.sartm.two_branch`.
        subpixel: logits are at 4 / subpixel of the picture's size, so that thin things can be drawn.
    """

    variant: Literal["b0", "b1", "b2", "b3", "b4", "b5"] = "b0"
    fusion: Literal["early", "two_branch"] = "early"
    drop_path: float = Field(default=0.1, ge=0, lt=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    decoder: int | None = Field(default=None, gt=0)
    subpixel: Literal[1, 2, 4] = 1
    weights: Path | None = None


class Window(Strict):
    """Size (height, width) of training pictures, from a fraction of the run on."""

    since: float = Field(ge=0, lt=1)
    size: tuple[int, int]


class Settings(Strict):
    """A supervised experiment.

    Attributes:
        name: of the run, and of its folder under runs/ unless `out` says otherwise.
        out: run folder.
        task: "camera" for pinhole pictures, "panorama" for equirectangular ones, "rgbt" for pinhole pictures
            with a registered thermal one, where either may be missing.
        label_set: name of a label set in `samseg_ros.labels`.
        size: (height, width) that the deployed network sees; training scales and validation refer to it.
        wrap: columns by which panoramas are continued on each side, in validation and in the bundle.
        data_root: what relative paths of data sets start from.
        data: training sets. validation: sets to score on; the first one's mIoU is shown while training.
        init: run folder or bundle whose weights to start from; its label set must be the same. A run with
            thermal that starts from one without ignores thermal at first.
        thermal: random changes of thermal pictures, and how often a stream is hidden.
        onto_panorama: how often, of task panorama, pinhole pictures are pasted onto a labelled panorama and
            not onto a blank one.
        around: how many pinhole pictures go on one panorama at most.
        windows: sizes of training pictures; the last entry whose `since` has passed counts. Small pictures
            first are cheap.
        batch: pictures per process and step.
        loss_stride: the loss is taken at 1 / loss_stride of the picture's size: 1, 2 or 4.
        class_weights: "enet" weighs rare classes up, by their frequency in the training sets; "sqrt_enet" by
            the root of that, for runs long enough to find them: full weights see them where they are not.
        jaccard: weight of the loss of overlap, `training.loss.jaccard`, beside the cross-entropy.
        tallest: decoded pictures are kept and scored at no more rows than this; None keeps all.
        head_ratio: of the learning rate of the decode head to that of the encoder (of one, not of two).
        memory_gb: decoded pictures are kept in memory up to this much.
        workers: threads that make batches ahead of time.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    out: Path | None = None
    task: Literal["camera", "panorama", "rgbt"]
    label_set: str = "street11"
    size: tuple[int, int]
    wrap: int = Field(default=64, ge=0, multiple_of=32)
    data_root: Path = Path("data")
    data: list[Source] = Field(min_length=1)
    validation: list[Validation] = Field(min_length=1)
    network: Network = Network()
    init: Path | None = None
    windows: list[Window] = Field(min_length=1)
    batch: int = Field(default=8, gt=0)
    augmentation: Augmentation = Augmentation()
    thermal: ThermalAugmentation = ThermalAugmentation()
    onto_panorama: float = Field(default=0.7, ge=0, le=1)
    around: int = Field(default=3, gt=0)
    loss_stride: Literal[1, 2, 4] = 1
    class_weights: ClassWeights = "enet"
    jaccard: float = Field(default=0.0, ge=0)
    tallest: int | None = Field(default=None, gt=0)
    head_ratio: float = Field(default=1.0, gt=0)
    memory_gb: float = Field(default=2.0, ge=0)
    workers: int = Field(default=1, ge=0)
    seed: int = Field(default=0, ge=0)
    loop: Loop = Loop()
    schedule: Schedule

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if min(self.size) < 32 or any(side % 32 for side in self.size):
            raise ValueError(f"size {list(self.size)} must be multiples of 32")
        if any(min(window.size) < 32 or side % 4 for window in self.windows for side in window.size):
            raise ValueError("windows must be at least 32 and multiples of 4")
        if min(window.since for window in self.windows) > 0:
            raise ValueError("the first of windows must have since: 0")
        if self.presence and self.network.subpixel > 1:
            raise ValueError("network.subpixel needs network.fusion early")
        if self.presence and not self.with_thermal:
            raise ValueError(f"network.fusion two_branch needs task rgbt, not {self.task}")
        different([one.name for one in self.validation])
        return self

    @property
    def projection(self) -> Projection:
        return "equirectangular" if self.task == "panorama" else "pinhole"

    @property
    def with_thermal(self) -> bool:
        return self.task == "rgbt"

    @property
    def channels(self) -> int:
        """Of the network's input."""
        return 4 if self.with_thermal else 3

    @property
    def presence(self) -> bool:
        """Does the network also take which streams are present?"""
        return self.network.fusion == "two_branch"

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.out if self.out is not None else Path("runs") / self.name

    def window(self, done: float) -> tuple[int, int]:
        """Size of training pictures at `done`, the fraction of the run that is over."""
        passed = [one for one in self.windows if one.since <= done]
        return max(passed, key=lambda one: one.since).size
