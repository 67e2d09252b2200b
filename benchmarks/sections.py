# SPDX-License-Identifier: Apache-2.0
"""What the page of results says of each part of the document, and the sentence of it that matters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.markdown import (
    count,
    number,
    picture,
    plain,
    prose,
    section,
    share,
    signed,
    size,
    table,
    told,
)
from benchmarks.plots import BLUE, GREY, Column, Row, draw_overload, draw_rows

Result = dict[str, Any]  # what one part measured, or the document of all of them

# As benchmarks.end_to_end calls them, which cannot be imported where ROS is missing.
BASELINE, OURS = "what a user would write", "samseg_ros"
CASES = {
    "samseg_ros": "samseg_ros",
    "as_installed": "Fast DDS as installed",
    "naive": "node as in tutorials",
    "rgbt": "samseg_ros, RGB and thermal",
}
STEPS = {"transport_ms": "transport", "node_ms": "the node's own work", "age_ms": "age of the mask"}


def end_to_end_sentence(result: Result) -> str:
    row = result["rates"]["10 Hz"]
    ages = {name: number(row[name]["age_ms"]["p50"]["median"]) for name in (BASELINE, OURS)}
    calm, slowest = next(iter(result["rates"].items()))
    keep_up = all(slowest[name]["unanswered"]["max"] == 0 for name in (BASELINE, OURS))
    also = f"; {told(slowest['times lower p50'])} times at {calm}, where both keep up" if keep_up else ""
    return prose(f"""
        **End to end**, {size(result["image_size"])} at 10 Hz from camera to consumer: median latency is
        {told(row["times lower p50"])} times lower than with what a user would write, {ages[OURS]} instead of
        {ages[BASELINE]} ms{also}.
        """)


def node_sentence(result: Result) -> str:
    row = result["cases"]["samseg_ros"]
    transport, own = (told(row[step].get("p95")) for step in ("transport_ms", "node_ms"))
    return prose(f"""
        **ROS**, {size(row["image_size"])} at {result["hz"]:g} Hz, three processes: transport takes
        {transport} ms and the node's own work {own} ms (p95); {count(row["lost"])} of {count(row["sent"])}
        frames are lost.
        """)


def overload_sentence(result: Result) -> str:
    over, growth = result["overloaded"], result["memory"]["growth_mb_per_minute"]
    times = over["camera_hz"] * result["calm"]["inference_ms"]["p50"] / 1e3
    return prose(f"""
        **Overload**, a camera {times:.2g} times as fast as the network, for {result["minutes"]:g} minutes:
        masks are {number(over["age_ms"]["p95"])} ms old (p95), where the limit, one inference and one period,
        is {number(result["limit_ms"])} ms; the node's memory changes by {signed(growth)} MB per minute.
        """)


HEADLINES: dict[str, Callable[[Result], str]] = {
    "end_to_end": end_to_end_sentence,
    "node": node_sentence,
    "overload": overload_sentence,
}


def end_to_end(result: Result, plots: Path) -> str:
    about = f"""
        A camera process sends pictures of {size(result["image_size"])}, a node makes masks of them, a third
        process reads the masks; latency is from the frame's stamp to the mask in the reader's hands. What a
        user would write is [benchmarks/obvious.py](../benchmarks/obvious.py): transformers' SegFormer-B0 in
        PyTorch, a queue of ten, everything in the callback, over Fast DDS as it is installed. Both networks
        see {size(result["network_size"])}. Where the baseline cannot keep up, its queue fills and its masks
        grow old, while ours drops what it cannot do; where there is time for every frame, latency is what the
        network and its surroundings cost.
        """
    rows, drawn = [], []
    for rate, row in result["rates"].items():
        drawn.append(Row(rate))
        for name in (BASELINE, OURS):
            one = row[name]
            ages = tuple(one["age_ms"].get(which) for which in ("p50", "p95"))
            drawn.append(Row(name, ages, BLUE if name == OURS else GREY))
            answered = f"{one['sent']['median'] - one['unanswered']['median']:,g} of {count(one['sent'])}"
            ratios = [told(row[f"times lower {which}"]) for which in ("p50", "p95")] if name == OURS else []
            rows.append([rate, name, *map(told, ages), answered, told(one["cores"]), *ratios])
    columns = [Column("latency, p50 (ms)"), Column("latency, p95 (ms)")]
    draw_rows(plots / "end_to_end.svg", drawn, columns, log=True)
    return section(
        "End to end",
        "end_to_end",
        about,
        picture(
            "end_to_end", "Latency at each rate, of the baseline and of samseg_ros, in logarithmic scale"
        ),
        table(
            ["Camera", "", "p50 (ms)", "p95 (ms)", "Frames answered", "CPU cores", "Times lower: p50", "p95"],
            rows,
        ),
    )


def node(result: Result, plots: Path) -> str:
    about = f"""
        A camera, the node and a reader of masks, each a process, at {result["hz"]:g} Hz. The engine answers
        at once, so that only transport (from the camera's stamp to the node's callback) and the node's own
        work (from there until the mask is published) are left; age is from the stamp to the reader's
        callback. Beside ours: the same node over Fast DDS as it is installed, and over our transport a node
        as tutorials write it, with a queue of ten and everything in the callback. The last case is pairs of a
        colour and a 16-bit thermal picture.
        """
    rows, drawn = [], []
    for case, row in result["cases"].items():
        name, steps = CASES.get(case, case), tuple(row[step].get("p95") for step in STEPS)
        drawn.append(Row(name, steps, BLUE if case in ("samseg_ros", "rgbt") else GREY))
        lost = f"{count(row['lost'])} of {count(row['sent'])}"
        figures = [*map(told, steps), told(row["node_cpu_ms"])]
        rows.append([name, size(row["image_size"]), lost, count(row["wrong_masks"]), *figures])
    draw_rows(plots / "node.svg", drawn, [Column(f"{step},\np95 (ms)") for step in STEPS.values()])
    ratios: dict[str, list[str]] = {}
    for case in ("as_installed", "naive"):
        found = [result["ratios"].get(f"{case} / samseg_ros, {step}") for step in STEPS]
        if any(found):
            ratios[CASES[case]] = [told(one) for one in found]
    header = ["Case", "Pictures", "Frames lost", "Wrong masks"]
    header += [f"{step.capitalize()}, p95 (ms)" for step in STEPS.values()]
    compared = table(["Times ours", *STEPS.values()], [[case, *row] for case, row in ratios.items()])
    return section(
        "What ROS costs",
        "node",
        about,
        picture("node", "Transport, the node's own work and the age of masks in each case, 95th percentile"),
        table([*header, "CPU time of the node (ms per frame)"], rows),
        f"How many times as long the others take as ours (p50):\n\n{compared}" if ratios else "",
    )


def overload(result: Result, plots: Path) -> str:
    memory = result["memory"]
    about = f"""
        First the camera is slow enough for the node to keep up, which tells what one inference takes; then it
        sends ten times as many frames as that allows, for {result["minutes"]:g} minutes. The node takes the
        newest frame when it is free, so a mask may be as old as one inference (p95) and one period:
        {number(result["limit_ms"])} ms. With what middleware and node add, the p95 of ages is
        {number(result["p95 age / limit"])} times that. After the first fifth of the time the node held
        {number(memory["first_mb"])} MB, in the end {number(memory["last_mb"])} MB; a straight line through
        what it held in between changes by {signed(memory["growth_mb_per_minute"])} MB per minute. Part of
        that is the measurement's own: the times of each frame, about 0.1 kB, are kept to the end. This is one
        long run, without rounds.
        """
    draw_overload(plots / "overload.svg", result)
    rows = []
    for name, one in (("calm", result["calm"]), ("overload", result["overloaded"])):
        answered = f"{one['sent'] - one['unanswered']:,g} of {one['sent']:,g}"
        ages = [number(one["age_ms"].get(which)) for which in ("p50", "p95", "max")]
        steps = [number(one.get(step, {}).get("p95")) for step in ("transport_ms", "inference_ms")]
        rows.append([name, number(one["camera_hz"]), answered, *steps, *ages, number(one["cores"])])
    header = ["Camera", "Hz", "Frames answered", "Transport, p95 (ms)", "Inference, p95 (ms)"]
    return section(
        "Overload",
        "overload",
        about,
        picture("overload", "Memory of the node over time, and the ages of masks beside their limit"),
        table([*header, "Age, p50 (ms)", "Age, p95 (ms)", "Oldest (ms)", "CPU cores"], rows),
    )


def inference(result: Result, plots: Path) -> str:
    bundles = result["bundles"]
    judged = sorted({bundle["pictures"]["kind"] for bundle in bundles.values()})
    references = sorted({bundle["reference"] for bundle in bundles.values()})
    about = f"""
        One picture at a time, in memory, from uint8 pixels to labels and confidence. The baseline is the same
        network in PyTorch eager: transformers' SegFormer with random weights, with normalisation, upsampling
        and softmax in torch. A runtime is asked for every precision, and measured once in each that it then
        computes in; `auto` is what a node would run of it. Same labels is the share of pixels with the label
        of the reference, {", ".join(references)} on the CPU: of all pixels, and of those that it is confident
        of ({", ".join(judged)}).
        """
    rows, notes = [], []
    for name, bundle in bundles.items():
        for runtime, one in bundle["runtimes"].items():
            figures = [told(one["ms"]), told(one["times_faster"])]
            shares = [share(one.get(key)) for key in ("agreement", "agreement_confident")]
            rows.append([name, runtime, ", ".join(one.get("asked", ())), *figures, *shares])
        if bundle["baseline"] is None:
            notes.append(f"{name} has no baseline here: its ratios are to {bundle['reference']}.")
    drawn = []
    for runtime in dict.fromkeys(name for bundle in bundles.values() for name in bundle["runtimes"]):
        found = [bundle["runtimes"].get(runtime) for bundle in bundles.values()]
        if runtime != result["baseline"]:
            drawn.append(Row(runtime, tuple(one and one["times_faster"] for one in found)))
    draw_rows(plots / "inference.svg", drawn, [Column(f"{name}\n(times faster)", 1.0) for name in bundles])
    return section(
        "Inference",
        "inference",
        about,
        picture("inference", "How many times faster than PyTorch eager each runtime is, for each bundle"),
        table(
            ["Bundle", "Runtime", "Asked for", "ms", "Times faster", "Same labels", "Where confident"],
            rows,
        ),
        " ".join(notes),
        refusals(bundle["refused"] for bundle in bundles.values()),
    )


def gpu(result: Result, plots: Path) -> str:
    roofs = " and ".join(
        f"{number(one['tflop_s'])} TFLOP/s in {name}" for name, one in result["roof"].items()
    )
    copied = next(iter(result["roof"].values()))["gb_s"]
    about = f"""
        {result["network"]} with random weights on {result["gpu"]}, {result["memory_gb"]:g} GB: from a picture
        that lies on the GPU to labels and confidence there, one picture at a time, by the GPU's clock. The
        roof is what the GPU does in the same run in one large matrix product ({roofs}) and in one large copy
        ({number(copied)} GB/s): no network can be through before its products, or its bytes, are. Bytes are
        those that its modules read and write one by one, which fusing may undercut. fp32 is without TF32.
        """
    rows, drawn, refused = [], [], []
    for name, by_precision in result["sizes"].items():
        for precision, row in by_precision.items():
            case = [size([int(side) for side in name.split("x")]), precision]
            drawn.append(Row(", ".join(case)))
            for way, one in row["ways"].items():
                of_roof = {key: 100 * value for key, value in one["of_roof"].items()}
                drawn.append(Row(way, (one["times_faster"], of_roof), GREY if "eager" in way else BLUE))
                figures = [one["ms"], one["frames_per_second"], one["times_faster"], of_roof]
                rows.append([*case, way, *map(told, figures), share(one["agreement"])])
            roof_ms = row["roof_ms"]
            rows.append([*case, f"the roof ({row['bound']})", number(roof_ms), number(1e3 / roof_ms)])
            refused.append({", ".join([*case, way]): reason for way, reason in row["refused"].items()})
    columns = [Column("times faster than eager", 1.0), Column("share of the roof (%)")]
    draw_rows(plots / "gpu.svg", drawn, columns, share_scale=False)
    header = ["Picture", "Precision", "Way", "ms", "Pictures per second", "Times faster", "Of the roof (%)"]
    return section(
        "On an NVIDIA GPU",
        "gpu",
        about,
        picture("gpu", "How many times faster than eager each way is, and its share of the roof"),
        table([*header, "Same labels as eager"], rows),
        refusals(refused),
    )


def refusals(found: Iterable[dict[str, str]]) -> str:
    """What could not be measured, folded: each with the reason that was met first."""
    reasons: dict[str, str] = {}
    for refused in found:
        reasons = {**refused, **reasons}
    lines = [f"- {plain(asked)}: {plain(reasons[asked])}" for asked in sorted(reasons)]
    summary = "<details><summary>What was not measured, and why</summary>"
    return "\n".join([summary, "", *lines, "", "</details>"]) if lines else ""


def start(result: Result, plots: Path) -> str:
    about = """
        From the start of the node's process to the first mask in a reader's hands, while the camera runs
        already, as on a vehicle. On a CPU the network is compiled at each start; runtimes that keep a plan
        are started without and with it. The files of Python and of the runtimes have been read before, so
        that the disk is not what is measured.
        """
    cases = result["first_mask_s"]
    rows = [Row(name, (seconds,)) for name, seconds in cases.items()]
    draw_rows(plots / "start.svg", rows, [Column("from start to first mask (s)")])
    return section(
        "Start",
        "start",
        about,
        picture("start", "Seconds to the first mask with each runtime"),
        table(["Runtime", "First mask (s)"], [[name, told(seconds)] for name, seconds in cases.items()]),
    )


def scaling(result: Result, plots: Path) -> str:
    cameras, sizes = result["cameras"], result["sizes"]
    about = f"""
        Cameras of {size(cameras["image_size"])} at {cameras["hz"]:g} Hz each with {cameras["bundle"]}, served
        by one process with one engine for all, and by a process each. Then pictures of several sizes at
        {sizes["hz"]:g} Hz, which the node follows, with {sizes["bundle"]}: the network sees the same size of
        all, so what grows is transport, resizing and the mask. Overhead is what a picture spends in its node
        less inference, of the slowest node; where the engine or the processor is busy, waiting is part of it.
        """
    drawn: list[Row] = []
    rows, headlines = [], set()
    for name, row in cameras["cases"].items():
        many, _, where = name.partition(", ")
        if many not in headlines:
            drawn.append(Row("1 camera" if many == "1" else f"{many} cameras"))
        headlines.add(many)
        color = BLUE if where == "one process" else GREY
        drawn.append(Row(where, (row["masks_per_second"], row["rss_mb"]), color))
        rows.append([name, *scaled(row)])
    columns = [Column("masks per second, all cameras"), Column("memory (MB)")]
    draw_rows(plots / "scaling_cameras.svg", drawn, columns, share_scale=False)
    pictures = {name.replace("x", "×"): row for name, row in sizes["cases"].items()}
    drawn = [Row(name, (row["overhead_ms"], row["age_ms"].get("p50"))) for name, row in pictures.items()]
    columns = [Column("overhead, p50 (ms)"), Column("age of the mask, p50 (ms)")]
    draw_rows(plots / "scaling_sizes.svg", drawn, columns, share_scale=False)
    header = ["Masks per second", "Age, p50 (ms)", "Age, p95 (ms)", "Overhead, p50 (ms)", "CPU cores"]
    header.append("Memory (MB)")
    return section(
        "More cameras, larger pictures",
        "scaling",
        about,
        picture(
            "scaling_cameras", "Masks per second and memory by the number of cameras, together and apart"
        ),
        table(["Cameras", *header], rows),
        picture("scaling_sizes", "Overhead and the age of masks by the size of the picture"),
        table(["Pictures", *header], [[name, *scaled(row)] for name, row in pictures.items()]),
    )


def scaled(row: Result) -> list[str]:
    ages = [row["age_ms"].get(which) for which in ("p50", "p95")]
    return [
        told(one) for one in (row["masks_per_second"], *ages, row["overhead_ms"], row["cores"], row["rss_mb"])
    ]


def label(result: Result, plots: Path) -> str:
    sizes = ", ".join(size(one) for one in result["sizes"])
    about = f"""
        `samseg label` with {result["bundle"]} on a bag of {result["frames"]} raw pictures of {sizes}
        ({result["bag"]}), against a plain loop: rosbags, transformers' SegFormer in PyTorch eager with its
        own image processor, and masks at the size of the picture. The loop writes masks alone, `samseg label`
        also copies what the bag held. Each is a process of its own; its start is imports and loading the
        network.
        """
    spans = {"whole": "from start to end", "running": "without the start"}
    rows, drawn = [], []
    for way, row in result["ways"].items():
        rates = tuple(row[span]["frames_per_second"] for span in spans)
        drawn.append(Row(way, rates, GREY if way == result["baseline"] else BLUE))
        figures = [*rates, *(row[span]["times_faster"] for span in spans)]
        every = "yes" if row["every_mask"] else "no"
        rows.append([way, f"{row['runtime']}, {row['device']}", *map(told, figures), every])
    draw_rows(plots / "label.svg", drawn, [Column(f"frames per second,\n{span}") for span in spans.values()])
    header = ["", "Runtime", "Frames per second: whole", "running", "Times faster: whole", "running"]
    return section(
        "Labelling a bag",
        "label",
        about,
        picture("label", "Frames per second of samseg label and of the plain loop"),
        table([*header, "A mask for every frame"], rows),
    )


SECTIONS: dict[str, Callable[[Result, Path], str]] = {
    "end_to_end": end_to_end,
    "node": node,
    "overload": overload,
    "inference": inference,
    "gpu": gpu,
    "start": start,
    "scaling": scaling,
    "label": label,
}
