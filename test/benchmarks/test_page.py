# SPDX-License-Identifier: Apache-2.0
"""That the page tells what the document holds, and refuses what is none; the figures are made up."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks import markdown, page, plots, sections
from samseg_ros.errors import UserError

pytest.importorskip("matplotlib", reason="the page's plots need matplotlib")

PLOTS = {
    "end_to_end": {"end_to_end"},
    "node": {"node"},
    "overload": {"overload"},
    "inference": {"inference"},
    "gpu": {"gpu"},
    "start": {"start"},
    "scaling": {"scaling_cameras", "scaling_sizes"},
    "label": {"label"},
}


def spread(median: float) -> dict[str, float]:
    return {"median": median, "min": 0.9 * median, "max": 1.1 * median}


def figures(p50: float, unanswered: int = 0) -> dict[str, Any]:
    """As :meth:`benchmarks.rig.Take.figures`, of several rounds."""
    once = {key: plots.steady(value) for key, value in {"sent": 120, "unanswered": unanswered}.items()}
    ages = {"p50": spread(p50), "p95": spread(2 * p50), "max": spread(3 * p50)}
    return {**once, "camera_hz": spread(10), "age_ms": ages, "cores": spread(1.17), "rss_mb": spread(512)}


def compared(baseline: float, ours: float, unanswered: int) -> dict[str, Any]:
    ratio = spread(baseline / ours)
    return {
        sections.BASELINE: figures(baseline, unanswered),
        sections.OURS: figures(ours, unanswered),
        "times lower p50": ratio,
        "times lower p95": ratio,
    }


def node_case(p95: float, lost: int) -> dict[str, Any]:
    steps = {
        step: {"p50": spread(p95 / 2), "p95": spread(p95)} if lost < 300 else {} for step in sections.STEPS
    }
    counts = {"sent": plots.steady(300), "lost": plots.steady(lost), "wrong_masks": plots.steady(0)}
    return {"image_size": [1024, 2048], **counts, **steps, "node_cpu_ms": spread(7.77)}


def runtime(times: float, agreement: float | None = None) -> dict[str, Any]:
    row: dict[str, Any] = {"ms": spread(1000 / times), "times_faster": spread(times)}
    if agreement is not None:
        row |= {"asked": ["auto", "fp32"], "agreement": agreement, "agreement_confident": 1.0}
    return row


def bundle(baseline: str | None) -> dict[str, Any]:
    runtimes = {"openvino fp32": runtime(4.56, 1.0), "onnxruntime int8": runtime(0.83, 0.999999)}
    return {
        "baseline": baseline,
        "reference": "onnxruntime fp32",
        "pictures": {"kind": "drawn street"},
        "runtimes": {**({baseline: runtime(1)} if baseline else {}), **runtimes},
        "refused": {"onnxruntime bf16": "not with <this>\n graph" + " at all" * 100},
    }


def way(times: float) -> dict[str, Any]:
    """Of a GPU."""
    measured = {"ms": 10 / times, "frames_per_second": 100 * times, "times_faster": times}
    return {
        **{key: spread(value) for key, value in measured.items()},
        "of_roof": spread(0.1),
        "agreement": 0.98765,
    }


def span(fps: float, times: float) -> dict[str, Any]:
    """Of labelling a bag."""
    return {"frames_per_second": spread(fps), "times_faster": spread(times)}


def document() -> dict[str, Any]:
    one_take = {
        "camera_hz": 12.3,
        "sent": 7000,
        "unanswered": 6000,
        "cores": 1.9,
        "transport_ms": {"p95": 66.7},
    }
    ages, inference_ms = {"p50": 555.5, "p95": 666.6, "max": 777.7}, {"p50": 812.0, "p95": 822.0}
    scaled = {**figures(91), "masks_per_second": spread(18.8), "overhead_ms": spread(3.21)}
    gpu_row = {"roof_ms": 0.0246, "bound": "bytes", "refused": {"torch.compile": "no compiler"}}
    return {
        "benchmark": "all",
        "quick": False,
        "machine": {
            "date": "2026-01-02T03:04:05+00:00",
            "cpu": "Some CPU",
            "cores": 2,
            "memory_gb": 25.3,
            "load_average": [0.12, 0.2, 0.3],
            "system": "Linux",
            "python": "3.11.7",
            "packages": {"openvino": "2026.4.1"},
        },
        "end_to_end": {
            "image_size": [1024, 2048],
            "network_size": [512, 1024],
            "rates": {"0.5 Hz": compared(2222, 404, 0), "10 Hz": compared(14321, 515, 90)},
            "took_s": 300,
        },
        "node": {
            "hz": 30.0,
            "cases": {"samseg_ros": node_case(6.43, 0), "as_installed": node_case(36.8, 300)},
            "ratios": {"as_installed / samseg_ros, age_ms": spread(1.93)},
        },
        "overload": {
            "minutes": 10.0,
            "calm": {**one_take, "age_ms": ages, "inference_ms": inference_ms},
            "overloaded": {**one_take, "age_ms": ages, "inference_ms": inference_ms},
            "limit_ms": 903.4,
            "p95 age / limit": 0.738,
            "memory": {
                "first_mb": 488.0,
                "last_mb": 489.0,
                "growth_mb_per_minute": 0.187,
                "rss_mb": [[0.0, 450.0], [300.0, 488.0], [600.0, 489.0]],
            },
        },
        "inference": {
            "baseline": "pytorch eager",
            "bundles": {"a_camera": bundle("pytorch eager"), "a_panorama": bundle(None)},
        },
        "gpu": {
            "gpu": "NVIDIA Something",
            "memory_gb": 80.0,
            "network": "SegFormer-B0",
            "roof": {"fp16": {"tflop_s": 702.2, "gb_s": 4210.0}},
            "sizes": {
                "512x1024": {"fp16": {**gpu_row, "ways": {"pytorch eager": way(1), "cuda graph": way(3.45)}}}
            },
        },
        "start": {"first_mask_s": {"openvino": spread(3.27)}},
        "scaling": {
            "cameras": {
                "bundle": "a_camera",
                "image_size": [480, 640],
                "hz": 10.0,
                "cases": {"1, one process": scaled, "1, a process each": scaled, "2, one process": scaled},
            },
            "sizes": {"bundle": "a_panorama", "hz": 1.0, "cases": {"512x256": scaled, "4096x2048": scaled}},
        },
        "label": {
            "bundle": "a_panorama",
            "bag": "drawn street",
            "frames": 12,
            "sizes": [[1024, 2048]],
            "baseline": "plain loop",
            "ways": {
                "samseg label": {
                    "runtime": "openvino",
                    "device": "CPU",
                    "whole": span(1.82, 5.05),
                    "running": span(3.11, 4.86),
                    "every_mask": True,
                },
                "plain loop": {
                    "runtime": "pytorch eager",
                    "device": "cpu",
                    "whole": span(0.362, 1),
                    "running": span(0.646, 1),
                    "every_mask": False,
                },
            },
        },
    }


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a page of all parts, and its document beside it."""
    folder = tmp_path_factory.mktemp("checkout")
    source = folder / "results" / "all.json"
    source.parent.mkdir()
    source.write_text(json.dumps(document()))
    assert page.write(page.read(source), folder / "docs", source) == folder / "docs" / "benchmarks.md"
    return folder / "docs"


