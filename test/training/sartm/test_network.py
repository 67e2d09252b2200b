# SPDX-License-Identifier: Apache-2.0
"""The parts put together: what reaches what, either stream alone, and what the losses are of."""

import copy
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from sartm_runs import CONFIG, write_sam
from torch import Tensor

from samseg_ros.labels import label_set
from training.networks import normalise
from training.sartm.network import SARTM, Outputs, build, mean, parameters
from training.sartm.objective import Batch, Objective
from training.sartm.settings import Settings
from training.sartm.text_settings import MatrixText
from training.sartm.train import embeddings

CLASSES = 3
BOTH, RGB, THERMAL = [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "sam.pth"
    write_sam(path)
    return path


def settings(sam: Path, **changes: Any) -> Settings:
    backbone = {**CONFIG["backbone"], "checkpoint": sam, **changes.pop("backbone", {})}
    return Settings.model_validate({**CONFIG, "backbone": backbone, "language": None, **changes})


def network(sam: Path, classes: int = CLASSES, **changes: Any) -> SARTM:
    """A fresh one, in evaluation mode, the same for the same arguments."""
    return copy.deepcopy(_network(sam, classes, json.dumps(changes)))


@cache
def _network(sam: Path, classes: int, changes: str) -> SARTM:
    torch.manual_seed(0)
    made = build(settings(sam, **json.loads(changes)), classes)
    with torch.no_grad():
        for name, one in made.named_parameters():
            # LoRA starts as nothing: it would not be seen.
            if "b_query" in name or "b_value" in name:
                one.normal_(std=0.1)
    return made.eval()


def pictures(seed: int, count: int = 1, size: tuple[int, int] = (32, 64)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *size, 4), generator=generator, dtype=torch.uint8)


def seen(network: SARTM, image: Tensor, present: list[float]) -> Outputs:
    streams = torch.tensor([present] * len(image))
    with torch.no_grad():
        return network.outputs(normalise(image, streams), streams)


def batch(seed: int = 0, present: list[list[float]] | None = None) -> Batch:
    """Two pictures, each with all classes and a part that is unlabelled."""
    label = torch.arange(CLASSES).repeat_interleave(20)[:, None].expand(60, 64)
    label = torch.cat([label, torch.full((4, 64), 255)])[None].expand(2, -1, -1).clone()
    return Batch(pictures(seed, 2, (64, 64)), label, torch.tensor(present or [BOTH, BOTH]))


