# SPDX-License-Identifier: Apache-2.0
"""A training by two processes, as a user starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path


def two_processes(*words: str) -> None:
    """`torchrun --nproc-per-node 2 -m training WORDS…`, one thread each; fails as the training does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [*command, "-m", "training", *words],
        env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
