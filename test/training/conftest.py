# SPDX-License-Identifier: Apache-2.0
"""Without PyTorch, which a robot does not have, there is nothing to test here."""

from importlib.util import find_spec
from pathlib import Path

import pytest


class Missing(pytest.Item):
    """Stands for the tests of a file, and says why they are skipped."""

    def runtest(self) -> None:
        pytest.skip("torch is not installed; pip install 'samseg_ros[train]'")


class Skipped(pytest.Module):
    """A file of tests that cannot be imported."""

    def collect(self) -> list[Missing]:
        return [Missing.from_parent(self, name="all")]


if find_spec("torch") is None:

    def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
        return Skipped.from_parent(parent, path=module_path)
