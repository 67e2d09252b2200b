# SPDX-License-Identifier: Apache-2.0
"""Real nodes in processes of their own, and a peer that talks to them over DDS."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from samseg_ros import transport

if TYPE_CHECKING:  # peer.py needs rclpy; the tests skip themselves where it is missing
    from nodes.peer import Peer, Running

# Each test its own domain, and each test run its own range of them; those up to 101 are safe on Linux.
_domains = itertools.cycle(range(10 + os.getpid() % 9 * 10, 20 + os.getpid() % 9 * 10))


@pytest.fixture
def domain() -> int:
    return next(_domains)


@pytest.fixture
def peer(domain: int) -> Iterator[Peer]:
    from nodes.peer import Peer

    peer = Peer(domain)
    yield peer
    peer.close()


@pytest.fixture
def start(domain: int, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts ``python -m samseg_ros.nodes.<module>`` with parameters and further ROS arguments."""
    from nodes.peer import Running

    running: list[Running] = []

    def start_one(module: str = "panorama_node", *arguments: str, **parameters: Any) -> Running:
        # With the transport's settings from the start, the process need not start itself anew for them.
        environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "PYTHONUNBUFFERED": "1"}
        environment |= transport.environment(environment)
        environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
        output = tmp_path / f"{module}-{len(running)}.log"
        ros_arguments = [*arguments]
        # The perception node's cameras have their own devices, which one of the command line would overrule.
        device = {} if module == "perception" else {"device": "CPU"}
        for name, value in {"diagnostics_period": 0.2, **device, **parameters}.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            ros_arguments += ["-p", f"{name}:={text}"]
        with output.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"samseg_ros.nodes.{module}", "--ros-args", *ros_arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        running.append(Running(process, output))
        return running[-1]

    yield start_one
    for one in running:
        one.stop()


@pytest.fixture
def bundle_directory(red_bundle: Callable[..., Any], tmp_path: Path) -> Path:
    """A panorama bundle of 32×64: id 8 where red is above 128, else 0; confidence is blue."""
    return red_bundle(tmp_path / "red").path


@pytest.fixture
def picture() -> np.ndarray:
    """Noise of 32×64, BGR: at the network's size, so that each pixel's id is known."""
    return np.random.default_rng(5).integers(0, 256, (32, 64, 3), dtype=np.uint8)
