# SPDX-License-Identifier: Apache-2.0
"""What each training of the study is told on its command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training import config
from training.sartm.backbone_settings import SamBackbone
from training.sartm.settings import Settings
from training.sartm.text_settings import MatrixText
from training.study import runs
from training.study.sartm.rows import SARTM, Row
from training.study.ssr import words as ssr

SAM, TEXT = "sam.pth", "text.safetensors"
SSR = Path(__file__).parents[1] / "ssr"


@dataclass(frozen=True)
class Where:
    """Where a study is, and how it differs from its configurations.

    Attributes:
        root: absolute path of the folder for everything.
        configs: folder of b0.yaml and sartm.yaml.
        overrides: key=value for every training.
    """

    root: Path
    configs: Path
    overrides: tuple[str, ...] = ()

    @property
    def runs(self) -> Path:
        """The folder with the run folders."""
        return self.root / "sartm"

    @property
    def ssr(self) -> ssr.Where:
        """The study that trains what plays SAM; `configs` may have another foundation.yaml."""
        own = (self.configs / f"{ssr.FOUNDATION}.yaml").is_file()
        return ssr.Where(self.root, self.configs if own else SSR, self.overrides)

    @property
    def foundation(self) -> Path:
        """The run folder of what plays SAM."""
        return self.ssr.foundation

    @property
    def text(self) -> Path:
        """The file that stands for CLIP's embeddings."""
        return self.runs / TEXT

    def makes_sam(self) -> bool:
        """Is the backbone the one of `foundation`? sartm.yaml may name a published one instead."""
        wanted = self._settings().backbone
        return isinstance(wanted, SamBackbone) and wanted.checkpoint == Path(SAM)

    def makes_text(self) -> bool:
        """Are the embeddings those of `text`? sartm.yaml may name a CLIP instead."""
        wanted = self._settings().language
        return wanted is not None and isinstance(wanted.text, MatrixText) and wanted.text.file == Path(TEXT)

    def _settings(self) -> Settings:
        return config.read(self.configs / SARTM.config, Settings)


def row_words(where: Where, row: Row, seed: int) -> list[str]:
    """Of `python -m training COMMAND`, for a row."""
    words = [
        str(where.configs / row.config),
        *runs.places(where.root, runs.folder(where.runs, row.name, seed), seed),
    ]
    if row.command == "sartm" and where.makes_sam():
        words.append(f"backbone.checkpoint={runs.text(where.foundation / SAM)}")
    if row.command == "sartm" and where.makes_text():
        words.append(f"language.text.file={runs.text(where.text)}")
    return [*words, *row.settings, *where.overrides]
