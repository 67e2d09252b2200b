# SPDX-License-Identifier: Apache-2.0
"""The model bundle: the one door between training and the robot.

A directory with ``model.onnx``, ``bundle.yaml`` and ``card.md``. The graph takes uint8 pictures of a fixed
size and gives uint8 class ids and confidences; colour order, normalisation, 360° wrap-around and argmax are
its own business, so that every runtime answers alike.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from samseg_ros import share
from samseg_ros.draft import replace_folder
from samseg_ros.labels import UNLABELED, LabelSet

FORMAT = 1
TASKS: dict[str, tuple[str, ...]] = {
    "camera": ("image",),
    "panorama": ("image",),
    "rgbt": ("image", "thermal", "present"),
}
PROJECTIONS = ("pinhole", "equirectangular")
MAX_SIDE = 16384  # a larger network size is a typing error, not a network


class BundleError(ValueError):
    """A bundle that cannot be used; the message says in one sentence what is wrong."""


@dataclass(frozen=True)
class Bundle:
    """A checked bundle. `size` is the network's (height, width) in pixels."""

    path: Path
    name: str
    task: str
    projection: str
    size: tuple[int, int]
    labels: LabelSet
    sha256: str
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)

    @property
    def graph(self) -> Path:
        return self.path / "model.onnx"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the graph's inputs: ``image``, and for RGB-thermal bundles ``thermal`` and ``present``."""
        return TASKS[self.task]

    def label_document(self) -> dict[str, Any]:
        """What the ids of a mask stand for, as nodes and bags say it in JSON."""
        return {
            "bundle": self.name,
            "label_set": self.labels.name,
            "unlabeled": UNLABELED,
            "classes": _classes(self.labels),
        }


def load(path: str | os.PathLike[str]) -> Bundle:
    """Read and check the bundle in a directory, or the bundle of that name (see :func:`find`).

    Everything is checked: each field of ``bundle.yaml``, and the graph against its sha256. BundleError
    says what is wrong.
    """
    directory = find(path)
    graph, description = directory / "model.onnx", directory / "bundle.yaml"
    for needed in (description, graph):
        if not needed.is_file():
            raise BundleError(f"{directory} is no model bundle: {needed.name} is missing.")
    try:
        document = yaml.safe_load(description.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BundleError(f"{description} is not readable YAML: {' '.join(str(error).split())}.") from error
    fields = _Fields(document, description)
    if (found := fields.get("format", int)) != FORMAT:
        raise BundleError(f"{description} has format {found}; this version of samseg_ros reads {FORMAT}.")
    bundle = Bundle(
        path=directory,
        name=fields.get("name", str),
        task=fields.one_of("task", tuple(TASKS)),
        projection=fields.one_of("projection", PROJECTIONS),
        size=fields.size("size"),
        labels=fields.labels("labels"),
        sha256=fields.get("sha256", str),
        training=fields.get("training", dict),
        scores=fields.get("scores", dict),
    )
    found_sha256 = hashlib.sha256(graph.read_bytes()).hexdigest()
    if found_sha256 != bundle.sha256:
        raise BundleError(
            f"{graph} has sha256 {found_sha256[:12]}…, but bundle.yaml names {bundle.sha256[:12]}…; "
            "the graph was changed or damaged: copy the bundle again."
        )
    return bundle


def write(
    directory: str | os.PathLike[str],
    *,
    graph: bytes,
    name: str,
    task: str,
    projection: str,
    size: tuple[int, int],
    labels: LabelSet,
    training: Mapping[str, Any],
    scores: Mapping[str, Any],
    card: str,
) -> Bundle:
    """Write a bundle whole or not at all, replacing one that is there; returns it as :func:`load` reads it.

    `graph` is a serialised ONNX model, `card` Markdown. BundleError where the description is not valid or
    the directory holds something else than a bundle.
    """
    target = Path(directory)
    if target.exists() and not (target / "bundle.yaml").is_file():
        raise BundleError(f"{target} exists and is no model bundle; choose another directory.")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        draft.chmod(0o755)
        (draft / "model.onnx").write_bytes(graph)
        (draft / "card.md").write_text(card, encoding="utf-8")
        document = {
            "format": FORMAT,
            "name": name,
            "task": task,
            "projection": projection,
            "size": list(size),
            "sha256": hashlib.sha256(graph).hexdigest(),
            "labels": {"name": labels.name, "classes": _classes(labels)},
            "training": dict(training),
            "scores": dict(scores),
        }
        (draft / "bundle.yaml").write_text(
            yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110),
            encoding="utf-8",
        )
        load(draft)
        replace_folder(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return load(target)


def _classes(labels: LabelSet) -> list[dict[str, Any]]:
    return [
        {"id": i, "name": name, "color": list(color)}
        for i, (name, color) in enumerate(zip(labels.names, labels.colors, strict=True))
    ]


def find(path: str | os.PathLike[str]) -> Path:
    """The directory of a bundle given by its path or by the bare name of one that is installed.

    BundleError names what is installed.
    """
    given = Path(path).expanduser()
    if given.is_dir():
        return given
    shipped = installed()
    if str(path) in shipped:
        return shipped[str(path)]
    names = ", ".join(sorted(shipped)) or "none"
    raise BundleError(f"there is no model bundle '{path}'; give a bundle's directory or one of: {names}.")


def installed() -> dict[str, Path]:
    """Name → directory of the bundles that came with the package; the first place that has a name wins."""
    found: dict[str, Path] = {}
    for place in share.places():
        for description in sorted(place.glob("models/*/bundle.yaml")):
            found.setdefault(description.parent.name, description.parent)
    return found


class _Fields:
    """Fields of ``bundle.yaml``, each checked as it is read."""

    def __init__(self, document: Any, source: Path) -> None:
        if not isinstance(document, dict):
            raise BundleError(f"{source} must hold a mapping of fields.")
        self._document = document
        self._source = source

    def get(self, name: str, kind: type) -> Any:
        if name not in self._document:
            raise BundleError(f"{self._source} lacks the field '{name}'.")
        value = self._document[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BundleError(f"{self._source}: '{name}' is {value!r}; expected {_KIND_NAMES[kind]}.")
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.get(name, str)
        if value not in choices:
            raise BundleError(
                f"{self._source}: '{name}' is '{value}'; expected one of: {', '.join(choices)}."
            )
        return value

    def size(self, name: str) -> tuple[int, int]:
        value = self.get(name, list)
        if len(value) != 2 or not all(type(side) is int and 1 <= side <= MAX_SIDE for side in value):
            raise BundleError(f"{self._source}: '{name}' is {value}; expected [height, width] in pixels.")
        return value[0], value[1]

    def labels(self, name: str) -> LabelSet:
        value = self.get(name, dict)
        try:
            classes = value["classes"]
            if [entry["id"] for entry in classes] != list(range(len(classes))):
                raise BundleError(f"{self._source}: class ids must be 0, 1, 2, … in order.")
            colors = tuple((int(r), int(g), int(b)) for r, g, b in (entry["color"] for entry in classes))
            if not all(0 <= part <= 255 for color in colors for part in color):
                raise BundleError(f"{self._source}: colours must be three numbers from 0 to 255.")
            return LabelSet(str(value["name"]), tuple(str(entry["name"]) for entry in classes), colors)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, BundleError):
                raise
            raise BundleError(
                f"{self._source}: '{name}' must hold a name and classes of id, name and color ({error})."
            ) from error


_KIND_NAMES = {int: "a whole number", str: "text", dict: "a mapping", list: "a list"}
