# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import torch

from training.networks import (
    MEAN,
    STD,
    THERMAL_MEAN,
    THERMAL_STD,
    Segformer,
    Variant,
    load_pretrained,
    normalise,
    segformer,
    subpixels,
    widen,
    wrap,
)


@pytest.fixture(scope="module")
def network() -> Segformer:
    torch.manual_seed(0)
    return segformer("b0", 5, decoder=32).eval()


def test_the_reordered_head_computes_what_the_library_computes(network: Segformer) -> None:
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        logits, expected = network(image), network.model(image).logits
    assert logits.shape == (1, 5, 16, 24) and float(expected.std()) > 1e-3
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_b0_has_the_parameters_of_the_paper() -> None:
    # Table 1 of the paper counts 3.8 M with 150 classes.
    assert sum(p.numel() for p in segformer("b0", 150).parameters()) / 1e6 == pytest.approx(3.75, abs=0.06)


def test_fresh_logits_are_close_together(network: Segformer) -> None:
    with torch.no_grad():
        assert float(network(torch.randn(1, 3, 64, 64)).std()) < 1.0


def test_normalise_by_hand() -> None:
    image = torch.tensor([[[[0, 100, 255]]]], dtype=torch.uint8)  # blue, green, red
    expected = [(value - mean) / std for value, mean, std in zip((255, 100, 0), MEAN, STD, strict=True)]
    assert normalise(image).flatten().tolist() == pytest.approx(expected, rel=1e-5)


def test_a_missing_stream_is_zero() -> None:
    image = torch.tensor([0, 100, 255, 200], dtype=torch.uint8).view(1, 1, 1, 4).expand(3, 1, 1, 4)
    both, rgb, thermal = normalise(image, torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))[..., 0, 0]
    assert both.tolist() == normalise(image)[0, :, 0, 0].tolist()
    assert both[3] == pytest.approx((200 - THERMAL_MEAN) / THERMAL_STD)
    assert rgb.tolist() == [*both[:3].tolist(), 0] and thermal.tolist() == [0, 0, 0, both[3].item()]


def test_a_widened_network_starts_as_the_rgb_network(network: Segformer) -> None:
    wide = segformer("b0", 5, decoder=32, channels=4).eval()
    wide.load_state_dict(widen(network.state_dict(), 4))
    image = torch.randn(1, 4, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(wide(image), network(image[:, :3]), rtol=1e-4, atol=1e-5)
    assert widen(network.state_dict(), 3).keys() == network.state_dict().keys()


def test_published_weights_fit_a_network_with_thermal(network: Segformer, tmp_path: Path) -> None:
    network.model.save_pretrained(tmp_path)
    wide = segformer("b0", 5, decoder=32, channels=4)
    load_pretrained(wide, tmp_path)


def test_wrap_continues_on_the_other_side() -> None:
    row = torch.arange(5.0).view(1, 1, 1, 5)
    assert wrap(row, 2).flatten().tolist() == [3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert wrap(row, 0) is row


def test_weights_of_another_number_of_classes_fit_but_for_the_classifier(
    network: Segformer, tmp_path: Path
) -> None:
    network.model.save_pretrained(tmp_path)
    other = segformer("b0", 7, decoder=32)
    load_pretrained(other, tmp_path)
    ours, theirs = other.model.state_dict(), network.model.state_dict()
    name = "decode_head.linear_fuse.weight"
    assert torch.equal(ours[name], theirs[name]) and ours["decode_head.classifier.weight"].shape[0] == 7


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    small = segformer("b0", 5, decoder=32)
    with pytest.raises(FileNotFoundError, match=r"give a \.safetensors file or a folder"):
        load_pretrained(small, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(ValueError, match=r"is no readable \.safetensors file"):
        load_pretrained(small, tmp_path)
    save_file({"something.else": torch.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(
        ValueError, match=r"encoder in .* is not that of this network: give weights of the same"
    ):
        load_pretrained(small, tmp_path)


@pytest.mark.parametrize(("theirs", "ours"), [("b1", "b2"), ("b2", "b1")])
def test_weights_of_another_depth_are_refused(tmp_path: Path, theirs: Variant, ours: Variant) -> None:
    segformer(theirs, 5, decoder=32).model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="give weights of the same SegFormer variant"):
        segformer(ours, 5, decoder=32, weights=tmp_path)


def test_finer_logits_begin_as_the_coarser_ones_and_back(network: Segformer) -> None:
    image = torch.randn(1, 3, 64, 96)
    fine = segformer("b0", 5, decoder=32, subpixel=2).eval()
    fine.load_state_dict(subpixels(network.state_dict(), fine))
    again = segformer("b0", 5, decoder=32).eval()
    with torch.no_grad():
        coarse = network(image)
        assert fine(image).shape == (1, 5, 32, 48)
        repeated = coarse.repeat_interleave(2, -1).repeat_interleave(2, -2)
        torch.testing.assert_close(fine(image), repeated)
        again.load_state_dict(subpixels(fine.state_dict(), again))
        torch.testing.assert_close(again(image), coarse)


def test_logits_become_finer_and_coarser_by_blocks() -> None:
    two, four = (segformer("b0", 5, decoder=32, subpixel=side).eval() for side in (2, 4))
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        torch.nn.init.normal_(two.model.decode_head.classifier.weight)
        four.load_state_dict(subpixels(two.state_dict(), four))
        blocks = two(image).repeat_interleave(2, -1).repeat_interleave(2, -2)
        torch.testing.assert_close(four(image), blocks)
        torch.nn.init.normal_(four.model.decode_head.classifier.weight)
        two.load_state_dict(subpixels(four.state_dict(), two))
        averaged = torch.nn.functional.avg_pool2d(four(image), 2)
        torch.testing.assert_close(two(image), averaged, rtol=1e-4, atol=1e-5)


def test_a_whole_published_network_begins_finer_logits(network: Segformer, tmp_path: Path) -> None:
    network.model.save_pretrained(tmp_path)
    fine = segformer("b0", 5, decoder=32, subpixel=2, weights=tmp_path).eval()
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        blocks = network(image).repeat_interleave(2, -1).repeat_interleave(2, -2)
        torch.testing.assert_close(fine(image), blocks)


def test_each_place_has_its_own_finer_logits() -> None:
    fine = segformer("b0", 5, decoder=32, subpixel=2).eval()
    torch.nn.init.zeros_(fine.model.decode_head.classifier.weight)
    torch.nn.init.zeros_(fine.model.decode_head.classifier.bias)
    with torch.no_grad():
        fine.model.decode_head.classifier.bias[3 * 4 + 1] = 1.0  # of class 3: the upper right of four
        found = fine(torch.randn(1, 3, 32, 32))
    assert float(found[0, 3, 0::2, 1::2].min()) == 1.0 and float(found.sum()) == 64.0
