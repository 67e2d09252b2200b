# SPDX-License-Identifier: Apache-2.0
"""Label sets: which class an id stands for, its colour, and how one dataset's ids read in another's set.

An id mask is uint8; 255 (:data:`UNLABELED`) means "no class", as ``vision_msgs/LabelInfo`` has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UNLABELED = 255

Color = tuple[int, int, int]


@dataclass(frozen=True)
class LabelSet:
    """Classes in the order of their ids, each with an RGB colour in 0..255."""

    name: str
    names: tuple[str, ...]
    colors: tuple[Color, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= UNLABELED:
            raise ValueError(f"label set '{self.name}' has {len(self.names)} classes; 1 to 255 are possible.")
        if len(self.names) != len(self.colors):
            raise ValueError(
                f"label set '{self.name}' has {len(self.names)} names but {len(self.colors)} colours; "
                "give one colour for each name."
            )
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"label set '{self.name}' names a class twice; names must differ.")

    def __len__(self) -> int:
        return len(self.names)

    def palette(self) -> np.ndarray:
        """uint8 [256, 3] RGB: row i colours id i; ids that are no class are black."""
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(self)] = self.colors
        return palette


_CITYSCAPES: dict[str, Color] = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}


def _from_cityscapes(name: str, *names: str) -> LabelSet:
    return LabelSet(name, names, tuple(_CITYSCAPES[n] for n in names))


def _from_table(name: str, table: dict[str, Color]) -> LabelSet:
    return LabelSet(name, tuple(table), tuple(table.values()))


CITYSCAPES19 = _from_table("cityscapes19", _CITYSCAPES)

STREET11 = _from_cityscapes(
    "street11", "road", "sidewalk", "building", "fence", "pole", "traffic sign", "vegetation", "sky",
    "person", "car", "bicycle",
)  # fmt: skip

# Person includes rider; car includes truck, bus, motorcycle and bicycle: the grouping of Trans4PASS.
DENSEPASS13 = _from_cityscapes(
    "densepass13", "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "car",
)  # fmt: skip

# The eight evaluated classes of WildPASS, in the order of its authors' list (their raw ids: see label_map).
WILDPASS8 = _from_table(
    "wildpass8",
    {
        "car": (0, 0, 142),
        "truck": (0, 0, 70),
        "bus": (0, 60, 100),
        "road": (128, 64, 128),
        "sidewalk": (244, 35, 232),
        "person": (220, 20, 60),
        "curb": (196, 196, 196),
        "crosswalk": (200, 128, 128),
    },
)

# The thirteen classes of the semantic annotations of Stanford 2D-3D-S, in alphabetical order.
_STANFORD: dict[str, Color] = {
    "beam": (255, 255, 0),
    "board": (200, 200, 200),
    "bookcase": (10, 200, 100),
    "ceiling": (0, 255, 0),
    "chair": (255, 0, 0),
    "clutter": (50, 50, 50),
    "column": (255, 0, 255),
    "door": (200, 200, 100),
    "floor": (0, 0, 255),
    "sofa": (200, 100, 100),
    "table": (170, 120, 200),
    "wall": (0, 255, 255),
    "window": (100, 100, 255),
}
STANFORD13 = _from_table("stanford13", _STANFORD)

# The eight that Structured3D has too, which Trans4PASS+ and its successors score.
STANFORD8 = _from_table(
    "stanford8",
    {
        name: _STANFORD[name]
        for name in ("ceiling", "chair", "door", "floor", "sofa", "table", "wall", "window")
    },
)

CAMVID11 = _from_table(
    "camvid11",
    {
        "sky": (128, 128, 128),
        "building": (128, 0, 0),
        "pole": (192, 192, 128),
        "road": (128, 64, 128),
        "pavement": (60, 40, 222),
        "tree": (128, 128, 0),
        "sign": (192, 128, 128),
        "fence": (64, 64, 128),
        "car": (64, 0, 128),
        "pedestrian": (64, 64, 0),
        "bicyclist": (0, 128, 192),
    },
)

MFNET9 = _from_table(
    "mfnet9",
    {
        "unlabeled": (0, 0, 0),
        "car": (64, 0, 128),
        "person": (64, 64, 0),
        "bike": (0, 128, 192),
        "curve": (0, 0, 192),
        "car stop": (128, 128, 0),
        "guardrail": (64, 64, 128),
        "color cone": (192, 128, 128),
        "bump": (192, 64, 0),
    },
)

PST900_5 = _from_table(
    "pst900_5",
    {
        "background": (0, 0, 0),
        "fire extinguisher": (255, 0, 0),
        "backpack": (0, 255, 0),
        "hand drill": (0, 0, 255),
        "survivor": (255, 255, 255),
    },
)

FMB14 = _from_table(
    "fmb14",
    {
        "road": (228, 228, 179),
        "sidewalk": (133, 57, 181),
        "building": (177, 162, 67),
        "traffic light": (50, 178, 200),
        "traffic sign": (199, 45, 132),
        "vegetation": (84, 172, 66),
        "sky": (79, 73, 179),
        "person": (166, 99, 76),
        "car": (253, 121, 66),
        "truck": (91, 165, 137),
        "bus": (152, 97, 155),
        "motorcycle": (140, 153, 105),
        "bicycle": (158, 215, 222),
        "pole": (90, 113, 135),
    },
)

# Published numbers use both, fourteen classes and these with the background; they do not compare.
FMB15 = _from_table("fmb15", {"background": (0, 0, 0), **dict(zip(FMB14.names, FMB14.colors, strict=True))})

_LABEL_SETS = (
    CITYSCAPES19, STREET11, DENSEPASS13, WILDPASS8, STANFORD13, STANFORD8, CAMVID11, MFNET9, PST900_5, FMB14,
    FMB15,
)  # fmt: skip


def label_set(name: str) -> LabelSet:
    """The label set of that name; ValueError lists the known ones."""
    for candidate in _LABEL_SETS:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in _LABEL_SETS)
    raise ValueError(f"'{name}' is no known label set; choose one of: {known}.")


# How datasets number their classes in files, where it differs from the order of a label set above.
_RAW_IDS: dict[str, dict[int, str]] = {
    "camvid": dict(enumerate(CAMVID11.names)),
    "cityscapes": {
        7: "road", 8: "sidewalk", 11: "building", 12: "wall", 13: "fence", 17: "pole", 19: "traffic light",
        20: "traffic sign", 21: "vegetation", 22: "terrain", 23: "sky", 24: "person", 25: "rider", 26: "car",
        27: "truck", 28: "bus", 31: "train", 32: "motorcycle", 33: "bicycle",
    },
    "synthia": {
        1: "sky", 2: "building", 3: "road", 4: "sidewalk", 5: "fence", 6: "vegetation", 7: "pole", 8: "car",
        9: "traffic sign", 10: "person", 11: "bicycle", 12: "motorcycle", 15: "traffic light", 16: "terrain",
        17: "rider", 18: "truck", 19: "bus", 20: "train", 21: "wall",
    },
    "wildpass": {
        4: "car", 5: "truck", 8: "bus", 11: "road", 12: "sidewalk", 13: "curb", 17: "person", 24: "crosswalk",
    },
    "fmb": dict(enumerate(FMB15.names)),
}  # fmt: skip

# Names that differ between datasets for what is one class; each maps to the Cityscapes word.
_SYNONYMS = {
    "pavement": "sidewalk",
    "tree": "vegetation",
    "sign": "traffic sign",
    "pedestrian": "person",
    "bicyclist": "bicycle",
    "bike": "bicycle",
}

# Where a set has no class of its own for something, the class of that set that takes it in.
_ABSORBED: dict[str, dict[str, str]] = {
    "street11": {
        "wall": "building",
        "traffic light": "traffic sign",
        "terrain": "vegetation",
        "rider": "bicycle",
        "motorcycle": "bicycle",
        "truck": "car",
        "bus": "car",
        "train": "car",
    },
    "densepass13": {
        "rider": "person",
        "truck": "car",
        "bus": "car",
        "motorcycle": "car",
        "bicycle": "car",
    },
}


def class_id(labels: LabelSet, name: str) -> int | None:
    """The id of the class of that name, or of another dataset's word for it; None where there is none."""
    ids = {_SYNONYMS.get(own, own): i for i, own in enumerate(labels.names)}
    return ids.get(_SYNONYMS.get(name, name))


