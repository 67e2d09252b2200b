# SPDX-License-Identifier: Apache-2.0
"""SegFormer on an NVIDIA GPU: eager, torch.compile and CUDA graphs, and how far each is from the roof.

What is timed is a picture that lies on the GPU already, through transformers' SegFormer with random weights,
upsampling, argmax and softmax, to labels and confidence on the GPU; one picture at a time. The ways take
turns in rounds, so that a GPU that slows down slows all of them; a ratio is the median of the rounds' ratios.

The roof (Williams et al., "Roofline", CACM 2009) is what the same GPU does in the same run with one large
matrix product, and with one large copy: no network can be through before its products, or its bytes, are. The
bytes are those of the weights, and what the network's modules read and write one by one; fusing them may
undercut that. Attention's own products and the upsampling of the logits are not among them. fp32 is without
TF32.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks import report
from samseg_ros import arguments

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from training.networks import Variant

SIZES = ((512, 1024), (1024, 2048))
PRECISIONS = ("fp32", "fp16")
DEVICE = "cuda"
EAGER = "pytorch eager"
CLASSES = 11
WARM_UP = 3  # calls before one is captured: the first ones choose kernels
PRODUCT = 8192  # rows and columns of the matrices of the roof
COPIED = 1 << 30  # bytes of the copy

Answer = tuple["Tensor", "Tensor"]  # labels and confidence, uint8 [h, w]
Run = Callable[[], Answer]


def missing() -> str:
    """Why nothing can be measured here, in one sentence; empty where it can."""
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            return f"{package} is not installed; pip install 'samseg_ros[train]' in a checkout."
    import torch

    if not torch.cuda.is_available():
        return "PyTorch finds no NVIDIA GPU here; this benchmark measures nothing else."
    return ""


def measure(
    rounds: int = 5, frames: int = 50, sizes: Sequence[tuple[int, int]] = SIZES, variant: Variant = "b0"
) -> dict[str, Any]:
    """Milliseconds and frames per second of each way, by size and precision, and their share of the roof.

    Args:
        rounds: in which each way takes its turn.
        frames: that each takes in a turn.
        sizes: (height, width) of the pictures, multiples of 32.
        variant: of SegFormer, "b0" to "b5".

    Raises:
        RuntimeError: there is no GPU, see :func:`missing`.
    """
    if reason := missing():
        raise RuntimeError(reason)
    import torch

    gpu = torch.cuda.get_device_properties(0)
    result: dict[str, Any] = {
        "gpu": gpu.name,
        "capability": f"{gpu.major}.{gpu.minor}",
        "memory_gb": round(gpu.total_memory / 1e9, 1),
        "cuda": torch.version.cuda,
        "network": f"SegFormer-{variant.upper()}",
        "roof": {},
        "sizes": {},
    }
    with exact_fp32():
        copied = copy_gb_s()
        for precision in PRECISIONS:
            result["roof"][precision] = {"tflop_s": product_tflop_s(precision), "gb_s": copied}
        for size in sizes:
            result["sizes"]["x".join(map(str, size))] = {
                precision: measure_size(variant, size, precision, result["roof"][precision], rounds, frames)
                for precision in PRECISIONS
            }
    return result


def measure_size(
    variant: Variant, size: tuple[int, int], precision: str, roof: dict[str, float], rounds: int, frames: int
) -> dict[str, Any]:
    """One row of :func:`measure`: what the network takes at least, what each way takes, and what failed."""
    import torch

    needed = work(variant, size, precision)
    least = roof_ms(needed, roof)
    runs, refused = ways(variant, size, precision)
    with torch.inference_mode():
        expected = [part.clone() for part in runs[EAGER]()]
        same = {name: float((run()[0] == expected[0]).float().mean()) for name, run in runs.items()}
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                run()  # not counted: it finds the clocks and caches as the one before left them
                times[name].append(gpu_ms(run, frames))
    rows = {}
    for name, row in times.items():
        rows[name] = {
            "ms": report.spread(row),
            "frames_per_second": report.spread([1e3 / one for one in row]),
            "times_faster": report.spread(
                [slow / fast for slow, fast in zip(times[EAGER], row, strict=True)]
            ),
            "of_roof": report.spread([least / one for one in row]),
            "agreement": round(same[name], 6),
        }
    return {
        "gflop": round(needed["flop"] / 1e9, 2),
        "mb": round(needed["bytes"] / 1e6, 1),
        "roof_ms": round(least, 4),
        "bound": "products" if least == products_ms(needed, roof) else "bytes",
        "ways": rows,
        "refused": refused,
    }


def ways(variant: Variant, size: tuple[int, int], precision: str) -> tuple[dict[str, Run], dict[str, str]]:
    """Each way to run the network on one picture, warmed up, and the reasons of those that cannot be."""
    import torch

    from training.networks import normalise, segformer

    torch.manual_seed(0)
    dtype = dtype_of(precision)
    network = segformer(variant, CLASSES).model.eval().to(DEVICE, dtype)
    image = torch.randint(0, 256, (1, *size, 3), dtype=torch.uint8, device=DEVICE)
    picture = normalise(image).contiguous().to(dtype)

    def step() -> Answer:
        return answer(network, picture)

    torch.compiler.reset()  # or it would make the second size, and all others, dynamic
    compiled = torch.compile(step, dynamic=False)
    runs: dict[str, Run] = {}
    refused: dict[str, str] = {}
    made: dict[str, Callable[[], Run]] = {
        EAGER: lambda: warm(step),
        "torch.compile": lambda: warm(compiled),
        "cuda graph": lambda: captured(step),
    }
    for name, make in made.items():
        try:
            with torch.inference_mode():
                runs[name] = make()
        except Exception as error:  # compilers fail as they please: no C compiler, no Triton, a graph break
            if name == EAGER:
                raise
            refused[name] = " ".join(str(error).split())[:300]
    return runs, refused


def answer(network: nn.Module, picture: Tensor) -> Answer:
    """What a camera's node needs of the network, for a normalised picture [1, 3, h, w]."""
    import torch
    from torch.nn import functional

    logits = network(picture).logits
    logits = functional.interpolate(logits, size=picture.shape[2:], mode="bilinear", align_corners=False)
    confidence, labels = logits.softmax(dim=1).max(dim=1)
    return labels[0].to(torch.uint8), (confidence[0] * 255).to(torch.uint8)


