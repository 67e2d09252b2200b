# SPDX-License-Identifier: Apache-2.0
"""What a SARTM experiment's YAML file holds; defaults but of `loop` are those of the authors' code if any."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from training.config import Strict, different
from training.data.augment import Augmentation
from training.data.pst900 import ThermalFolder
from training.data.thermal import ThermalAugmentation
from training.procedure import ClassWeights, Loop
from training.sartm.backbone_settings import BackboneSettings
from training.sartm.text_settings import TextSettings
from training.schedule import Schedule

Kind = Literal["mfnet", "pst900", "fmb", "msrs", "world", "camvid", "cityscapes"]


class Source(Strict):
    """One data set.

    Attributes:
        kind: whose layout the folder has; camvid and cityscapes have no thermal and are shown as RGB alone.
        path: folder, relative to `data_root` unless absolute.
        weak_labels: of msrs: folder of label pictures as `python -m training weak_labels` writes them,
            relative as `path` is, whose pairs then need not be split; those without one are left out.
        split: of the sets that have splits; all but world do.
        thermal_folder: of pst900: 8 bits as the camera's gain control made them, or the sensor's 16.
        weight: share of training pictures drawn from it, relative to the other sets.
        limit: use only the first so many samples.
        skip: leave out the first so many samples, to hold them back for validation.
    """

    kind: Kind
    path: Path
    weak_labels: Path | None = None
    split: str = "train"
    thermal_folder: ThermalFolder = "thermal"
    weight: float = Field(default=1.0, gt=0)
    limit: int | None = Field(default=None, gt=0)
    skip: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _labelled(self) -> Source:
        if self.weak_labels is not None and self.kind != "msrs":
            raise ValueError(f"weak_labels are for kind msrs, not for {self.kind}")
        return self


class Validation(Source):
    """A data set to score on; `name` is its key in results.json."""

    name: str
    split: str = "val"


class Auxiliary(Strict):
    """The auxiliary head on the fused features of all levels.

    Attributes:
        weight: of its cross-entropy.
        inference: the network's logits are the mean of the decoder's and this head's, instead of the
            decoder's alone. In the authors' code the head is a training loss and no more; what the paper does
            is not known.
    """

    weight: float = Field(default=1.0, gt=0)
    inference: bool = False


class Language(Strict):
    """Language-aided distillation: prototypes of classes are to be as alike as the classes' names are.

    Attributes:
        text: where the embeddings of the names come from.
        weight: of the loss.
    """

    text: TextSettings
    weight: float = Field(default=1.0, gt=0)


class Distillation(Strict):
    """CMKD: RGB, thermal and what is fused of them are drawn to shared prototypes of the classes.

    Attributes:
        decay: γ, of the shared prototypes' average over the steps.
        weight: of the loss.
    """

    decay: float = Field(default=0.9, ge=0, lt=1)
    weight: float = Field(default=1.0, gt=0)


class Settings(Strict):
    """A SARTM experiment.

    Attributes:
        name: of the run, and of its folder under runs/ unless `out` says otherwise.
        out: run folder.
        size: (height, width) that the deployed network sees; scales and validation refer to it.
        crop: (height, width) of training pictures.
        data_root: what relative paths of data sets start from.
        data: training sets, at least one of them with thermal.
        validation: sets to score on; the first one's mIoU is shown while training. Nothing is chosen by them:
            the result is the last step's weights, or their average if `loop.average` keeps one.
        backbone: frozen image encoder and its LoRA; rank 0 is none.
        init: run folder of another SARTM experiment with the same network, whose weights to start from.
        decoder_from_sam: the mask decoder starts with that of the backbone's checkpoint, but for what is of
            classes; else with random weights.
        fusion: "frm_ffm", or "none": the mean of the streams that are present.
        segmentation: weight of the decoder's cross-entropy.
        class_weights: of both cross-entropies, as in supervised training; the authors' code has none.
        auxiliary, language, distillation: null leaves them out.
        logit_adjustment: τ: from RGB alone, −τ log π_k is added to the logits of class k, of which π_k of the
            training sets' labelled pixels are, so that rare classes are not lost for want of heat. After
            training only; see `SARTM.adjust`.
        batch: pictures per process and step.
        thermal: random changes of thermal pictures, and how often a stream is hidden.
        tallest: decoded pictures are kept and scored at no more rows than this; None keeps all.
        memory_gb: decoded pictures are kept in memory up to this much.
        workers: threads that make batches ahead of time.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    out: Path | None = None
    label_set: str
    size: tuple[int, int]
    crop: tuple[int, int]
    data_root: Path = Path("data")
    data: list[Source] = Field(min_length=1)
    validation: list[Validation] = Field(min_length=1)
    backbone: BackboneSettings
    init: Path | None = None
    decoder_from_sam: bool = True
    fusion: Literal["frm_ffm", "none"] = "frm_ffm"
    segmentation: float = Field(default=1.0, gt=0)
    class_weights: ClassWeights = "none"
    auxiliary: Auxiliary | None = Auxiliary()
    language: Language | None = None
    distillation: Distillation | None = Distillation()
    logit_adjustment: float = Field(default=0.0, ge=0)
    batch: int = Field(default=8, gt=0)
    augmentation: Augmentation = Augmentation()
    thermal: ThermalAugmentation = ThermalAugmentation()
    tallest: int | None = Field(default=None, gt=0)
    memory_gb: float = Field(default=2.0, ge=0)
    workers: int = Field(default=1, ge=0)
    seed: int = Field(default=0, ge=0)
    loop: Loop = Loop()
    schedule: Schedule

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if min(self.size) < 32 or any(side % 32 for side in self.size):
            raise ValueError(f"size {list(self.size)} must be multiples of 32, as bundles have it")
        if min(self.crop) < 32:
            raise ValueError(f"crop {list(self.crop)} must be at least 32")
        names = [one.name for one in self.validation]
        different(names)
        for name in names:
            if longer := [one for one in names if one.startswith(f"{name}_")]:
                raise ValueError(
                    f"scores of {name} by stream and by light are called {name}_…, so no other validation "
                    f"set can be called {longer[0]}"
                )
        return self

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.out if self.out is not None else Path("runs") / self.name
