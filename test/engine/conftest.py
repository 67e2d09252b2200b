# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def plans_of_this_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Plans are kept and looked for in a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
