# SPDX-License-Identifier: Apache-2.0
"""What an SSR experiment's YAML file holds; defaults are those of the authors' code, but for `loop`
and `shared_statistics`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from samseg_ros.labels import label_set
from training.config import Strict, different
from training.foundation.settings import EncoderSettings
from training.networks import Variant
from training.procedure import Loop
from training.schedule import Schedule

Kind = Literal["gta5", "synthia", "cityscapes", "acdc", "camvid", "world"]


class Pictures(Strict):
    """One set of the domain to adapt to; its labels, if any, are not read.

    Attributes:
        kind: whose layout the folder has; "pictures" is any folder of pictures.
        path: folder, relative to `data_root` unless absolute.
        split: of the sets that have splits.
        limit: use only the first so many.
        skip: leave out the first so many.
        size: (height, width) at which whole pictures are seen before they are cropped.
    """

    kind: Kind | Literal["pictures"]
    path: Path
    split: str = "train"
    limit: int | None = Field(default=None, gt=0)
    skip: int = Field(default=0, ge=0)
    size: tuple[int, int]


class Labelled(Pictures):
    """One set of the domain that has labels."""

    kind: Kind


class Scored(Strict):
    """A labelled set to score on, at the size of its labels; `name` is its key in results.json."""

    name: str
    kind: Kind
    path: Path
    split: str = "val"
    limit: int | None = Field(default=None, gt=0)
    skip: int = Field(default=0, ge=0)


class Network(Strict):
    """The student: a MiT encoder with the decode head of DAFormer.

    Attributes:
        variant: of the encoder.
        channels: of the decode head.
        weights: of a published encoder, a .safetensors file.
        init: folder of a run to start from instead: all of the student of an SSR run, the encoder alone of a
            supervised one. Neither is random weights.
    """

    variant: Variant = "b5"
    channels: int = Field(default=256, gt=0)
    drop_path: float = Field(default=0.1, ge=0, lt=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    weights: Path | None = None
    init: Path | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Network:
        if self.init is not None and self.weights is not None:
            raise ValueError("init and weights both say what to start from: set one of them to null")
        return self


class SelfTraining(Strict):
    """DAFormer's: a teacher's pseudo-labels of the target, mixed with the source by classes (DACS).

    Attributes:
        alpha: decay of the teacher's average.
        threshold: a pixel counts as sure from this probability on.
        ignore_top, ignore_bottom: rows of target crops whose pseudo-labels are not used: sky and the bonnet.
        jitter: largest change of brightness, contrast, saturation and hue of mixed pictures, as a share.
        jitter_probability, blur_probability: how often mixed pictures are changed.
    """

    alpha: float = Field(default=0.999, ge=0, lt=1)
    threshold: float = Field(default=0.968, ge=0, lt=1)
    ignore_top: int = Field(default=15, ge=0)
    ignore_bottom: int = Field(default=120, ge=0)
    jitter: float = Field(default=0.2, ge=0, le=0.5)
    jitter_probability: float = Field(default=0.8, ge=0, le=1)
    blur_probability: float = Field(default=0.5, ge=0, le=1)

    def used_rows(self, height: int) -> int:
        """Of so many rows of a target crop, those whose pseudo-labels are used."""
        return max(height - self.ignore_top - self.ignore_bottom, 0)


class RareClasses(Strict):
    """Rare-class sampling of source pictures.

    Attributes:
        statistics: file written by `python -m training classes`, relative to `data_root` unless absolute.
        temperature: of the distribution over classes; small prefers rare ones more.
        min_pixels: a picture shows a class from this many pixels of its label picture on.
        min_crop_share: crops are looked for until they hold this share of `min_pixels`, after the resize.
    """

    statistics: Path
    temperature: float = Field(default=0.01, gt=0)
    min_pixels: int = Field(default=3000, gt=0)
    min_crop_share: float = Field(default=0.5, ge=0, le=1)


class FeatureDistance(Strict):
    """Thing-class distance of the encoder's features to those of the encoder that the run starts from.

    Attributes:
        classes: names of the thing classes.
        min_share: a cell of the last stage belongs to a class from this share of its pixels on.
    """

    weight: float = Field(default=0.005, gt=0)
    classes: list[str] = Field(min_length=1)
    min_share: float = Field(default=0.75, gt=0, le=1)


class Masking(Strict):
    """Masked image consistency (MIC), on target pictures.

    Attributes:
        block: side of the hidden squares, pixels.
        ratio: share of them that is hidden.
    """

    block: int = Field(default=32, gt=0)
    ratio: float = Field(default=0.7, gt=0, lt=1)
    weight: float = Field(default=1.0, gt=0)


class Regularisation(Strict):
    """SAM's embedding, fused into stages of the encoder.

    Attributes:
        encoder: of SAM, frozen.
        stages: that it is fused into, 0 the finest.
        weight: of the losses of the enhanced branch; the authors' is 1.
        learning_ratio: of the learning rate of the fusion to that of the encoder; the authors' is 1. Larger
            ones help runs too short for what starts from random weights.
        one_by_one: source and mixed pictures go through SAM one after the other, for large encoders.
        cache: folder for embeddings of source crops, relative to `data_root` unless absolute; null computes
            them at every step. Needs `places`.
    """

    encoder: EncoderSettings
    stages: list[int] = Field(default=[0, 1, 2, 3])
    weight: float = Field(default=1.0, gt=0)
    learning_ratio: float = Field(default=1.0, gt=0)
    one_by_one: bool = False
    cache: Path | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Regularisation:
        if (
            not self.stages
            or sorted(set(self.stages)) != self.stages
            or not set(self.stages) <= set(range(4))
        ):
            raise ValueError(f"stages {self.stages} must be some of 0, 1, 2, 3, in this order")
        return self


class Settings(Strict):
    """An SSR experiment.

    Attributes:
        name: of the run, and of its folder under runs/ unless `out` says otherwise.
        out: run folder.
        size: (height, width) at which whole pictures are scored, and deployed.
        crop: (height, width) of training pictures.
        data_root: what relative paths of data sets start from.
        source: labelled sets. target: sets to adapt to, needed by `self_training`.
        validation: labelled sets to score on, may be none; the first one's mIoU is shown while training.
        at_label_size: in scoring, logits are brought to the size of the labels before a class is chosen, as
            in published scores; as deployed, classes are chosen at `size`.
        batch: source crops a step, and as many target crops.
        cat_max_share: source crops are drawn again, up to ten times, while one class has a larger share of
            their labelled pixels.
        flip: how often a picture is mirrored.
        places: source crops are cut at so many places of each picture, drawn once; null draws a new place
            every time. A finite number lets SAM's embeddings be kept.
        head_ratio: of the learning rate of the decode head to that of the encoder.
        shared_statistics: enhanced and masked pictures move the running statistics of the head's batch
            normalisation too, as in the authors' code. Whole pictures, by the plain branch, are deployed with
            them: the more those others differ, the less the statistics suit.
        self_training: null trains on the source alone.
        rare_classes: null draws source pictures evenly.
        memory_gb: decoded pictures are kept in memory up to this much, half of it for the source and half for
            the target, and up to as much again of those that are scored.
        feature_distance, masking, regularisation: null leaves them out.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    out: Path | None = None
    label_set: str = "cityscapes19"
    size: tuple[int, int]
    crop: tuple[int, int]
    data_root: Path = Path("data")
    source: list[Labelled] = Field(min_length=1)
    target: list[Pictures] = Field(default_factory=list)
    validation: list[Scored] = Field(default_factory=list)
    at_label_size: bool = False
    network: Network = Network()
    batch: int = Field(default=2, gt=0)
    cat_max_share: float = Field(default=0.75, gt=0, le=1)
    flip: float = Field(default=0.5, ge=0, le=1)
    places: int | None = Field(default=None, gt=0)
    head_ratio: float = Field(default=10.0, gt=0)
    shared_statistics: bool = False
    self_training: SelfTraining | None = SelfTraining()
    rare_classes: RareClasses | None = None
    feature_distance: FeatureDistance | None = None
    masking: Masking | None = None
    regularisation: Regularisation | None = None
    memory_gb: float = Field(default=2.0, ge=0)
    workers: int = Field(default=1, ge=0)
    seed: int = Field(default=0, ge=0)
    loop: Loop = Loop()
    schedule: Schedule

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if any(side % 4 for side in self.size):
            raise ValueError(
                f"size {list(self.size)} must be multiples of 4, the scale of the network's logits"
            )
        if min(self.crop) < 32 or any(side % 4 for side in self.crop):
            raise ValueError(f"crop {list(self.crop)} must be at least 32 and multiples of 4")
        for one in [*self.source, *self.target]:
            if any(whole < part for whole, part in zip(one.size, self.crop, strict=True)):
                raise ValueError(
                    f"crop {list(self.crop)} does not fit into {one.path}, size {list(one.size)}"
                )
        if self.self_training is not None and not self.target:
            raise ValueError("self_training needs a target: name one, or set self_training to null")
        if self.self_training is not None and not self.self_training.used_rows(self.crop[0]):
            raise ValueError(
                f"self_training ignores all {self.crop[0]} rows of a crop: lower ignore_top or ignore_bottom"
            )
        if self.masking is not None and self.self_training is None:
            raise ValueError("masking needs the pseudo-labels of self_training: set that, or masking to null")
        if self.regularisation is not None and self.regularisation.cache is not None and self.places is None:
            raise ValueError("regularisation.cache needs places, so that there are crops to come back to")
        self._check_names()
        return self

    def _check_names(self) -> None:
        different([one.name for one in self.validation])
        things = set() if self.feature_distance is None else set(self.feature_distance.classes)
        if stray := things - set(label_set(self.label_set).names):
            raise ValueError(f"feature_distance.classes {sorted(stray)} are not in {self.label_set}")

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.out if self.out is not None else Path("runs") / self.name
