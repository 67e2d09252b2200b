# SPDX-License-Identifier: Apache-2.0
"""A SAM 2 small enough for a test, as transformers' configurations take it."""

from __future__ import annotations

from typing import Any


def small_sam2(side: int, *, last_windows: tuple[int, int] = (4, 4), **decoder: Any) -> dict[str, Any]:
    """Arguments of Sam2Config and Sam2VideoConfig.

    Stages of 1, 1, 2 and 1 blocks, of which the last but one is global, and an embedding of 32 channels.

    Args:
        side: of the square that pictures are fitted into, pixels.
        last_windows: of attention in the last two stages, tokens; those published have (14, 7).
        decoder: settings of the mask decoder that differ.
    """
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [side, side],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [8, 4, *last_windows],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [max(last_windows[1], 4)] * 2,
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[side // scale] * 2 for scale in (4, 8, 16)],
        "fpn_hidden_size": 32,
    }
    return {
        "vision_config": vision,
        "prompt_encoder_config": {"hidden_size": 32, "image_size": side, "patch_size": 16},
        "mask_decoder_config": {
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
            **decoder,
        },
    }
