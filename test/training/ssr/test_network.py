# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.networks import normalise
from training.ssr.daformer import DAFormer, daformer, stages
from training.ssr.losses import segmentation_loss
from training.ssr.network import SSR, Batch
from training.ssr.settings import Settings
from training.ssr.teacher import teaching

SIDE, CLASSES = 64, 19
ADAPTS = {"self_training": {"ignore_top": 4, "ignore_bottom": 8, "threshold": 0.0}}
DISTANCE = {"feature_distance": {"classes": ["car", "person"], "min_share": 0.6}}
MASKS = {"masking": {"block": 16}}


def regularised(*chosen: int, **more: Any) -> dict[str, Any]:
    return {"regularisation": {"encoder": {"checkpoint": "sam.pth"}, "stages": list(chosen), **more}}


def settings(*parts: dict[str, Any]) -> Settings:
    pictures = {"kind": "world", "path": "world", "size": (SIDE, SIDE)}
    values: dict[str, Any] = {
        "name": "run",
        "size": (SIDE, SIDE),
        "crop": (SIDE, SIDE),
        "source": [pictures],
        "target": [pictures],
        "places": 1,
        "self_training": None,
        "schedule": {"steps": 1},
    }
    for part in parts:
        values |= part
    return Settings(**values)


class Encoder(nn.Module):
    """Something in SAM's place that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Linear(3, 256)
        self.asked: list[tuple[Tensor, Sequence[str] | None]] = []

    def forward(self, images: Tensor, keys: Sequence[str] | None) -> Tensor:
        self.asked.append((images, keys))
        coarse = nn.functional.avg_pool2d(images.permute(0, 3, 1, 2).float() / 255, SIDE // 4)
        return self.projection(coarse.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@cache
def _made() -> DAFormer:
    torch.manual_seed(0)
    return daformer("b0", CLASSES, channels=16)


def student() -> DAFormer:
    return deepcopy(_made())


def model(*parts: dict[str, Any]) -> SSR:
    wanted = settings(*parts)
    torch.manual_seed(1)
    return SSR(student(), wanted, Encoder() if wanted.regularisation else None).train()


def batch(seed: int = 0) -> Batch:
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, CLASSES, (2, 2, 2), generator=random)
    coarse[0, 0, 0], coarse[1, 1, 1] = 13, 255  # a car, and nothing known
    label = coarse.repeat_interleave(SIDE // 2, 1).repeat_interleave(SIDE // 2, 2)
    source, target = (
        torch.randint(0, 256, (2, SIDE, SIDE, 3), dtype=torch.uint8, generator=random) for _ in range(2)
    )
    return Batch(source, label, target, ("first", "second"))


def step(network: SSR, seed: int = 7) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return network(batch())


SOURCE, MIX = ["source"], ["source", "mix"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], SOURCE),
        ([DISTANCE], [*SOURCE, "feature_distance"]),
        ([regularised(3)], [*SOURCE, "source_enhanced"]),
        ([ADAPTS], MIX),
        ([ADAPTS, DISTANCE], [*MIX, "feature_distance"]),
        ([ADAPTS, MASKS], [*MIX, "masked"]),
        *(([ADAPTS, regularised(i)], [*MIX, "source_enhanced", "mix_enhanced"]) for i in range(4)),
        (
            [ADAPTS, DISTANCE, MASKS, regularised(0, 1, 2, 3)],
            [*MIX, "source_enhanced", "mix_enhanced", "feature_distance", "masked"],
        ),
    ],
)
def test_losses_and_gradients(parts: list[dict[str, Any]], expected: list[str]) -> None:
    network = model(*parts)
    losses = step(network)
    assert set(losses) == {"loss", *expected}
    assert all(one.ndim == 0 and bool(one.isfinite()) for one in losses.values())
    assert losses["loss"].item() == pytest.approx(sum(losses[name].item() for name in expected), rel=1e-5)
    losses["loss"].backward()
    for name, parameter in network.named_parameters():
        learns = name.startswith(("student.", "regulariser."))
        assert parameter.requires_grad == learns and (parameter.grad is not None) == learns, name
    assert network.steps.item() == 1
    assert (network.teacher is None) == ("mix" not in expected)
    assert (network.reference is None) == ("feature_distance" not in expected)
    assert (network.regulariser is None) == ("source_enhanced" not in expected)


@pytest.fixture(scope="module")
def everything() -> SSR:
    return model(ADAPTS, DISTANCE, MASKS, regularised(0, 1, 2, 3))


def test_nothing_of_the_encoder_is_in_the_module(everything: SSR) -> None:
    tops = {name.split(".")[0] for name in everything.state_dict()}
    assert tops == {"student", "teacher", "reference", "regulariser", "steps"}
    assert not any(isinstance(module, Encoder) for module in everything.modules())
    assert not any("projection." in name for name in everything.state_dict())


def test_the_student_is_a_plain_daformer(everything: SSR) -> None:
    own = everything.state_dict()
    deployed = {name.removeprefix("student."): own[name] for name in own if name.startswith("student.")}
    plain = daformer("b0", CLASSES, channels=16).eval()
    plain.load_state_dict(deployed)  # no name too many, none missing
    image = normalise(batch().target)
    with torch.no_grad():
        assert torch.equal(plain(image), everything.student.eval()(image))
    everything.train()


def without_chance(network: SSR) -> SSR:
    """Nothing of the student is dropped, and normalisation uses batches all the same."""
    teaching(network.student)
    return network


@pytest.mark.parametrize("more", [{}, {"weight": 5.0, "one_by_one": True}])
def test_the_plain_branch_does_not_know_of_the_regulariser(more: dict[str, Any]) -> None:
    plain = step(without_chance(model(ADAPTS, DISTANCE, MASKS)))
    network = without_chance(model(ADAPTS, DISTANCE, MASKS, regularised(0, 2, **more)))
    assert network.regulariser is not None
    for parameter in network.regulariser.parameters():
        nn.init.normal_(parameter)
    losses = step(network)
    for name in ("source", "mix", "feature_distance", "masked"):
        assert torch.equal(losses[name], plain[name]), name


@pytest.mark.parametrize("name", ["source_enhanced", "mix_enhanced"])
def test_the_enhanced_branch_teaches_encoder_regulariser_and_head(everything: SSR, name: str) -> None:
    everything.zero_grad(set_to_none=True)
    step(everything)[name].backward()
    assert everything.regulariser is not None
    learned = {
        **{f"student.{key}": value for key, value in everything.student.named_parameters()},
        **{f"regulariser.{key}": value for key, value in everything.regulariser.named_parameters()},
    }
    for key, parameter in learned.items():
        assert parameter.grad is not None, key
    for part in ("student.encoder.stages.0", "student.encoder.stages.3", "student.head", "regulariser"):
        assert any(
            value.grad is not None and value.grad.abs().sum() > 0
            for key, value in learned.items()
            if key.startswith(part)
        )


@pytest.mark.parametrize("name", ["source", "mix", "masked", "feature_distance"])
def test_the_plain_losses_do_not_teach_the_regulariser(everything: SSR, name: str) -> None:
    everything.zero_grad(set_to_none=True)
    step(everything)[name].backward()
    assert everything.regulariser is not None
    assert all(parameter.grad is None for parameter in everything.regulariser.parameters())
    assert any(parameter.grad is not None for parameter in everything.student.parameters())


def test_losses_by_their_equations() -> None:
    network = without_chance(model(ADAPTS, DISTANCE, regularised(1, 3, weight=0.5)))
    assert network.regulariser is not None
    for parameter in network.regulariser.parameters():
        nn.init.normal_(parameter)
    drawn, losses = batch(), step(network)
    features = network.student.encode(normalise(drawn.source))
    embedding = network._embedding[0](drawn.source, None)
    plain = segmentation_loss(network.student.decode(features), drawn.label)
    torch.testing.assert_close(losses["source"], plain)
    enhanced = network.student.decode(network.regulariser(features, embedding))
    expected = 0.5 * segmentation_loss(enhanced, drawn.label)
    torch.testing.assert_close(losses["source_enhanced"], expected)
    assert losses["source_enhanced"].item() != pytest.approx(0.5 * losses["source"].item(), rel=1e-5)
    # The student is still what it started from.
    assert losses["feature_distance"].item() == pytest.approx(0.0, abs=1e-6)
    with torch.no_grad():
        network.student.encoder.stages[3].layer_norm.bias += 1.0
    # Every one of 256 channels is off by 1: a length of 16, on the cells of the car and of other things.
    assert step(network)["feature_distance"].item() == pytest.approx(0.005 * 16.0, rel=1e-4)


def test_the_mix_is_of_the_teachers_labels() -> None:
    network = without_chance(model(ADAPTS))
    drawn = batch()
    pseudo = network.pseudo(drawn.target)
    assert pseudo.label.shape == (2, SIDE, SIDE)
    assert pseudo.weight[:, :4].sum() == pseudo.weight[:, -8:].sum() == 0
    assert (pseudo.weight[:, 4:-8] == 1).all()  # everything is sure at threshold 0
    torch.manual_seed(7)
    mixed = network.mixed(drawn, pseudo)
    from_source = (mixed.weight == 1) & (mixed.label == drawn.label)
    assert (from_source | (mixed.label == pseudo.label)).all()
    assert from_source.any() and not from_source.all()
    # The same draws again within a step, so the loss is that of this picture.
    logits = network.student(normalise(mixed.image))
    torch.testing.assert_close(step(network)["mix"], segmentation_loss(logits, mixed.label, mixed.weight))


def test_a_masked_picture_keeps_the_labels_of_the_whole_one() -> None:
    still = {"self_training": {"jitter_probability": 0.0, "blur_probability": 0.0, "ignore_bottom": 8}}
    network = without_chance(model(still, {"masking": {"block": SIDE, "ratio": 0.999, "weight": 2.0}}))
    drawn = batch()
    pseudo = network.pseudo(drawn.target)
    # All is hidden: the student sees the mean colour.
    logits = network.student(torch.zeros(2, 3, SIDE, SIDE))
    expected = 2.0 * segmentation_loss(logits, pseudo.label, pseudo.weight)
    torch.testing.assert_close(step(network)["masked"], expected)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [(4, None)]),
        ({"one_by_one": True}, [(2, ("first", "second")), (2, None)]),
        ({"cache": Path("embeddings")}, [(2, ("first", "second")), (2, None)]),
    ],
)
def test_what_sam_is_asked(more: dict[str, Any], expected: list[tuple[int, Any]]) -> None:
    network = model(ADAPTS, MASKS, regularised(3, **more))
    step(network)
    encoder: Any = network._embedding[0]
    assert [(len(images), keys) for images, keys in encoder.asked] == expected
    assert torch.equal(encoder.asked[0][0][:2], batch().source)
    assert all(images.dtype == torch.uint8 for images, _ in encoder.asked)
    assert all(parameter.grad is None for parameter in encoder.parameters())


@torch.no_grad()
def moved_by_one(network: nn.Module) -> None:
    torch._foreach_add_(list(network.parameters()), 1.0)


def test_the_teacher_follows_and_a_resumed_run_goes_on() -> None:
    network = model(ADAPTS)
    assert network.teacher is not None
    first = [parameter.detach().clone() for parameter in network.student.parameters()]
    moved_by_one(network.student)
    step(network)  # step 0: the teacher is the student
    assert all(
        torch.equal(mine, theirs)
        for mine, theirs in zip(network.teacher.parameters(), network.student.parameters(), strict=True)
    )
    resumed = model(ADAPTS)
    resumed.load_state_dict(network.state_dict())
    for each in (network, resumed):
        moved_by_one(each.student)
        step(each)  # step 1: half way between the student before and the student now
        assert each.steps.item() == 2 and each.teacher is not None
        for mine, start in zip(each.teacher.parameters(), first, strict=True):
            torch.testing.assert_close(mine, start + 1.5)


def test_evaluation_changes_nothing() -> None:
    network = model(ADAPTS, DISTANCE, MASKS, regularised(3))
    step(network)
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        assert set(step(network)) > {"loss", "mix", "masked"}
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_modes_of_what_is_frozen(everything: SSR) -> None:
    assert everything.teacher is not None and everything.reference is not None
    everything.eval()
    assert not any(module.training for module in everything.modules())
    everything.train()
    assert everything.student.training and everything.student.head.dropout.training
    assert not any(module.training for module in everything.reference.modules())
    training = [module for module in everything.teacher.modules() if module.training]
    assert training and all(isinstance(module, nn.BatchNorm2d) for module in training)
    image = normalise(batch().source)
    with torch.no_grad():
        start = student().eval()
        assert torch.equal(stages(everything.reference, image)[3], start.encode(image)[3])


def test_without_self_training_the_target_is_not_looked_at() -> None:
    network = model(regularised(3))
    losses = network(batch()._replace(target=torch.zeros(0, SIDE, SIDE, 3, dtype=torch.uint8)))
    assert set(losses) == {"loss", "source", "source_enhanced"}


def test_regularisation_needs_an_embedding() -> None:
    with pytest.raises(ValueError, match="regularisation needs the embedding of an image encoder"):
        SSR(student(), settings(ADAPTS, regularised(3)), None)


def test_a_batch_moves() -> None:
    moved = batch().to(torch.device("meta"))
    assert moved.source.is_meta and moved.label.is_meta and moved.target.is_meta
    assert moved.keys == ("first", "second")


def running(of: SSR) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in of.student.head.state_dict().items() if "running" in name}


@pytest.mark.parametrize("parts", [(regularised(0, 1, 2, 3),), (ADAPTS, MASKS)], ids=["enhanced", "masked"])
def test_statistics_are_those_of_what_is_deployed(parts: tuple[dict[str, Any], ...]) -> None:
    plain, ours = model(*(part for part in parts if part is ADAPTS)), model(*parts)
    theirs = model(*parts, {"shared_statistics": True})
    for one in (plain, ours, theirs):
        for module in one.student.modules():
            if isinstance(module, nn.Dropout | nn.Dropout2d) or type(module).__name__.endswith("DropPath"):
                module.eval()
        torch.manual_seed(2)
        one(batch())
    before = {name: value for name, value in student().head.state_dict().items() if "running" in name}
    for name, value in running(plain).items():
        assert not torch.equal(value, before[name])
        torch.testing.assert_close(running(ours)[name], value)
    assert any(not torch.allclose(value, running(plain)[name]) for name, value in running(theirs).items())
    # It is the running statistics alone that are kept: later passes move them as ever.
    assert all(one.momentum == 0.1 for one in ours.student.modules() if isinstance(one, nn.BatchNorm2d))
