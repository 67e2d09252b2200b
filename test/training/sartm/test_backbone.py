# SPDX-License-Identifier: Apache-2.0
"""On small random networks, built by the libraries and saved as the official checkpoints are."""

import copy
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn import functional

from training.average import Average
from training.foundation.checksum import sha256
from training.sartm.backbone_settings import BackboneSettings

pytest.importorskip("segment_anything", reason="segment-anything is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")

from small_sam2 import small_sam2
from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model, Sam2Processor

from training.foundation import sam, sam2
from training.sartm.backbone import Backbone, backbone, load

SIDE = 128  # that both see when nothing is resized
KINDS = ("sam", "sam2")
OTHER = (64, 96)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each kind; what libraries start at zero is drawn: positions above all."""
    here = tmp_path_factory.mktemp("backbones")
    torch.manual_seed(0)
    first = sam.build(sam.Encoder(width=32, depth=3, heads=2, global_blocks=(1,), image_size=SIDE))
    draw(first.image_encoder)
    torch.save(first.state_dict(), here / "sam.pth")
    second = Sam2Model(Sam2Config(**small_sam2(SIDE, last_windows=(14, 7))))
    draw(second.vision_encoder)
    second.save_pretrained(here / "sam2")
    Sam2Processor(Sam2ImageProcessor()).save_pretrained(here / "sam2")
    return {"sam": here / "sam.pth", "sam2": here / "sam2"}


def draw(module: nn.Module) -> None:
    for one in module.parameters():
        if not one.any() or one.std() < 0.05:
            nn.init.normal_(one, std=0.2)


def settings(places: dict[str, Path], kind: str, **changes: object) -> BackboneSettings:
    file = "checkpoint" if kind == "sam" else "folder"
    values = {"kind": kind, "variant": "custom", file: places[kind], "rank": 2, **changes}
    return TypeAdapter(BackboneSettings).validate_python(values)


def made(places: dict[str, Path], kind: str, **changes: object) -> Backbone:
    """With LoRA as after some training."""
    torch.manual_seed(1)
    one = backbone(settings(places, kind, **changes), OTHER)
    for name, parameter in one.named_parameters():
        if ".b_" in name:
            nn.init.normal_(parameter, std=0.2)
    return one.eval()


def picture(height: int = OTHER[0], width: int = OTHER[1]) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(2))


def far(ours: list[Tensor], theirs: list[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("kind", "channels"), [("sam", (32, 64, 256)), ("sam2", (4, 8, 32))])
@pytest.mark.parametrize("size", [(SIDE, SIDE), OTHER, (32, 224)])
@torch.no_grad()
def test_three_levels(
    places: dict[str, Path], kind: str, channels: tuple[int, ...], size: tuple[int, int]
) -> None:
    one = made(places, kind)
    levels = one(picture(*size))
    assert one.channels == channels and one.strides == (4, 8, 16)
    expected = [(2, c, size[0] // s, size[1] // s) for c, s in zip(channels, one.strides, strict=True)]
    assert [tuple(level.shape) for level in levels] == expected
    assert all(level.isfinite().all() and level.std() > 1e-3 for level in levels)


@pytest.mark.parametrize("rank", [0, 2])
@torch.no_grad()
def test_untrained_it_is_sams_encoder(places: dict[str, Path], rank: int) -> None:
    one = backbone(settings(places, "sam", rank=rank), OTHER)
    vit = sam.load("custom", places["sam"]).image_encoder
    assert far(one(picture(SIDE, SIDE))[2:], [vit(picture(SIDE, SIDE))]) < 1e-5
    grid = functional.interpolate(vit.pos_embed.permute(0, 3, 1, 2), (4, 6), mode="bicubic")
    vit.pos_embed = nn.Parameter(grid.permute(0, 2, 3, 1))
    assert far(one(picture())[2:], [vit(picture())]) < 1e-5


@pytest.mark.parametrize("rank", [0, 2])
@torch.no_grad()
def test_untrained_it_is_sam2s_encoder(places: dict[str, Path], rank: int) -> None:
    one = backbone(settings(places, "sam2", rank=rank), OTHER)
    model, _ = sam2.load(places["sam2"])
    projections = [model.mask_decoder.conv_s0, model.mask_decoder.conv_s1, nn.Identity()]
    for size in ((SIDE, SIDE), OTHER, (32, 224)):
        neck = model.vision_encoder(pixel_values=picture(*size)).fpn_hidden_states
        assert far(one(picture(*size)), [f(x) for f, x in zip(projections, neck, strict=True)]) < 1e-5


@torch.no_grad()
def test_the_pyramid_of_sam_sees_an_early_block(places: dict[str, Path]) -> None:
    one = made(places, "sam")
    assert one.encoder.kept == (1, 2)  # the first global block, and the last
    before = one(picture())
    one.encoder.blocks[1].register_forward_hook(lambda _, __, tokens: tokens.roll(1, dims=2))
    assert all(far([a], [b]) > 1e-3 for a, b in zip(before, one(picture()), strict=True))
    one.encoder.vit.neck.register_forward_hook(lambda _, __, embedding: torch.zeros_like(embedding))
    fine, middle, _ = one(picture())
    # Details finer than a patch of 16 are there.
    assert fine[..., :4, :4].std(dim=(2, 3)).max() > 1e-3 and middle[..., :2, :2].std(dim=(2, 3)).max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_lora_and_what_is_above_learn_and_nothing_else(places: dict[str, Path], kind: str) -> None:
    one = made(places, kind).train()
    torch.stack([level.square().mean() for level in one(picture())]).sum().backward()
    above = ("encoder.pyramid.", "encoder.conv_s")
    for name, parameter in one.named_parameters():
        learns = ".a_" in name or ".b_" in name or name.startswith(above)
        assert (parameter.grad is not None and bool(parameter.grad.any())) == learns, name


@pytest.mark.parametrize("kind", KINDS)
def test_checkpointing_changes_nothing_but_memory(places: dict[str, Path], kind: str) -> None:
    gradients = []
    for checkpointing in (False, True):
        one = made(places, kind, checkpointing=checkpointing).train()
        counted: list[int] = []
        one.encoder.blocks[0].register_forward_pre_hook(lambda *_, counted=counted: counted.append(1))
        torch.stack([level.square().mean() for level in one(picture())]).sum().backward()
        assert len(counted) == 1 + checkpointing
        gradients.append([p.grad for p in one.parameters() if p.grad is not None])
    assert far(*gradients) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision(places: dict[str, Path], kind: str) -> None:
    one = made(places, kind, checkpointing=True).train()
    expected = one(picture())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        levels = one(picture())
        torch.stack([level.float().square().mean() for level in levels]).sum().backward()
    assert all((a - b).abs().mean() < 0.05 * b.abs().mean() for a, b in zip(levels, expected, strict=True))
    assert all(p.grad.isfinite().all() for p in one.parameters() if p.grad is not None)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_folded_it_computes_the_same_and_its_state_is_whole(places: dict[str, Path], kind: str) -> None:
    one = made(places, kind)
    before = one(picture())
    one.fold(OTHER)
    assert far(one(picture()), before) < 1e-5
    assert set(one.state_dict()) == {name for name, _ in one.named_parameters()} | {"digest"}
    assert not any("a_query" in name for name in one.state_dict())
    with pytest.raises(ValueError, match=r"folded for pictures of \(64, 96\), not \(128, 128\)"):
        one(picture(SIDE, SIDE))


@pytest.mark.parametrize("kind", KINDS)
def test_folded_it_can_be_exported(places: dict[str, Path], kind: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    one = made(places, kind)
    with torch.no_grad():
        expected = one(picture())
    one.fold(OTHER)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shapes that become constant
        torch.onnx.export(one, (picture(),), file, input_names=["image"], opset_version=17, dynamo=False)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    levels = session.run(None, {"image": picture().numpy()})
    assert all(np.abs(a - b.numpy()).max() < 1e-4 for a, b in zip(levels, expected, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_is_what_learns_and_whose_it_is(places: dict[str, Path], kind: str) -> None:
    network = nn.ModuleDict({"backbone": made(places, kind)})
    state = network.state_dict()
    learning = {name for name, one in network.named_parameters() if one.requires_grad}
    assert set(state) == learning | {"backbone.digest"}
    file = places["sam"] if kind == "sam" else places["sam2"] / "model.safetensors"
    assert bytes(state["backbone.digest"].tolist()).hex() == sha256(file)
    identity = network["backbone"].identity()
    assert identity == {"kind": kind, "variant": "custom", "sha256": sha256(file)}
    assert json.loads(json.dumps(identity)) == identity

    other = nn.ModuleDict({"backbone": backbone(settings(places, kind), OTHER)}).eval()
    with torch.no_grad():
        expected = network["backbone"](picture())
        assert far(other["backbone"](picture()), expected) > 1e-3
        other.load_state_dict(state)
        assert far(other["backbone"](picture()), expected) == 0
    # A frozen copy, as a teacher is one, and an average take it too.
    frozen = copy.deepcopy(network).requires_grad_(False)
    assert set(frozen.state_dict()) == set(state)
    frozen.load_state_dict(state)
    average = Average(network, decay=0.9)
    average.update(network)
    with average.applied(other):
        assert set(average.state) == set(state)


def test_a_state_that_does_not_fit(places: dict[str, Path], tmp_path: Path) -> None:
    state = made(places, "sam").state_dict()
    fewer = {name: tensor for name, tensor in state.items() if "blocks.2.attn.qkv.a_query" not in name}
    with pytest.raises(RuntimeError, match=r"Missing key.*blocks\.2\.attn\.qkv\.a_query\.weight"):
        made(places, "sam").load_state_dict(fewer)
    with pytest.raises(RuntimeError, match=r"Unexpected key.*more"):
        made(places, "sam").load_state_dict({**state, "more": torch.zeros(1)})
    with pytest.raises(RuntimeError, match="size mismatch"):
        made(places, "sam", rank=4).load_state_dict(state)
    weights = torch.load(places["sam"], weights_only=True)
    torch.save({name: tensor + 1e-3 for name, tensor in weights.items()}, tmp_path / "sam.pth")
    with pytest.raises(ValueError, match=r"trained on another backbone \(sha256 .* than this sam custom"):
        made({"sam": tmp_path / "sam.pth"}, "sam").load_state_dict(state)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_loaded_already_is_not_loaded_again(places: dict[str, Path], kind: str) -> None:
    whole = load(settings(places, kind))
    one = backbone(settings(places, kind), OTHER, whole)
    encoder: Any = whole.image_encoder if kind == "sam" else whole.vision_encoder
    theirs = {id(parameter) for parameter in encoder.parameters()}
    assert theirs <= {id(parameter) for parameter in one.parameters()}


@pytest.mark.parametrize(("kind", "multiple"), [("sam", 16), ("sam2", 32)])
def test_sizes_that_are_not_allowed(places: dict[str, Path], kind: str, multiple: int) -> None:
    with pytest.raises(
        ValueError, match=rf"Pictures of 100×{SIDE} .* multiples of {multiple}, such as 96×128"
    ):
        backbone(settings(places, kind), (100, SIDE))
    with pytest.raises(ValueError, match=f"multiples of {multiple}"):
        made(places, kind)(picture(64, 64 + multiple // 2))


def test_wrong_variants_and_files(places: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no vit_b: its encoder is 32 wide"):
        backbone(settings(places, "sam", variant="vit_b"), OTHER)
    with pytest.raises(ValueError, match="holds no base_plus SAM 2, its image encoder is custom"):
        backbone(settings(places, "sam2", variant="base_plus"), OTHER)
    with pytest.raises(FileNotFoundError, match="No SAM checkpoint"):
        backbone(settings({"sam": tmp_path / "absent.pth"}, "sam"), OTHER)
    with pytest.raises(FileNotFoundError, match=r"lacks config\.json"):
        backbone(settings({"sam2": tmp_path}, "sam2"), OTHER)


def test_settings(places: dict[str, Path]) -> None:
    paper: Any = TypeAdapter(BackboneSettings).validate_python({"kind": "sam2", "folder": "sam2"})
    assert (paper.variant, paper.rank, paper.scale) == ("base_plus", 16, 1.0)
    for wrong in ({"rank": -1}, {"scale": 0.0}, {"variant": "tiny"}, {"folder": "sam2"}):
        with pytest.raises(ValidationError):
            settings(places, "sam", **wrong)