def label_map(source: str, target: LabelSet) -> np.ndarray:
    """Lookup table uint8 [256] from the raw ids of `source` to the ids of `target`; 255 where there is none.

    `source` is a label set's name, or a dataset whose files number classes otherwise: ``camvid`` (SegNet
    ids), ``cityscapes`` (labelIds; KITTI, GTA5 and ACDC use them too), ``synthia``, ``wildpass``, ``fmb``.
    ValueError lists the known.
    """
    if source in _RAW_IDS:
        raw = _RAW_IDS[source]
    elif source in {known.name for known in _LABEL_SETS}:
        raw = dict(enumerate(label_set(source).names))
    elif source == target.name:
        raw = dict(enumerate(target.names))
    else:
        known = sorted({*_RAW_IDS, *(label_set_.name for label_set_ in _LABEL_SETS)})
        raise ValueError(f"'{source}' is no known label map; choose one of: {', '.join(known)}.")
    ids = {_SYNONYMS.get(name, name): i for i, name in enumerate(target.names)}
    absorbed = _ABSORBED.get(target.name, {})
    table = np.full(256, UNLABELED, np.uint8)
    for raw_id, raw_name in raw.items():
        name = _SYNONYMS.get(raw_name, raw_name)
        table[raw_id] = ids.get(name, ids.get(absorbed.get(name, ""), UNLABELED))
    return table
