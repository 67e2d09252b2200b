# SPDX-License-Identifier: Apache-2.0
"""Runs a model bundle on the best inference runtime of this machine: uint8 in, labels and confidence out."""

from samseg_ros.engine.engine import PRECISIONS, Engine, EngineError, Prediction, Tell
from samseg_ros.engine.runtimes import RUNTIMES, available, load

__all__ = ["PRECISIONS", "RUNTIMES", "Engine", "EngineError", "Prediction", "Tell", "available", "load"]
