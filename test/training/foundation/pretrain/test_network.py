# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
import torch

pytest.importorskip("segment_anything", reason="segment-anything is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")

from training.foundation.pretrain.network import Batch, Pretraining, hide
from training.foundation.pretrain.settings import Weights
from training.foundation.sam import Encoder, build

TINY = Encoder(width=32, depth=2, heads=2, global_blocks=(1,), image_size=64)


@pytest.fixture(scope="module")
def model() -> Pretraining:
    torch.manual_seed(0)
    return Pretraining(build(TINY), 0.6, Weights())


def batch() -> Batch:
    mask = torch.zeros(2, 3, 16, 16, dtype=torch.bool)
    mask[..., 2:9, 4:12] = True
    return Batch(
        torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8),
        torch.randint(4, 12, (2, 3, 2)),
        mask,
        torch.tensor([0, 1, 1, 2]).expand(2, 4, 4),
    )


def test_without_hidden_patches_it_is_the_librarys_encoder(model: Pretraining) -> None:
    image = model.normalised(batch().image)
    torch.testing.assert_close(model.encode(image), model.sam.image_encoder(image))


def test_hidden_patches_are_not_seen(model: Pretraining) -> None:
    images = batch().image
    hidden = torch.zeros(2, 4, 4, dtype=torch.bool)
    hidden[:, 1, 2] = True
    first = model.encode(model.normalised(images), hidden)
    images[:, 16:32, 32:48] = 0
    torch.testing.assert_close(model.encode(model.normalised(images), hidden), first)
    images[:, 16:32, 48:] = 0
    assert not torch.allclose(model.encode(model.normalised(images), hidden), first, atol=1e-3)


def test_several_pictures_are_decoded_as_the_library_decodes_one(model: Pretraining) -> None:
    sam, points = model.sam, torch.rand(2, 3, 2) * 30 + 16
    embedding = torch.randn(2, 256, 4, 4)
    logits, quality = model.decode(embedding, points)
    assert logits.shape == (2, 3, 3, 16, 16) and quality.shape == (2, 3, 3)
    for index in range(2):
        inside = torch.ones(3, 1, dtype=torch.int)
        sparse, dense = sam.prompt_encoder(points=(points[index][:, None], inside), boxes=None, masks=None)
        own, own_quality = sam.mask_decoder(
            embedding[index : index + 1], sam.prompt_encoder.get_dense_pe(), sparse, dense, True
        )
        torch.testing.assert_close(logits[index], own, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(quality[index], own_quality, rtol=1e-4, atol=1e-5)


def test_points_are_asked_for_where_they_are_in_bfloat16_too(
    model: Pretraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, encoder = [], model.sam.prompt_encoder
    forward = encoder.forward

    def watched(points: tuple[torch.Tensor, torch.Tensor], **others: None) -> Any:
        found = forward(points=points, **others)
        asked.append((points[0], found[0]))
        return found

    monkeypatch.setattr(encoder, "forward", watched)
    shown = batch()
    shown.point[0, 0] = torch.tensor([13, 7])
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            model(shown)
    for places, embedded in asked:
        assert places[0].tolist() == [
            [4 * 13 + 1.5, 4 * 7 + 1.5]
        ]  # half a pixel less than the logit's middle
        assert places.dtype == embedded.dtype == torch.float32
    torch.testing.assert_close(asked[0][1], asked[1][1])


def test_whatever_can_learn_does(model: Pretraining) -> None:
    """Several processes wait for the gradient of each parameter."""
    torch.manual_seed(1)
    losses = model(batch())
    weighted = 20 * losses["focal"] + sum(losses[name] for name in ("dice", "quality", "pixels", "grouping"))
    torch.testing.assert_close(losses["loss"], weighted)
    model.zero_grad()
    losses["loss"].backward()
    idle = [name for name, one in model.named_parameters() if one.requires_grad and one.grad is None]
    assert not idle


def test_hidden_shares_spread_up_to_the_largest() -> None:
    torch.manual_seed(0)
    shares = hide(400, 10, 0.6, torch.device("cpu")).float().mean((1, 2))
    assert shares.min() < 0.03 and 0.57 < shares.max() <= 0.6
    assert shares.mean() == pytest.approx(0.3, abs=0.03)
    assert not hide(3, 4, 0.0, torch.device("cpu")).any()
