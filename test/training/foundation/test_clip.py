# SPDX-License-Identifier: Apache-2.0
"""On a small random network, saved by the library, with a tokeniser of few words."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel

from training.foundation.clip import TextEncoder, load

START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = ["c a", "ca r</w>", "r o", "ro a", "roa d</w>"]
TOKENS = [*"abcdefghijklmnopqrstuvwxyz", *(f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz.")]
VOCABULARY = {
    token: number
    for number, token in enumerate([*TOKENS, *(pair.replace(" ", "") for pair in MERGES), START, END])
}
TEXT = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 12,
    "bos_token_id": VOCABULARY[START],
    "eos_token_id": VOCABULARY[END],
}
VISION = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
NAMES = ["car", "road", "a big dog"]


def write_clip(folder: Path, **text: object) -> CLIPModel:
    """A whole CLIP whose text encoder's own projection dimension was left at the default of 512."""
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={**TEXT, **text},
        vision_config={**VISION, "image_size": 8, "patch_size": 4},
        projection_dim=8,
    )
    model = CLIPModel(config).eval()
    with torch.no_grad():
        model.text_projection.weight.mul_(100)  # so that lengths are far from 1
    model.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(VOCABULARY), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]), encoding="utf-8")
    return model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clip(tmp_path)
    return tmp_path


def ids(*tokens: str) -> torch.Tensor:
    return torch.tensor([[VOCABULARY[token] for token in (START, *tokens, END)]])


def test_embeddings_are_those_of_the_whole_clip(tmp_path: Path) -> None:
    whole = write_clip(tmp_path)
    found = TextEncoder(tmp_path)(["car", "road big"])
    assert found.shape == (2, 8) and found.dtype == torch.float32 and not found.requires_grad
    for row, tokens in zip(found, (ids("car</w>"), ids("road</w>", "b", "i", "g</w>")), strict=True):
        # The last token has seen all others.
        with torch.no_grad():
            last = whole.text_model(input_ids=tokens).last_hidden_state[0, -1]
            expected = whole.text_projection(last)
        torch.testing.assert_close(row, expected / expected.norm())


def test_a_text_does_not_depend_on_the_others_or_on_capitals(folder: Path) -> None:
    encoder = TextEncoder(folder)
    together = encoder(NAMES)
    for row, name in zip(together, NAMES, strict=True):
        torch.testing.assert_close(encoder([name])[0], row)
    torch.testing.assert_close(encoder(["Car", "ROAD", " a  big dog"]), together)
    assert (together[0] - together[1]).abs().max() > 0.01


def test_other_ways_to_save_the_same(folder: Path, tmp_path: Path) -> None:
    expected = TextEncoder(folder)(NAMES)
    model, tokeniser = load(folder)
    assert not model.training and not any(one.requires_grad for one in model.parameters())
    # The text encoder alone, and a tokeniser in one file.
    alone = tmp_path / "alone"
    model.save_pretrained(alone)
    tokeniser.save_pretrained(alone)
    assert (alone / "tokenizer.json").is_file() and not (alone / "merges.txt").is_file()
    assert torch.equal(TextEncoder(alone)(NAMES), expected)
    # As older folders have it: no safetensors, a buffer of positions, half precision, another end of a text.
    tensors = {**load_file(folder / "model.safetensors")}
    tensors["text_model.embeddings.position_ids"] = torch.arange(12)[None]
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    rewrite(folder, eos_token_id=2)
    assert torch.equal(TextEncoder(folder)(NAMES), expected)
    torch.save({name: value.half() for name, value in tensors.items()}, folder / "pytorch_model.bin")
    half = TextEncoder(folder)(NAMES)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, expected, atol=0.01, rtol=0)


def rewrite(folder: Path, **text: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"].update(text)
    (folder / "config.json").write_text(json.dumps(config))


def test_a_text_that_is_too_long(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"'long text here' has 14 tokens, CLIP takes 12"):
        TextEncoder(folder)(["car", "long text here"])


def test_files_that_are_missing_are_named(folder: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"lacks config.json, model.safetensors, tokenizer.json: .* CLIP"
    ):
        load(folder / "absent")
    (folder / "merges.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks tokenizer\.json"):
        load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"model_type": "siglip"}', "of type siglip, expected clip"),
        ("{", "is not readable"),
        ('{"model_type": "clip", "text_config": {"hidden_size": "wide"}}', "is not readable"),
    ],
)
def test_another_kind_of_model(folder: Path, content: str, message: str) -> None:
    (folder / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load(folder)


def test_tensors_that_are_missing_cut_short_or_of_another_size(folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    tensors = load_file(weights)
    tensors.pop("text_projection.weight")
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks 1 tensors .* text_projection\.weight"):
        load(folder)
    weights.write_bytes(whole[:-1000])
    with pytest.raises(ValueError, match="not a readable file of tensors"):
        load(folder)
    weights.write_bytes(whole)
    rewrite(folder, intermediate_size=64)
    with pytest.raises(ValueError, match="does not hold the tensors"):
        load(folder)


def test_a_pickle_does_not_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("code ran",)

    (folder / "model.safetensors").unlink()
    torch.save({"text_projection.weight": Trap()}, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="not a readable file of tensors"):
        load(folder)
    assert capsys.readouterr().out == ""


def test_a_tokeniser_of_another_model(tmp_path: Path) -> None:
    write_clip(tmp_path, vocab_size=len(VOCABULARY) + 10, eos_token_id=len(VOCABULARY) + 9)
    with pytest.raises(ValueError, match=r"tokeniser of 60 tokens that end with 59, but a CLIP for 70 .* 69"):
        load(tmp_path)
    write_clip(tmp_path, vocab_size=30, eos_token_id=2)
    with pytest.raises(ValueError, match="but a CLIP for 30"):
        load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="tokeniser that is not readable"):
        load(tmp_path)
