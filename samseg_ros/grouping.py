# SPDX-License-Identifier: Apache-2.0
"""Groups of classes that a consumer asks for, as lookup tables from the ids of a mask.

A group is a name and the names of its classes: ``{"drivable": ("road",), "people": ("person", "rider")}``.
Tables are uint8 [256], for :func:`cv2.LUT`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from samseg_ros.labels import UNLABELED, LabelSet

Groups = Mapping[str, Sequence[str]]

MEMBER = 255  # as OpenCV's masks have it


def membership(groups: Groups, labels: LabelSet) -> dict[str, np.ndarray]:
    """For each group the table from ids to 255 where the class belongs to it, 0 elsewhere (unlabelled too).

    A class may belong to several groups. ValueError names a class that the label set lacks.
    """
    tables = {}
    for name, ids in _ids(groups, labels).items():
        tables[name] = np.zeros(256, np.uint8)
        tables[name][ids] = MEMBER
    return tables


def relabelling(groups: Groups, labels: LabelSet) -> tuple[LabelSet, np.ndarray]:
    """The groups as a label set of their own, and the table from the old ids to the new ones.

    Ids go by the alphabet, a group has the colour of its first class, and classes of no group become
    unlabelled (255). ValueError names a class that the label set lacks, or one that is in two groups.
    """
    members = _ids(dict(sorted(groups.items())), labels)
    table = np.full(256, UNLABELED, np.uint8)
    names = tuple(members)
    for new, ids in enumerate(members.values()):
        for old in ids:
            if table[old] != UNLABELED:
                raise ValueError(
                    f"class '{labels.names[old]}' is in the groups '{names[table[old]]}' and '{names[new]}'; "
                    "in one mask of all groups a class can be in one of them only."
                )
        table[ids] = new
    colors = tuple(labels.colors[ids[0]] for ids in members.values())
    return LabelSet(f"{labels.name} groups", names, colors), table


def _ids(groups: Groups, labels: LabelSet) -> dict[str, list[int]]:
    return {name: list(_known(name, classes, labels)) for name, classes in groups.items()}


def _known(group: str, classes: Iterable[str], labels: LabelSet) -> Iterable[int]:
    for name in classes:
        if name not in labels.names:
            near = difflib.get_close_matches(name, labels.names, 1)
            meant = f" (did you mean '{near[0]}'?)" if near else ""
            raise ValueError(
                f"group '{group}' names class '{name}', which label set '{labels.name}' lacks{meant}; "
                f"its classes are: {', '.join(labels.names)}."
            )
        yield labels.names.index(name)
