# SPDX-License-Identifier: Apache-2.0
"""The table: what each row leaves out of ssr.yaml, or real.yaml, or changes there."""

from __future__ import annotations

from dataclasses import dataclass

# Rare classes are drawn more often in all rows: what is compared is what is learned from, not which pictures.
LABELS_ALONE = ("self_training=null", "feature_distance=null", "masking=null", "regularisation=null")
WITHOUT_SAM = ("regularisation=null",)
WITHOUT_MIC = ("masking=null",)


@dataclass(frozen=True)
class Row:
    """One row of a table, trained once with each seed.

    Attributes:
        name: of its run folders, NAME_seedK.
        text: as the table names it.
        settings: key=value for every difference from its configuration but data and folders.
        real: adapts to, and is scored on, real pictures.
        embeddings: folder beside the runs where those of SAM are kept.
    """

    name: str
    text: str
    settings: tuple[str, ...]
    real: bool = False
    embeddings: str = "embeddings"

    @property
    def config(self) -> str:
        """File that `settings` change."""
        return "real.yaml" if self.real else "ssr.yaml"

    @property
    def scored(self) -> str:
        """Name of the validation set in its configuration."""
        return "camvid" if self.real else "pinhole_b"


SOURCE = Row("source", "source only", LABELS_ALONE)
DAFORMER = Row("daformer", "DAFormer", (*WITHOUT_SAM, *WITHOUT_MIC))
STAGES = tuple(
    Row(
        f"ssr_stage{stage}",
        f"DAFormer + SSR on stage {stage} alone",
        (*WITHOUT_MIC, f"regularisation.stages=[{stage}]"),
    )
    for stage in range(4)
)
SSR = Row("ssr", "DAFormer + SSR", WITHOUT_MIC)
SSR_RANDOM = Row(
    "ssr_random",
    "DAFormer + SSR, SAM with random weights",
    (*WITHOUT_MIC, "regularisation.encoder.redraw=1"),
    embeddings="embeddings_random",
)
MIC = Row("mic", "MIC", WITHOUT_SAM)
MIC_SSR = Row("mic_ssr", "MIC + SSR", ())
ORACLE = Row(
    "oracle",
    "labels of style b (upper bound)",
    (*LABELS_ALONE, "source.0.path=pinhole_b", "rare_classes.statistics=statistics_b.json"),
)
REAL_SOURCE = Row("real_source", SOURCE.text, SOURCE.settings, real=True)
REAL_DAFORMER = Row("real_daformer", DAFORMER.text, DAFORMER.settings, real=True)
REAL_SSR = Row("real_ssr", SSR.text, SSR.settings, real=True)

DRAWN = (SOURCE, DAFORMER, *STAGES, SSR, SSR_RANDOM, MIC, MIC_SSR, ORACLE)
REAL = (REAL_SOURCE, REAL_DAFORMER, REAL_SSR)
ROWS = DRAWN + REAL
NAMES = tuple(row.name for row in ROWS)

# The first of each pair against the second.
DIFFERENCES = (
    (SSR, DAFORMER),
    *((stage, DAFORMER) for stage in STAGES),
    (SSR, SSR_RANDOM),
    (MIC_SSR, MIC),
    (DAFORMER, SOURCE),
    (ORACLE, SSR),
    (REAL_SSR, REAL_DAFORMER),
    (REAL_DAFORMER, REAL_SOURCE),
)

# Of the drawn data.
WORLDS = ("pinhole_a", "pinhole_b", "pinhole_b_val")
