# SPDX-License-Identifier: Apache-2.0
"""The page of results: ``python -m benchmarks.page RESULTS.json`` writes docs/benchmarks.md and its plots.

RESULTS.json is what ``python -m benchmarks all --json --out RESULTS.json`` leaves; parts that it lacks are
left out. With the same matplotlib the same document gives the same files, to the byte.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks.markdown import prose
from benchmarks.sections import HEADLINES, SECTIONS, Result
from samseg_ros.errors import UserError

WANTED = "what 'python -m benchmarks all --out FILE' wrote"

QUICK = "**A quick run, with as little of each as there can be, to try it out: its figures say little.**"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.page", description="The page of results, with its plots."
    )
    parser.add_argument("results", type=Path, help="what `python -m benchmarks all --out FILE` has written")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder (default: %(default)s)")
    args = parser.parse_args()
    try:
        print(write(read(args.results), args.out, args.results))
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error


def read(path: Path) -> Result:
    """The document of a file; UserError where it is none of ``python -m benchmarks all``."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path} is no JSON; give {WANTED}.") from error
    if not isinstance(document, dict) or document.get("benchmark") != "all" or "machine" not in document:
        raise UserError(f"{path} is no document of all benchmarks; give {WANTED}.")
    if not any(name in document for name in SECTIONS):
        raise UserError(f"{path} holds no part that the page shows, which are {', '.join(SECTIONS)}.")
    return document


def write(document: Result, out: Path, source: Path | None = None) -> Path:
    """Write `out`/benchmarks.md and `out`/benchmarks/*.svg, each whole or not at all; gives the page's path.

    The page links to `source`, its document, where that lies beside or below `out`. UserError for a part that
    is not as its benchmark writes it, without matplotlib, or where nothing can be written.
    """
    if find_spec("matplotlib") is None:
        raise UserError("the plots need matplotlib; pip install 'samseg_ros[bench]'.")
    plots, page = out / "benchmarks", out / "benchmarks.md"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".benchmarks") as name:
            drafts = Path(name)
            text = markdown(document, drafts, link(source, out))
            plots.mkdir(exist_ok=True)
            for draft in drafts.glob("*.svg"):
                draft.replace(plots / draft.name)
            (drafts / page.name).write_text(text, encoding="utf-8")
            (drafts / page.name).replace(page)
    except OSError as error:
        raise UserError(f"{out} cannot be written to: {error.strerror}.") from error
    return page


def link(source: Path | None, out: Path) -> str:
    """From the page to its document; empty where they do not lie in one checkout."""
    root = out.resolve().parent
    if source is None or not source.resolve().is_relative_to(root):
        return ""
    return f"../{source.resolve().relative_to(root).as_posix()}"


def markdown(document: Result, plots: Path, document_link: str = "") -> str:
    """The page, whose plots are drawn into the folder `plots`; UserError for a part that cannot be shown."""
    shown = [opening(document, document_link)]
    for name, show in SECTIONS.items():
        if name in document:
            with part(name):
                shown.append(show(document[name], plots))
    return "\n\n".join(shown) + "\n"


def headline(document: Result) -> list[str]:
    """The three sentences that matter, as Markdown; none of a part that the document lacks."""
    sentences = []
    for name, say in HEADLINES.items():
        if name in document:
            with part(name):
                sentences.append(say(document[name]))
    return sentences


@contextmanager
def part(name: str) -> Iterator[None]:
    """UserError for a part of the document that is not as its benchmark writes it."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UserError(
            f"the part '{name}' is not as this version of benchmarks.{name} writes it; measure it again."
        ) from error


# Text.


def opening(document: Result, document_link: str) -> str:
    paragraphs = [
        "# Benchmarks",
        QUICK if document.get("quick") else "",
        "\n".join(f"- {sentence}" for sentence in headline(document)),
    ]
    with part("machine"):
        machine = document["machine"]
        versions = [f"{name} {version}" for name, version in machine["packages"].items()]
        about = f"""
            Measured on {machine["date"][:10]}, with the bundles of that day, on {machine["cpu"]},
            {machine["cores"]} cores, {machine["memory_gb"]:g} GB of memory, {machine["system"]},
            Python {machine["python"]}, {", ".join(versions)}. Every figure is the median of several
            rounds, with the lowest and the highest round in brackets, and as whiskers in the plots; one
            alone is given where they do not differ. Candidates took turns within a round, and a ratio is
            the median of the rounds' ratios, so each is within one run. p50 and p95 are the median and the
            95th percentile over the frames of a round. Nothing else should run meanwhile; the load average
            of the minute before was {machine["load_average"][0]:g}.
            """
        if document_link:
            about += f"All figures are in [{Path(document_link).name}]({document_link}). "
        if "gpu" not in document:
            about += "Nothing was measured on an NVIDIA GPU."
    took_s = 0.0
    for name in SECTIONS:
        with part(name):
            took_s += document.get(name, {}).get("took_s", 0)
    comment = f"  # took {math.ceil(took_s / 60)} minutes there" if took_s else ""
    paragraphs += [
        prose(about),
        "What your machine does, from a checkout with `pip install -e '.[ros,demo,onnx,train,bench]'`:",
        f"```bash\npython -m benchmarks all --out results.json{comment}\n```",
        "`python -m benchmarks.page results.json --out DIR` makes such a page of it.",
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


if __name__ == "__main__":
    main()