@pytest.mark.parametrize(("size", "classes"), [((32, 64), 2), ((48, 32), 9), ((80, 96), 15)])
def test_any_picture_size_and_any_number_of_classes(sam: Path, size: tuple[int, int], classes: int) -> None:
    found = seen(network(sam, classes), pictures(0, 2, size), BOTH)
    assert found.auxiliary is not None
    assert found.logits.shape == found.auxiliary.shape == (2, classes, size[0] // 4, size[1] // 4)
    assert found.fused.shape == (2, 256, size[0] // 16, size[1] // 16)


@pytest.mark.parametrize("fusion", ["frm_ffm", "none"])
def test_thermal_reaches_decoder_auxiliary_head_and_prototypes(sam: Path, fusion: str) -> None:
    made = network(sam, fusion=fusion)
    image = pictures(0)
    other = image.clone()
    other[..., 3] = 255 - other[..., 3]
    cold, warm = seen(made, image, BOTH), seen(made, other, BOTH)
    for name in ("logits", "auxiliary", "thermal", "fused"):
        assert float((getattr(cold, name) - getattr(warm, name)).abs().max()) > 1e-4, name


def test_the_streams_are_not_the_same_picture(sam: Path) -> None:
    found = seen(network(sam, fusion="none"), pictures(0), BOTH)
    assert not torch.allclose(found.rgb, found.thermal, atol=1e-2)
    torch.testing.assert_close(found.fused, (found.rgb + found.thermal) / 2)


@pytest.mark.parametrize("fusion", ["frm_ffm", "none"])
@pytest.mark.parametrize(("present", "hidden"), [(RGB, [3]), (THERMAL, [0, 1, 2])])
def test_what_a_missing_stream_holds_changes_nothing(
    sam: Path, fusion: str, present: list[float], hidden: list[int]
) -> None:
    made, streams = network(sam, fusion=fusion), torch.tensor([present])
    image = torch.randn(1, 4, 32, 64, generator=torch.Generator().manual_seed(0))
    other = image.clone()
    other[:, hidden] = 100.0
    with torch.no_grad():
        assert torch.equal(made(image, streams), made(other, streams))
        assert not torch.equal(made(image, streams), made(image, torch.tensor([BOTH])))


def test_one_batch_mixes_pictures_with_and_without_a_stream(sam: Path) -> None:
    made, image = network(sam), pictures(0, 3)
    streams = torch.tensor([BOTH, RGB, THERMAL])
    with torch.no_grad():
        together = made(normalise(image, streams), streams)
        apart = [made(normalise(image[i : i + 1], streams[i : i + 1]), streams[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-4, atol=1e-4)


def test_the_mean_by_hand() -> None:
    rgb, thermal = torch.tensor([2.0, 2.0, 2.0, torch.nan]), torch.tensor([4.0, torch.inf, 4.0, torch.nan])
    present = torch.tensor([BOTH, RGB, THERMAL, [0.0, 0.0]])
    shape = (4, 1, 1, 1)
    one, two, fused = mean([rgb.view(shape)], [thermal.view(shape)], present)
    assert one[0].flatten().tolist() == [2.0, 2.0, 0.0, 0.0]
    assert two[0].flatten().tolist() == [4.0, 0.0, 4.0, 0.0]
    assert fused[0].flatten().tolist() == [3.0, 2.0, 4.0, 0.0]


def test_logits_are_the_decoders_unless_the_auxiliary_head_is_asked_too(sam: Path) -> None:
    image, streams = pictures(0), torch.tensor([BOTH])
    alone, asked = network(sam), network(sam, auxiliary={"inference": True})
    assert torch.equal(alone.decoder.mask_tokens.weight, asked.decoder.mask_tokens.weight)
    found = seen(alone, image, BOTH)
    assert found.auxiliary is not None
    with torch.no_grad():
        assert torch.equal(alone(normalise(image), streams), found.logits)
        torch.testing.assert_close(asked(normalise(image), streams), (found.logits + found.auxiliary) / 2)


def test_the_decoder_starts_as_sams(sam: Path) -> None:
    official = torch.load(sam, weights_only=True)["mask_decoder.transformer.layers.0.mlp.lin1.weight"]
    started, drawn = network(sam), network(sam, decoder_from_sam=False)
    assert torch.equal(started.decoder.transformer.layers[0].mlp.lin1.weight, official)
    assert not torch.equal(drawn.decoder.transformer.layers[0].mlp.lin1.weight, official)


def test_nothing_is_created_at_forward_time_and_all_that_learns_gets_a_gradient(sam: Path) -> None:
    text = torch.randn(CLASSES, 8, generator=torch.Generator().manual_seed(0))
    language = {"text": {"kind": "matrix", "file": "text.pth", "rows": ["a", "b", "c"]}}
    wanted = settings(sam, language=language)
    objective = Objective(network(sam), wanted, text).train()
    names = [name for name, _ in objective.named_parameters()]
    optimiser = torch.optim.SGD([one for one in objective.parameters() if one.requires_grad], lr=0.1)
    before = {name: value.clone() for name, value in objective.named_parameters()}
    objective(batch())["loss"].backward()
    for name, one in objective.named_parameters():
        assert one.requires_grad == (one.grad is not None), name
    optimiser.step()
    objective(batch(1))
    assert [name for name, _ in objective.named_parameters()] == names
    changed = {
        name.split(".")[1] for name, one in objective.named_parameters() if not torch.equal(one, before[name])
    }
    assert changed == {"backbone", "fusion", "decoder", "auxiliary"}
    assert all(
        torch.equal(one, before[name]) for name, one in objective.named_parameters() if not one.requires_grad
    )


def test_every_part_can_be_left_out(sam: Path) -> None:
    bare = {"fusion": "none", "auxiliary": None, "distillation": None, "backbone": {"rank": 0}}
    made = network(sam, **bare)
    assert made.fusion is None and made.auxiliary is None
    assert not any("a_query" in name for name, _ in made.named_parameters())
    objective = Objective(made, settings(sam, **bare)).train()
    losses = objective(batch())
    assert set(losses) == {"loss", "segmentation"} and objective.shared is None
    losses["loss"].backward()
    assert all(one.requires_grad == (one.grad is not None) for one in objective.parameters())


def test_rare_classes_are_favoured_where_thermal_is_missing(sam: Path) -> None:
    made = network(sam)
    image, streams = pictures(0, 3), torch.tensor([BOTH, RGB, THERMAL])
    shown = normalise(image, streams)
    with torch.no_grad():
        plain, before = made(shown, streams), made.outputs(shown, streams)
        made.adjust(torch.tensor([0.5, 0.25, 0.0]), 0.5)
        found, after = made(shown, streams), made.outputs(shown, streams)
    expected = -0.5 * torch.tensor([math.log(0.5), math.log(0.25), math.log(1e-4)])
    torch.testing.assert_close(found[1] - plain[1], expected[:, None, None].expand_as(plain[1]))
    assert torch.equal(found[0], plain[0]) and torch.equal(found[2], plain[2])
    assert torch.equal(after.logits, before.logits)
    assert made.state_dict().keys() == network(sam).state_dict().keys()


@pytest.mark.parametrize("fusion", ["frm_ffm", "none"])
def test_what_is_missing_is_not_encoded_in_training_and_changes_nothing(sam: Path, fusion: str) -> None:
    made, streams = network(sam, fusion=fusion), torch.tensor([BOTH, RGB, THERMAL])
    encoded: list[int] = []
    made.backbone.register_forward_pre_hook(lambda _, given: encoded.append(len(given[0])))
    image = normalise(pictures(0, 3), streams)
    with torch.no_grad():
        expected = made(image, streams)
        made.train()
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()  # else it would see other statistics
        found = made(image, streams)
    torch.testing.assert_close(found, expected)
    assert encoded == [6, 4]


def test_the_loss_is_the_weighted_sum_of_its_parts(sam: Path) -> None:
    torch.manual_seed(0)
    text = torch.randn(CLASSES, 8)
    language = {"text": {"kind": "matrix", "file": "text.pth", "rows": ["a", "b", "c"]}}
    made = network(sam)
    plain = Objective(made, settings(sam, language=language), text)
    heavy = Objective(
        made,
        settings(
            sam,
            segmentation=2.0,
            auxiliary={"weight": 3.0},
            language={**language, "weight": 4.0},
            distillation={"weight": 5.0},
        ),
        text,
    )
    for one in (plain, heavy):
        # G as it is after another batch, so that it is not what this batch has.
        one.train()(batch(1))
        one.eval()
    with torch.no_grad():
        light, loaded = plain(batch()), heavy(batch())
    names = ("segmentation", "auxiliary", "language", "distillation")
    assert set(light) == {"loss", *names} and all(float(light[name]) > 0 for name in names)
    assert float(light["loss"]) == pytest.approx(sum(float(light[name]) for name in names))
    for name, weight in zip(names, (2, 3, 4, 5), strict=True):
        assert float(loaded[name]) == pytest.approx(weight * float(light[name]), rel=1e-5)


def test_class_weights_reach_both_heads_and_no_checkpoint(sam: Path) -> None:
    made = network(sam)
    weights = torch.tensor([0.0, 0.0, 1.0])
    plain, weighted = (Objective(made, settings(sam), weights=one).eval() for one in (None, weights))
    shown = batch()
    of_last = shown._replace(label=torch.where(shown.label == 2, 2, 255))
    with torch.no_grad():
        expected, found = plain(of_last), weighted(shown)
    for name in ("segmentation", "auxiliary"):
        assert float(found[name]) == pytest.approx(float(expected[name]), rel=1e-5)
    assert plain.state_dict().keys() == weighted.state_dict().keys()


@pytest.mark.parametrize("stream", [0, 1])
def test_distillation_pulls_at_either_stream_that_is_there(sam: Path, stream: int) -> None:
    alone = [RGB, THERMAL][stream]
    objective = Objective(network(sam, auxiliary=None), settings(sam, auxiliary=None)).eval()
    shown = batch(0, [alone, alone])
    with torch.no_grad():
        assert objective(shown)["distillation"].item() == 0  # no prototype is known yet
        objective.train()(batch(1))
        objective.eval()
        outputs = objective.network.outputs(normalise(shown.image, shown.present), shown.present)
        streams = objective._of_streams(outputs, shown)
        assert streams[stream].known.all() and not streams[1 - stream].known.any()
        assert objective(shown)["distillation"].item() > 0


def test_prototypes_are_saved_and_follow_training_alone(sam: Path) -> None:
    objective = Objective(network(sam), settings(sam))
    objective.eval()(batch())
    assert not objective.state_dict()["shared.seen"].any()
    objective.train()(batch())
    state = {name: value.clone() for name, value in objective.state_dict().items()}
    assert state["shared.seen"].all() and float(state["shared.mean"].abs().max()) > 1e-3
    assert not any("vit.patch_embed" in name for name in state)
    other = Objective(network(sam), settings(sam))
    other.load_state_dict(state)
    assert all(torch.equal(value, state[name]) for name, value in other.state_dict().items())


def test_the_names_of_pst900_are_in_the_order_of_its_ids(sam: Path, tmp_path: Path) -> None:
    # In the released code text and masks of classes 1 and 3 are swapped.
    rows = ["survivor", "hand drill", "backpack", "fire extinguisher", "background"]
    torch.save(torch.eye(5), tmp_path / "text.pth")
    text = MatrixText(file=tmp_path / "text.pth", rows=rows)
    wanted = settings(sam, label_set="pst900_5", language={"text": text.model_dump()})
    found = embeddings(wanted, label_set(wanted.label_set))
    assert found is not None
    assert [rows[int(row.argmax())] for row in found] == [
        "background", "fire extinguisher", "backpack", "hand drill", "survivor",
    ]  # fmt: skip


def test_parameters_are_counted_apart(sam: Path) -> None:
    told = parameters(network(sam))
    less = parameters(network(sam, backbone={"rank": 0}))
    assert told["frozen"] == less["frozen"] > 0
    # Rank 2, 32 channels in and out, q and v of two blocks.
    assert told["trainable"] - less["trainable"] == 2 * 2 * (2 * 32 + 32 * 2)


@pytest.mark.parametrize(
    ("text", "words"), [(None, "needs the embeddings"), (torch.ones(4, 8), "4 embeddings for 3 classes")]
)
def test_language_needs_an_embedding_for_each_class(sam: Path, text: Tensor | None, words: str) -> None:
    language = {"text": {"kind": "matrix", "file": "text.pth", "rows": ["a", "b", "c"]}}
    with pytest.raises(ValueError, match=words):
        Objective(network(sam), settings(sam, language=language), text)


def test_an_average_needs_an_auxiliary_head(sam: Path) -> None:
    encoder = network(sam).backbone
    with pytest.raises(ValueError, match="no auxiliary head"):
        SARTM(encoder, CLASSES, fusion=None, auxiliary=False, average=True)
