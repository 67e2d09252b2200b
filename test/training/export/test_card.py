# SPDX-License-Identifier: Apache-2.0
"""What the card says of models of different origins."""

from typing import Any

import pytest
from torch import nn

from samseg_ros.labels import label_set
from training.export import card
from training.export.trained import Trained

LABELS = label_set("street11")
SCORED = {"held_out": {"miou": 0.5, "iou": {"road": 0.5}, "pixel_accuracy": 0.9, "images": 3}}


def written(kinds: list[str], start: str = "random weights", scores: dict[str, Any] = SCORED) -> str:
    data = [{"kind": kind, "path": kind, "images": 3} for kind in kinds]
    told = {"data": data, "start": start, "steps": 1, "minutes": 1, "date": "2026-01-01", "commit": "abc"}
    trained = Trained(
        nn.Identity(), "SegFormer-b0", LABELS, "camera", "pinhole", (64, 64), 0, 3, (), told, scores
    )
    text = card.write(name="tiny", trained=trained, size=(64, 64), agreement=1.0)
    return " ".join(text.split())


def test_drawn_streets_alone_are_free_and_show_no_real_street() -> None:
    text = written(["world"])
    assert "## Licence Apache-2.0. ##" in text and "real pictures" not in text and "Thin and rare" in text


def test_the_licence_of_the_weights_that_it_started_from_is_named() -> None:
    text = written(["world"], start="the weights mit_b0.safetensors")
    assert "Apache-2.0; what holds for the weights mit_b0.safetensors holds for these too." in text


@pytest.mark.parametrize(("kind", "scenes"), [("stanford2d3d", "indoors"), ("pst900", "underground")])
def test_what_is_no_street_is_not_called_one(kind: str, scenes: str) -> None:
    text = written([kind])
    assert f"scenes {scenes}" in text and "street" not in text.split("## Trained on")[0]
    assert "daylight streets" not in text and "poles" not in text and "Non-commercial" in text


def test_a_model_that_was_never_scored_says_so() -> None:
    text = written(["camvid"], scores={})
    assert "It was scored on no pictures." in text and "|" not in text and "daylight streets" in text
