# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import pytest

from samseg_ros import share

pytest.importorskip("openvino", reason="OpenVINO is not installed; pip install 'samseg_ros[openvino]'")

# What an inference asks OpenVINO first. Threads change places as often as they can, so that they meet in it.
FIRST_USE = """
import sys, threading
import numpy as np
import samseg_ros.engine.openvino
import openvino as ov

sys.setswitchinterval(1e-6)
together = threading.Barrier(4)

def camera():
    together.wait()
    ov.Type.u8.to_dtype()
    together.wait()
    ov.Tensor(np.zeros(1, np.uint8)).data

cameras = [threading.Thread(target=camera, daemon=True) for _ in range(4)]
for one in cameras:
    one.start()
for one in cameras:
    one.join()
"""


def test_engines_can_be_used_first_by_several_threads_at_once() -> None:
    for _ in range(3):
        subprocess.run([sys.executable, "-c", FIRST_USE], cwd=share.SOURCE, timeout=30, check=True)
