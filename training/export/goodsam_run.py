# SPDX-License-Identifier: Apache-2.0
"""The student of a finished run of `python -m training goodsam`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from samseg_ros.labels import label_set
from training import checkpoint, config
from training.export.trained import Trained, spread
from training.goodsam.sets import unlabelled
from training.goodsam.settings import Settings
from training.goodsam.train import build_student
from training.run_folder import CONFIG

PREFIX = "student."

TEACHERS = {
    "sam": "Segment Anything",
    "sam2": "Segment Anything 2",
    "instances": "the renderer's own instances, degraded on purpose",
    "felzenszwalb": "graph-based segments of colour (Felzenszwalb and Huttenlocher), in the place of SAM",
}


def read(run: Path, results: dict[str, Any], *, pictures: bool) -> Trained:
    """The student of a run folder; `pictures` wants some of the panoramas that it was adapted to.

    Deployed, it sees full spheres: at as many columns as in training, unless another size is asked for.

    Raises:
        FileNotFoundError, ValueError: not a run folder, or its panoramas are wanted and not there.
    """
    settings = config.read(run / CONFIG, Settings)
    labels = label_set(settings.label_set)
    student = settings.student.model_copy(update={"weights": None, "init": None})
    network = build_student(settings.model_copy(update={"student": student}), labels)
    weights = checkpoint.weights(run)
    network.load_state_dict(
        {name.removeprefix(PREFIX): value for name, value in weights.items() if name.startswith(PREFIX)}
    )
    width = settings.size[1]
    found = unlabelled(settings.data[0], settings.data_root, labels) if pictures else []
    return Trained(
        network=network.eval(),
        architecture=f"SegFormer-{settings.student.variant}",
        labels=labels,
        task="panorama",
        projection="equirectangular",
        size=(width // 2, width),
        pad=settings.wrap,
        channels=3,
        pictures=spread([(one.image, None) for one in found]) if found else (),
        told=_told(settings, results),
        scores=results["validation"],
        method=_method(settings),
    )


def _method(settings: Settings) -> tuple[str, ...]:
    name = "GoodSAM" if settings.fusion.version == 1 else "GoodSAM++"
    seen = ""
    if settings.vertical_fov is not None:
        seen = (
            f" Panoramas are scored on the {settings.vertical_fov:g} degrees about the horizon that it saw."
        )
    return (
        f"Adapted by {name}: the student of a teacher assistant that sees windows of panoramas, and of a "
        "teacher that knows where things end but not what they are. No label of a panorama that it was "
        "adapted to was used.",
        f"The teacher was {TEACHERS[settings.masks.kind]}. Scores named `_assistant` are those of the "
        f"assistant on sliding windows.{seen}",
    )


def _told(settings: Settings, results: dict[str, Any]) -> dict[str, Any]:
    start = "random weights"
    if settings.student.init is not None:
        start = f"the weights of {settings.student.init.name}"
    elif settings.student.weights is not None:
        start = f"the weights {settings.student.weights.name}"
    private = {"out", "data_root", "data", "validation", "cache", "assistant", "student", "masks"}
    return {
        "network": settings.student.variant,
        "start": start,
        "data": results["data"],
        "steps": results["steps"],
        "minutes": round(results["seconds"] / 60.0, 1),
        "date": results["date"],
        "commit": results["commit"],
        "config": {
            **settings.model_dump(mode="json", exclude=private),
            "student": settings.student.model_dump(mode="json", exclude={"init", "weights"}),
            "masks": settings.masks.model_dump(mode="json", exclude={"checkpoint", "folder"}),
        },
    }
