# SPDX-License-Identifier: Apache-2.0
"""Where the embeddings of the class names come from, as YAML holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from samseg_ros.labels import label_set
from training.config import Strict


class ClipText(Strict):
    """CLIP's text encoder.

    Attributes:
        folder: a CLIP as transformers saves it, or a clone of openai/clip-vit-base-patch32, which
            the authors' code takes.
        prompts: each with one {} for the name; the embedding of a class is the mean over them. The bare name,
            as in the authors' code; "a photo of a {}." is CLIP's own.
        dimension: that embeddings must have; null takes any. That of ViT-B is 512.
    """

    kind: Literal["clip"] = "clip"
    folder: Path
    prompts: list[str] = Field(default=["{}"], min_length=1)
    dimension: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> ClipText:
        if wrong := [prompt for prompt in self.prompts if prompt.count("{}") != 1]:
            raise ValueError(f"the prompt {wrong[0]!r} must have one {{}}, the place of a class's name")
        return self


class MatrixText(Strict):
    """A matrix that was saved, a row for each name.

    Attributes:
        file: .safetensors with one tensor, or .pth with a tensor.
        rows: their names in order: a list, or the name of a label set (cityscapes19).
        dimension: as of `ClipText`.
    """

    kind: Literal["matrix"] = "matrix"
    file: Path
    rows: str | list[str]
    dimension: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> MatrixText:
        if repeated := {name for name in self.row_names if self.row_names.count(name) > 1}:
            raise ValueError(f"rows name {', '.join(sorted(repeated))} more than once: names must differ")
        return self

    @property
    def row_names(self) -> tuple[str, ...]:
        """Of each row; ValueError lists the known label sets if `rows` is none of them."""
        return label_set(self.rows).names if isinstance(self.rows, str) else tuple(self.rows)


TextSettings = Annotated[ClipText | MatrixText, Field(discriminator="kind")]
