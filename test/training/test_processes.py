# SPDX-License-Identifier: Apache-2.0
"""What processes share out, with two of them and with one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from torch import distributed

from training import processes


def test_alone_all_is_ones_own() -> None:
    counts = np.array([[1, 2]])
    assert processes.share([1, 2, 3]) == [1, 2, 3] and processes.total(counts) is counts


def test_two_processes_share_the_work_and_know_the_whole(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path), str(rank)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        for rank in range(2)
    ]
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    told = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert [one["share"] for one in told] == [[0, 2, 4], [1, 3]]
    assert [one["total"] for one in told] == [[5, 2**40 + 1]] * 2


def process(folder: Path, rank: int) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2
    )
    share = list(processes.share(range(5)))
    total = processes.total(np.array([len(share), 2**39 + rank]))  # more than int32 and float32 carry
    (folder / f"{rank}.json").write_text(json.dumps({"share": share, "total": total.tolist()}))
    distributed.destroy_process_group()


if __name__ == "__main__":
    process(Path(sys.argv[1]), int(sys.argv[2]))
