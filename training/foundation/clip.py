# SPDX-License-Identifier: Apache-2.0
"""CLIP's text encoder, frozen, as transformers has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from training.checkpoint import UNREADABLE

if TYPE_CHECKING:
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer

WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the second in older folders, read as tensors only
TOKENISER = (("tokenizer.json",), ("vocab.json", "merges.txt"))  # either will do
LEGACY_END = 2  # as which older folders name the end of a text, wherever it is


class TextEncoder:
    """Texts to vectors.

    Args:
        folder: as of `load`.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """

    def __init__(self, folder: Path) -> None:
        self._model, self._tokeniser = load(folder)

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Embeddings of length 1, float32 [texts, d].

        Raises:
            ValueError: a text of more tokens than the encoder takes; CLIP's take 77 with beginning and end.
        """
        tokens = self._tokeniser(list(texts), padding=True, return_tensors="pt")
        longest = self._model.config.max_position_embeddings
        for text, there in zip(texts, tokens["attention_mask"].sum(1).tolist(), strict=True):
            if there > longest:
                raise ValueError(f"'{text}' has {there} tokens, CLIP takes {longest}: shorten it.")
        found = self._model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
        return functional.normalize(found.text_embeds, dim=1)


def load(folder: Path) -> tuple[CLIPTextModelWithProjection, CLIPTokenizer]:
    """The text encoder of a CLIP, and its tokeniser: on the CPU, frozen, in evaluation mode.

    Args:
        folder: config.json, model.safetensors (or pytorch_model.bin) and tokenizer.json (or vocab.json and
            merges.txt), of a whole CLIP or of its text encoder with projection alone.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: another kind of model, not all of its tensors, or the tokeniser of another one.
    """
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), folder / WEIGHTS[0])
    absent = [file.name for file in (folder / "config.json", weights) if not file.is_file()]
    if not any(all((folder / name).is_file() for name in names) for names in TOKENISER):
        absent.extend(TOKENISER[0])
    if absent:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(absent)}: give a folder with a CLIP as transformers saves it, such "
            "as a clone of openai/clip-vit-base-patch32."
        )
    model = _model(folder, weights)
    tokeniser = _tokeniser(folder)
    end = model.config.eos_token_id
    if len(tokeniser) > model.config.vocab_size or end not in (LEGACY_END, tokeniser.eos_token_id):
        raise ValueError(
            f"{folder} has a tokeniser of {len(tokeniser)} tokens that end with {tokeniser.eos_token_id}, "
            f"but a CLIP for {model.config.vocab_size} that end with {end}: download the folder again."
        )
    return model.eval().requires_grad_(False), tokeniser


def _model(folder: Path, weights: Path) -> CLIPTextModelWithProjection:
    from transformers import CLIPTextModelWithProjection

    loader: Any = CLIPTextModelWithProjection
    try:
        model, report = loader.from_pretrained(
            None,
            config=_config(folder / "config.json"),
            state_dict=_tensors(weights),
            dtype=torch.float32,
            output_loading_info=True,
        )
    except RuntimeError as error:
        raise ValueError(
            f"{folder} does not hold the tensors that its config.json describes: download the folder again."
        ) from error
    if lacking := sorted(report["missing_keys"]):
        raise ValueError(
            f"{folder} lacks {len(lacking)} tensors of CLIP's text encoder, such as {lacking[0]}: "
            "download it again."
        )
    return model


def _config(path: Path) -> Any:
    """Of the text encoder alone."""
    from transformers import CLIPConfig, CLIPTextConfig

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kind = content.get("model_type")
        if kind == "clip_text_model":
            return CLIPTextConfig.from_dict(content)
        if kind == "clip":
            whole: Any = CLIPConfig.from_dict(content)
            # That of the whole model counts; its text encoder's may have been left at the default.
            whole.text_config.projection_dim = whole.projection_dim
            return whole.text_config
    except (ValueError, TypeError, AttributeError, StrictDataclassError) as error:
        raise ValueError(f"{path} is not readable: download the folder again.") from error
    raise ValueError(f"{path.parent} holds a model of type {kind}, expected clip: give the folder of a CLIP.")


def _tensors(path: Path) -> dict[str, Tensor]:
    """Those of the text encoder, from a checkpoint that may hold the image encoder too."""
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
        return {name: value for name, value in content.items() if name.startswith("text_")}
    except (SafetensorError, *UNREADABLE) as error:
        raise ValueError(f"{path} is not a readable file of tensors: download it again.") from error


def _tokeniser(folder: Path) -> CLIPTokenizer:
    from transformers import CLIPTokenizer

    loader: Any = CLIPTokenizer
    try:
        return loader.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the library that reads it raises nothing narrower
        raise ValueError(f"{folder} has a tokeniser that is not readable: download it again.") from error
