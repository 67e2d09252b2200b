# SPDX-License-Identifier: Apache-2.0
"""That the roof is worked out right, and what is said where there is no GPU; not how fast anything is."""

import sys
import time

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed; pip install 'samseg_ros[train]'")
pytest.importorskip("transformers", reason="transformers is missing; pip install 'samseg_ros[train]'")

import torch

from benchmarks import gpu

TINY = (64, 128)


def test_without_a_gpu_one_sentence_and_status_2(monkeypatch, capsys) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(SystemExit) as ended:
        gpu.main()
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert (
        shown.out == "" and shown.err.startswith("PyTorch finds no NVIDIA GPU") and shown.err.count("\n") == 1
    )
    with pytest.raises(RuntimeError, match="no NVIDIA GPU"):
        gpu.measure()


def test_bytes_are_weights_once_and_each_modules_own_reads_and_writes() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 1), torch.nn.Dropout(), torch.nn.ReLU()).eval()
    picture = torch.zeros(1, 3, 4, 8)
    conv, relu = (3 + 5) * 32, (5 + 5) * 32
    assert gpu.bytes_moved(network, picture) == 4 * (3 * 5 + 5 + conv + relu)
    assert not any(module._forward_hooks for module in network.modules())


def test_work_is_that_of_the_network() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from training.networks import segformer

    network = segformer("b0", gpu.CLASSES).model.eval()
    network.set_attn_implementation("eager")
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, *TINY))
    full, half = (gpu.work("b0", TINY, precision) for precision in gpu.PRECISIONS)
    assert full["flop"] == half["flop"] == counter.get_total_flops()
    assert full["bytes"] == 2 * half["bytes"]
    assert full["bytes"] > sum(weight.nbytes for weight in network.parameters())


def test_the_roof_is_the_longer_of_products_and_bytes() -> None:
    needed = {"flop": 2 * 10**12, "bytes": 3 * 10**9}
    assert gpu.roof_ms(needed, {"tflop_s": 1000.0, "gb_s": 1000.0}) == pytest.approx(3.0)
    assert gpu.roof_ms(needed, {"tflop_s": 100.0, "gb_s": 1000.0}) == pytest.approx(20.0)


def test_ways_are_measured_and_refusals_told(monkeypatch) -> None:
    """On the CPU, with the clock of the wall, and a compiler that fails."""

    def elapsed_ms(run, times):
        began = time.perf_counter()
        for _ in range(times):
            run()
        return (time.perf_counter() - began) / times * 1e3

    def fails():
        raise RuntimeError("no C compiler\n  was found")

    monkeypatch.setattr(gpu, "DEVICE", "cpu")
    monkeypatch.setattr(gpu, "gpu_ms", elapsed_ms)
    monkeypatch.setattr(gpu, "captured", gpu.warm)
    monkeypatch.setattr(torch, "compile", lambda step, dynamic: fails)
    roof = {"tflop_s": 1e-3, "gb_s": 1e3}
    row = gpu.measure_size("b0", TINY, "fp32", roof, rounds=1, frames=1)
    assert list(row["ways"]) == [gpu.EAGER, "cuda graph"]
    assert row["refused"] == {"torch.compile": "no C compiler was found"}
    assert row["bound"] == "products"
    for way in row["ways"].values():
        assert way["agreement"] == 1.0
        assert way["of_roof"]["median"] == pytest.approx(row["roof_ms"] / way["ms"]["median"], rel=1e-2)
    assert row["ways"][gpu.EAGER]["times_faster"]["median"] == 1.0
    result = {"gpu": "none", "network": "B0", "roof": {"fp32": roof}, "sizes": {"64x128": {"fp32": row}}}
    lines = gpu.table(result).splitlines()
    assert len(lines) == 2 + 3 + 1  # heads, two ways and the roof, what was refused
    assert lines[-1] == "64x128, fp32, torch.compile: no C compiler was found"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no NVIDIA GPU here")
def test_on_a_gpu(monkeypatch) -> None:
    monkeypatch.setattr(gpu, "PRODUCT", 1024)
    monkeypatch.setattr(gpu, "COPIED", 1 << 24)
    result = gpu.measure(1, 2, [TINY])
    for precision in gpu.PRECISIONS:
        ways = result["sizes"]["64x128"][precision]["ways"]
        assert {gpu.EAGER, "cuda graph"} <= set(ways)
        assert all(way["agreement"] > 0.99 and way["ms"]["median"] > 0 for way in ways.values())
    assert gpu.table(result)
