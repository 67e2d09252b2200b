# SPDX-License-Identifier: Apache-2.0
"""What stands for CLIP's embeddings of the class names: properties, written down by hand.

CLIP is a download, and the study is to run without one. Of language nothing is in this matrix; it says which
classes are alike, which is all that language-aided distillation asks of the embeddings.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from samseg_ros.labels import STREET11
from training.draft import draft

PROPERTIES = {
    "lies on the ground": {"road", "sidewalk"},
    "is built": {"road", "sidewalk", "building", "fence", "pole", "traffic sign"},
    "stands in one place": {"building", "fence", "pole", "traffic sign", "vegetation"},
    "is thin": {"fence", "pole", "traffic sign", "bicycle"},
    "is on a post, or is one": {"pole", "traffic sign"},
    "fills much of a picture": {"road", "building", "vegetation", "sky"},
    "nobody made it": {"vegetation", "sky", "person"},
    "lives": {"vegetation", "person"},
    "moves": {"person", "car", "bicycle"},
    "is a vehicle": {"car", "bicycle"},
    "is ridden or driven by one who is seen": {"person", "bicycle"},
    "belongs to traffic": {"road", "traffic sign", "person", "car", "bicycle"},
}


def matrix() -> Tensor:
    """1 where a class has a property: float32 [classes of street11, properties]."""
    rows = [[float(name in having) for having in PROPERTIES.values()] for name in STREET11.names]
    return torch.tensor(rows)


def write(path: Path) -> None:
    """Save the matrix as `training.sartm.text_settings.MatrixText` reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path) as temporary:
        save_file({"properties": matrix()}, temporary)
