# SPDX-License-Identifier: Apache-2.0
"""Does the exported graph give what the trained network gives?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
import torch

from training.export.graph import Deployed, inputs
from training.modalities import BOTH, Present

AGREEMENT = 0.999


def agreement(
    graph: bytes, deployed: Deployed, pictures: Sequence[np.ndarray], present: Present = BOTH
) -> float:
    """Share of pixels, 0..1, whose label is the same in ONNX Runtime and in PyTorch.

    Args:
        graph: serialised ONNX.
        deployed: what it was exported from.
        pictures: uint8 [h, w, 3] BGR, or [h, w, 4] with thermal, at the network's size; at least one.
        present: the streams that are shown, of those with thermal.
    """
    # The default logger would warn about initializers that it removes, as intended here.
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    same = 0
    with torch.no_grad():
        for picture in pictures:
            feed = inputs(picture, present)
            expected, _ = deployed(*(torch.from_numpy(array) for array in feed.values()))
            found = session.run(["labels"], feed)[0]
            same += int((np.asarray(found) == expected.numpy()).sum())
    return same / sum(picture.shape[0] * picture.shape[1] for picture in pictures)


def require(
    graph: bytes, deployed: Deployed, pictures: Sequence[np.ndarray], presences: Sequence[Present] = (BOTH,)
) -> float:
    """The least `agreement` with any of `presences`.

    Raises:
        ValueError: fewer than 99.9 % of the pixels agree.
    """
    found = min(agreement(graph, deployed, pictures, present) for present in presences)
    if found < AGREEMENT:
        raise ValueError(
            f"The exported graph agrees with the network on {found:.3%} of the pixels, expected at least "
            f"{AGREEMENT:.1%}: nothing was written; train longer, or export with --full-precision."
        )
    return found