def warm(run: Callable[[], Any]) -> Callable[[], Any]:
    for _ in range(WARM_UP):
        run()
    return run


def captured(run: Run) -> Run:
    """The same as one CUDA graph, which writes to the same memory each time."""
    import torch

    # Capture wants all that is made once to be made, on a stream of its own.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        warm(run)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        made = run()

    def replay() -> Answer:
        graph.replay()
        return made

    return replay


def gpu_ms(run: Callable[[], object], times: int) -> float:
    """Of one call, in the mean, by the GPU's clock."""
    import torch

    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    began.record()
    for _ in range(times):
        run()
    ended.record()
    torch.cuda.synchronize()
    return began.elapsed_time(ended) / times


def product_tflop_s(precision: str) -> float:
    """What the GPU does in a large matrix product; a multiplication and an addition count as two."""
    import torch

    one, other = (torch.randn(PRODUCT, PRODUCT, device=DEVICE, dtype=dtype_of(precision)) for _ in range(2))
    warm(lambda: one @ other)
    return round(2 * PRODUCT**3 / gpu_ms(lambda: one @ other, 10) / 1e9, 1)


def copy_gb_s() -> float:
    """Bytes read and bytes written in a large copy on the GPU."""
    import torch

    source = torch.empty(COPIED, dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(source)
    warm(lambda: target.copy_(source))
    return round(2 * COPIED / gpu_ms(lambda: target.copy_(source), 10) / 1e6, 1)


def work(variant: Variant, size: tuple[int, int], precision: str) -> dict[str, int]:
    """``{"flop", "bytes"}`` of one picture through the network, worked out without computing it."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from training.networks import segformer

    with torch.device("meta"):
        network = segformer(variant, CLASSES).model.eval().to(dtype_of(precision))
        picture = torch.empty(1, 3, *size, dtype=dtype_of(precision))
    with torch.inference_mode():
        moved = bytes_moved(network, picture)
        with FlopCounterMode(display=False) as counter:
            network(picture)
    return {"flop": int(counter.get_total_flops()), "bytes": moved}


def bytes_moved(network: nn.Module, picture: Tensor) -> int:
    """What the innermost modules read and write, each of its own, and all weights once."""
    import torch

    moved = sum(weight.nbytes for weight in network.parameters())

    def count(module: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        nonlocal moved
        if made is not given[0]:  # dropout and the like give back what they were given
            moved += sum(tensor.nbytes for tensor in (*given, made) if isinstance(tensor, torch.Tensor))

    innermost = [module for module in network.modules() if next(module.children(), None) is None]
    hooks = [module.register_forward_hook(count) for module in innermost]
    network(picture)
    for hook in hooks:
        hook.remove()
    return moved


def products_ms(needed: dict[str, int], roof: dict[str, float]) -> float:
    return needed["flop"] / roof["tflop_s"] / 1e9


def roof_ms(needed: dict[str, int], roof: dict[str, float]) -> float:
    """Milliseconds that a picture takes at the least, by products or by bytes, whichever is more."""
    return max(products_ms(needed, roof), needed["bytes"] / roof["gb_s"] / 1e6)


def dtype_of(precision: str) -> torch.dtype:
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16}[precision]


@contextmanager
def exact_fp32() -> Iterator[None]:
    """fp32 that is fp32: PyTorch's convolutions take TF32 unless they are told not to."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--rounds", type=arguments.count, default=5)
    parser.add_argument("--frames", type=arguments.count, default=50, help="frames of each way in a round")
    report.add_arguments(parser)
    args = parser.parse_args()
    if reason := missing():
        print(reason, file=sys.stderr)
        raise SystemExit(2)
    result = measure(args.rounds, args.frames)
    report.emit(args, "gpu", result, table(result))


def table(result: dict[str, Any]) -> str:
    """The same for a terminal; below it, what could not be measured and why."""
    roofs = "; ".join(
        f"{precision}: {roof['tflop_s']:.1f} TFLOP/s" for precision, roof in result["roof"].items()
    )
    copied = next(iter(result["roof"].values()))["gb_s"]
    lines = [
        f"{result['network']} on {result['gpu']}; {roofs}; {copied:.0f} GB/s",
        f"{'size':<12}{'precision':<11}{'way':<28}{'ms':>9}{'frames/s':>11}{'times faster':>14}"
        f"{'of the roof':>13}",
    ]
    refused = []
    for size, by_precision in result["sizes"].items():
        for precision, row in by_precision.items():
            for way, one in row["ways"].items():
                lines.append(
                    f"{size:<12}{precision:<11}{way:<28}{one['ms']['median']:>9.3f}"
                    f"{one['frames_per_second']['median']:>11.1f}{one['times_faster']['median']:>14.2f}"
                    f"{one['of_roof']['median']:>13.1%}"
                )
            least = row["roof_ms"]
            lines.append(f"{size:<12}{precision:<11}{'the roof':<28}{least:>9.3f}{1e3 / least:>11.1f}")
            refused += [f"{size}, {precision}, {way}: {reason}" for way, reason in row["refused"].items()]
    return "\n".join([*lines, *refused])


if __name__ == "__main__":
    main()