def row_of(text: str, *cells: str) -> list[str]:
    """The cells of the table's row that begins with these."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {' | '.join(cells)} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_holds_the_figures_of_each_part(docs: Path) -> None:
    text = (docs / "benchmarks.md").read_text(encoding="utf-8")
    for said in (
        "Some CPU, 2 cores, 25.3 GB",
        "openvino 2026.4.1",
        "load average of the minute before was 0.12",
    ):
        assert said in text
    assert "[all.json](../results/all.json)" in text and "quick run" not in text and "NVIDIA GPU." not in text
    assert row_of(text, "10 Hz", "samseg_ros")[2:] == [
        "515 (464–566)", "1,030 (927–1,130)", "30 of 120", "1.17 (1.05–1.29)", "27.8 (25.0–30.6)",
        "27.8 (25.0–30.6)",
    ]  # fmt: skip
    assert row_of(text, "samseg_ros", "2048×1024")[2:5] == ["0 of 300", "0", "6.43 (5.79–7.07)"]
    assert row_of(text, "Fast DDS as installed", "2048×1024")[2:5] == ["300 of 300", "0", "–"]
    assert row_of(text, "Fast DDS as installed", "–", "–")[3] == "1.93 (1.74–2.12)"
    assert row_of(text, "overload")[1:] == [
        "12.3",
        "1,000 of 7,000",
        "66.7",
        "822",
        "556",
        "667",
        "778",
        "1.90",
    ]
    assert row_of(text, "a_camera", "openvino fp32")[2:] == [
        "auto, fp32", "219 (197–241)", "4.56 (4.10–5.02)", "100 %", "100 %",
    ]  # fmt: skip
    assert row_of(text, "a_panorama", "onnxruntime int8")[-2] == "99.99 %", "never rounded up to all"
    assert "a_panorama has no baseline here: its ratios are to onnxruntime fp32." in text
    assert text.count("onnxruntime bf16: not with &lt;this> graph at all") == 1
    assert row_of(text, "1024×512", "fp16", "cuda graph")[5] == "3.45 (3.11–3.80)"
    assert row_of(text, "1024×512", "fp16", "the roof (bytes)")[3] == "0.0246"
    assert row_of(text, "openvino") == ["openvino", "3.27 (2.94–3.60)"]
    assert row_of(text, "2, one process")[1] == row_of(text, "4096×2048")[1] == "18.8 (16.9–20.7)"
    assert row_of(text, "samseg label")[2] == "1.82 (1.64–2.00)"
    assert row_of(text, "plain loop")[-1] == "no"


def test_the_headlines_are_three_and_on_the_page(docs: Path) -> None:
    told = page.headline(document())
    assert len(told) == 3
    for sentence, said in zip(
        told,
        (
            ["27.8 (25.0–30.6) times", "515 instead of 14,300 ms", "5.50 (4.95–6.05) times at 0.5 Hz"],
            ["6.43 (5.79–7.07) ms", "0 of 300"],
            ["10 times as fast", "10 minutes", "667 ms", "903 ms", "+0.19 MB"],
        ),
        strict=True,
    ):
        assert all(one in sentence for one in said), sentence
    text = (docs / "benchmarks.md").read_text(encoding="utf-8")
    assert all(f"- {sentence}\n" in text for sentence in told)


def test_that_both_keep_up_is_said_only_if_they_do() -> None:
    changed = document()
    changed["end_to_end"]["rates"]["0.5 Hz"] = compared(2222, 404, unanswered=1)
    assert "keep up" not in page.headline(changed)[0]


def test_the_plots_are_svg_that_the_page_shows(docs: Path) -> None:
    names = set().union(*PLOTS.values())
    assert {path.name for path in (docs / "benchmarks").iterdir()} == {f"{name}.svg" for name in names}
    assert {path.name for path in docs.iterdir()} == {"benchmarks.md", "benchmarks"}, "a draft was left"
    text = (docs / "benchmarks.md").read_text(encoding="utf-8")
    for name in names:
        assert f"](benchmarks/{name}.svg)" in text
        root = ET.parse(docs / "benchmarks" / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_same_document_gives_the_same_files(docs: Path, tmp_path: Path) -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "another"}):  # a user's own look
        page.write(document(), tmp_path)
    for path in (docs / "benchmarks").iterdir():
        assert path.read_bytes() == (tmp_path / "benchmarks" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", PLOTS)
def test_a_part_alone_is_shown_alone(name: str, tmp_path: Path) -> None:
    whole = document()
    page.write(
        {key: whole[key] for key in ("benchmark", "quick", "machine", name)} | {"quick": True}, tmp_path
    )
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("##")] != [] and text.count("\n## ") == 1
    assert f"benchmarks/{name}.py" in text and "quick run" in text
    assert ("Nothing was measured on an NVIDIA GPU." in text) == (name != "gpu")
    assert {path.stem for path in (tmp_path / "benchmarks").iterdir()} == PLOTS[name]
    assert text.count("\n- **") == (name in sections.HEADLINES)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        ("[]", "is no document of all benchmarks"),
        ('{"benchmark": "node", "machine": {}}', "is no document of all benchmarks"),
        ('{"benchmark": "all", "machine": {}}', "holds no part"),
        ('{"benchmark": "all", "machine": {}, "start": {}}', "'machine' is not as"),
        ({"node": {"cases": {}}}, "'node' is not as"),
        ({"label": []}, "'label' is not as"),
        ({"start": {"first_mask_s": {"openvino": 3.2}}}, "'start' is not as"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(
    content: str | bytes | dict[str, Any] | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "results.json"
    if isinstance(content, dict):
        content = json.dumps(document() | content)
    if content is not None:
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
    out = tmp_path / "docs"
    monkeypatch.setattr("sys.argv", ["page", str(source), "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        page.main()
    printed = capsys.readouterr()
    assert ended.value.code == 2 and printed.out == ""
    assert said in printed.err and printed.err.count("\n") == 1
    assert not list(out.glob("*")), "nothing is left of a page that failed"


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").write_text("a file")
    with pytest.raises(UserError, match="cannot be written to"):
        page.write(document(), tmp_path / "docs")


def test_names_are_those_that_the_benchmarks_write() -> None:
    pytest.importorskip("rclpy", reason="the benchmarks over ROS need rclpy")
    pytest.importorskip("psutil", reason="the benchmarks over ROS need psutil")
    from benchmarks import __main__ as everything
    from benchmarks import end_to_end, node, scaling

    assert (sections.BASELINE, sections.OURS) == (end_to_end.BASELINE, end_to_end.OURS)
    assert list(sections.CASES) == list(node.CASES)
    assert scaling.TOGETHER == "one process"
    assert set(everything.parts(quick=True)) | {"gpu"} == set(sections.SECTIONS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (None, "–"), (0.04567, "0.0457"), (0.9996, "1.00"), (9.996, "10.0"), (99.96, "100"),
     (123.4, "123"), (12345, "12,300"), (-2.345, "-2.35")],
)  # fmt: skip
def test_numbers_have_three_digits(value: float | None, shown: str) -> None:
    assert markdown.number(value) == shown
