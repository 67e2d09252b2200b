# SPDX-License-Identifier: Apache-2.0
import io
import sys
import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from segment_anything.modeling import MaskDecoder, TwoWayTransformer
from segment_anything.modeling.prompt_encoder import PositionEmbeddingRandom
from small_sam2 import small_sam2
from torch import Tensor, nn
from transformers import Sam2Config, Sam2Model

from training.foundation.sam import Encoder, build
from training.sartm.decoder import MaskTokens, start_from

WIDTH, SMALL = 32, {"heads": 2, "mlp": 64}
EVEN, ODD = ((12, 20), (6, 10), (3, 5)), ((13, 9), (7, 5), (4, 3))  # of FFP, IFP and SFM

Sizes = tuple[tuple[int, int], ...]


def decoder(classes: int = 5) -> MaskTokens:
    torch.manual_seed(0)
    return MaskTokens(classes, WIDTH, **SMALL)


def features(batch: int = 2, sizes: Sizes = EVEN) -> tuple[Tensor, list[Tensor]]:
    random = torch.Generator().manual_seed(1)
    ffp, ifp, sfm = (
        torch.randn(batch, width, *size, generator=random)
        for width, size in zip((WIDTH // 8, WIDTH // 4, WIDTH), sizes, strict=True)
    )
    return sfm, [ffp, ifp]


def test_positions_are_sams() -> None:
    made = decoder()
    library = PositionEmbeddingRandom(WIDTH // 2)
    library.positional_encoding_gaussian_matrix = made.frequencies
    for size in ((3, 5), (1, 1), (30, 40)):
        torch.testing.assert_close(made._position(size)[0], library(size), atol=1e-4, rtol=0)
    assert "frequencies" in made.state_dict()
    plain = made._position((30, 40))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(made._position((30, 40)), plain)


def test_without_finer_features_it_is_sams_decoder() -> None:
    # The library's own, with as many masks, its first token that of the IoU: shown to nobody here.
    made = decoder(4).eval()
    theirs = MaskDecoder(
        transformer_dim=WIDTH,
        transformer=TwoWayTransformer(depth=2, embedding_dim=WIDTH, num_heads=2, mlp_dim=64),
        num_multimask_outputs=3,
    )
    theirs.load_state_dict(
        {name: one for name, one in made.state_dict().items() if name != "frequencies"}, strict=False
    )
    sfm, high = features(1)
    with torch.no_grad():
        # All tokens attend to each other, so the IoU token is left out of the library's by hand.
        tokens, picture = theirs.transformer(sfm, made._position((3, 5)), theirs.mask_tokens.weight[None])
        upscaled = theirs.output_upscaling(picture.transpose(1, 2).view(1, WIDTH, 3, 5))
        filters = [mlp(tokens[:, index]) for index, mlp in enumerate(theirs.output_hypernetworks_mlps)]
        expected = torch.einsum("kbc,bchw->bkhw", torch.stack(filters), upscaled)
        found = made(sfm, [torch.zeros_like(one) for one in high])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_finer_features_are_added_where_they_belong() -> None:
    # Nothing comes from SFM, and normalisation of what is alike in all channels gives zero.
    made = decoder(2).eval()
    for part in (made.output_upscaling[0], made.output_upscaling[3]):
        for parameter in part.parameters():
            nn.init.zeros_(parameter)
    sfm, (ffp, ifp) = features(1)
    with torch.no_grad():
        last = made.output_upscaling[-1]
        # IFP is seen through the norm and the second transposed convolution alone, which here says nothing.
        assert torch.equal(made(sfm, [ffp, ifp]), made(sfm, [ffp, 2 * ifp + 1]))
        found = made(sfm, [ffp, ifp])
        tokens = made.transformer(sfm, made._position((3, 5)), made.mask_tokens.weight[None])[0]
        for index, network in enumerate(made.output_hypernetworks_mlps):
            expected = torch.einsum("bc,bchw->bhw", network(tokens[:, index]), last(ffp))
            torch.testing.assert_close(found[:, index], expected)
        # A second one that copies channel 0 shows GELU(LN(IFP)), each value to the four pixels it covers.
        made.output_upscaling[3].weight[0, 0] = 1.0
        middle = last(made.output_upscaling[1](ifp))[:, :1].repeat_interleave(2, 2).repeat_interleave(2, 3)
        zero = torch.zeros_like(ffp)
        shown = torch.cat([last(middle), zero[:, 1:]], 1)
        expected = torch.einsum("bc,bchw->bhw", made.output_hypernetworks_mlps[1](tokens[:, 1]), shown)
        torch.testing.assert_close(made(sfm, [zero, ifp])[:, 1], expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("classes", [1, 5, 11])
@pytest.mark.parametrize("sizes", [EVEN, ODD, ((3, 5), (1, 2), (1, 1)), ((15, 22), (7, 11), (3, 5))])
def test_any_class_count_and_size(classes: int, sizes: Sizes) -> None:
    logits = decoder(classes)(*features(3, sizes))
    assert logits.shape == (3, classes, *sizes[0]) and logits.isfinite().all()


def test_samples_do_not_see_each_other() -> None:
    made, (sfm, high) = decoder().eval(), features(2)
    with torch.no_grad():
        together = made(sfm, high)
        alone = made(sfm[1:], [one[1:] for one in high])
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-4)


def test_the_transformer_knows_where_it_looks() -> None:
    made, (sfm, high) = decoder().eval(), features(1)
    still = torch.ones_like(sfm)
    with torch.no_grad():
        logits = made(still, [torch.zeros_like(one) for one in high])
    assert (logits[..., 0, 0] != logits[..., -1, -1]).all()


def test_gradients_reach_everything() -> None:
    made, (sfm, high) = decoder(11), features()
    inputs = [one.requires_grad_() for one in (sfm, *high)]
    made(sfm, high).square().mean().backward()
    assert all(one.grad is not None and one.grad.any() for one in inputs)
    silent = [name for name, parameter in made.named_parameters() if not parameter.grad.any()]
    assert not silent, silent


def test_fresh_logits_are_close_together() -> None:
    torch.manual_seed(0)
    made = MaskTokens(11)
    with torch.no_grad():
        logits = made(torch.randn(1, 256, 4, 5), [torch.randn(1, 32, 16, 20), torch.randn(1, 64, 8, 10)])
    assert 0 < float(logits.std()) < 1


def test_nothing_is_made_while_running() -> None:
    made = decoder()
    before, modules = {name: one.clone() for name, one in made.state_dict().items()}, list(made.modules())
    random = torch.get_rng_state()
    first, second = made(*features()), made(*features())
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), random)
    assert list(made.modules()) == modules
    after = made.state_dict()
    assert list(after) == list(before) and all(torch.equal(after[name], before[name]) for name in before)
    resumed = MaskTokens(5, WIDTH, **SMALL)
    resumed.load_state_dict(after)
    assert torch.equal(resumed(*features()), first)


def sam2(**decoder_part: Any) -> Sam2Model:
    return Sam2Model(Sam2Config(**small_sam2(64, **{"mlp_dim": 64, **decoder_part}))).eval()


@torch.no_grad()
def test_it_starts_from_a_sam2() -> None:
    sam, made = sam2(), decoder(4).eval()
    for parameter in sam.mask_decoder.parameters():
        nn.init.normal_(parameter, std=0.2)
    tokens = made.mask_tokens.weight.clone()
    start_from(made, sam)
    assert torch.equal(made.mask_tokens.weight, tokens)
    assert torch.equal(made.frequencies, sam.shared_image_embedding.positional_embedding)
    sfm, (ffp, ifp) = features(1, ((16, 16), (8, 8), (4, 4)))
    torch.testing.assert_close(made._position((4, 4)), sam.get_image_wide_positional_embeddings())
    # The library's layers on the tokens of the classes give what they give here.
    library: Any = sam.mask_decoder
    points, picture = library.transformer(
        point_embeddings=tokens[None, None],
        image_embeddings=sfm,
        image_positional_embeddings=made._position((4, 4)),
        attention_similarity=None,
    )
    picture = picture.transpose(2, 3).reshape(1, WIDTH, 4, 4)
    upscaled = library.activation(library.upscale_layer_norm(library.upscale_conv1(picture) + ifp))
    upscaled = library.activation(library.upscale_conv2(upscaled) + ffp)
    filters = [mlp(points[:, 0, index]) for index, mlp in enumerate(made.output_hypernetworks_mlps)]
    expected = torch.einsum("kbc,bchw->bkhw", torch.stack(filters), upscaled)
    torch.testing.assert_close(made(sfm, [ffp, ifp]), expected, atol=1e-4, rtol=1e-4)


def test_it_starts_from_a_sam() -> None:
    sam = build(Encoder(width=8, depth=1, heads=2, global_blocks=(0,), image_size=32))
    made = MaskTokens(5)
    start_from(made, sam)
    own, theirs = made.state_dict(), sam.mask_decoder.state_dict()
    copied = [name for name in own if name.startswith(("transformer.", "output_upscaling."))]
    assert copied and all(torch.equal(own[name], theirs[name]) for name in copied)
    assert torch.equal(made.frequencies, sam.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix)
    assert all(parameter.requires_grad for parameter in made.parameters())


def test_a_sam_of_other_dimensions_is_refused() -> None:
    made = decoder()
    before = {name: one.clone() for name, one in made.state_dict().items()}
    with pytest.raises(
        ValueError, match=r"does not fit: transformer\.\S+ has to be \[64, 32\], it is \[16, 32\]"
    ):
        start_from(made, sam2(mlp_dim=16))
    with pytest.raises(ValueError, match=r"does not fit: frequencies .* there is none"):
        start_from(made, nn.Linear(1, 1))
    assert all(torch.equal(one, before[name]) for name, one in made.state_dict().items())


def test_the_library_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segment_anything.modeling.common", None)
    with pytest.raises(
        ValueError, match=r"is not installed, SARTM's decoder needs it: install samseg_ros\[train\]"
    ):
        MaskTokens(5)


def test_the_exported_graph_agrees() -> None:
    class Flat(nn.Module):
        def __init__(self, made: MaskTokens) -> None:
            super().__init__()
            self.made = made

        def forward(self, sfm: Tensor, ffp: Tensor, ifp: Tensor) -> Tensor:
            return self.made(sfm, [ffp, ifp])

    sfm, high = features(1, ODD)
    flat, inputs = Flat(decoder(11)).eval(), (sfm, *high)
    stream, names = io.BytesIO(), ["sfm", "ffp", "ifp"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, of shapes that become constant
        torch.onnx.export(flat, inputs, stream, input_names=names, opset_version=17, dynamo=False)
    operators = {node.op_type for node in onnx.load_from_string(stream.getvalue()).graph.node}
    assert not operators & {"If", "Loop", "NonZero", "CumSum", "ScatterND"}
    session = onnxruntime.InferenceSession(stream.getvalue(), providers=["CPUExecutionProvider"])
    found = session.run(None, {name: one.numpy() for name, one in zip(names, inputs, strict=True)})[0]
    with torch.no_grad():
        np.testing.assert_allclose(found, flat(*inputs).numpy(), atol=1e-4, rtol=1e-3)
