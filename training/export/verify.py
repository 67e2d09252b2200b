# SPDX-License-Identifier: Apache-2.0
"""Does the exported graph give what the trained network gives?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
import torch

from training.export.graph import Deployed

AGREEMENT = 0.999


def agreement(graph: bytes, deployed: Deployed, images: Sequence[np.ndarray]) -> float:
    """Share of pixels, 0..1, whose label is the same in ONNX Runtime and in PyTorch.

    Args:
        graph: serialised ONNX.
        deployed: what it was exported from.
        images: uint8 [h, w, 3] BGR at the network's size, at least one.
    """
    # The default logger would warn about initializers that it removes, as intended here.
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    same = 0
    with torch.no_grad():
        for image in images:
            expected, _ = deployed(torch.from_numpy(image))
            found = session.run(["labels"], {"image": image})[0]
            same += int((np.asarray(found) == expected.numpy()).sum())
    return same / sum(image.shape[0] * image.shape[1] for image in images)


def require(graph: bytes, deployed: Deployed, images: Sequence[np.ndarray]) -> float:
    """As `agreement`.

    Raises:
        ValueError: fewer than 99.9 % of the pixels agree.
    """
    found = agreement(graph, deployed, images)
    if found < AGREEMENT:
        raise ValueError(
            f"The exported graph agrees with the network on {found:.3%} of the pixels, expected at least "
            f"{AGREEMENT:.1%}: nothing was written; train longer, or export with --full-precision."
        )
    return found
