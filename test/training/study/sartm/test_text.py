# SPDX-License-Identifier: Apache-2.0
"""The properties that stand for CLIP's embeddings."""

from pathlib import Path

import torch

from samseg_ros.labels import STREET11
from training.sartm.text import class_embeddings
from training.sartm.text_settings import MatrixText
from training.study.sartm.text import PROPERTIES, matrix, write


def test_every_property_is_of_some_classes_and_every_class_has_some() -> None:
    assert set().union(*PROPERTIES.values()) == set(STREET11.names)
    assert len({tuple(row) for row in matrix().tolist()}) == len(STREET11)


def test_what_is_saved_are_embeddings_of_street11(tmp_path: Path) -> None:
    write(tmp_path / "made" / "text.safetensors")
    settings = MatrixText(file=tmp_path / "made" / "text.safetensors", rows="street11")
    found = class_embeddings(settings, STREET11.names)
    likeness = found @ found.T
    names = STREET11.names.index
    torch.testing.assert_close(likeness.diagonal(), torch.ones(len(STREET11)))
    assert likeness[names("road"), names("sidewalk")] > likeness[names("road"), names("person")]
    assert likeness[names("pole"), names("traffic sign")] > likeness[names("pole"), names("sky")]
    assert likeness[names("car"), names("bicycle")] > likeness[names("car"), names("building")]
