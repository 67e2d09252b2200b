# SPDX-License-Identifier: Apache-2.0
"""Where installations of every kind have put the package's files."""

import site
import sys
import sysconfig

import pytest

from samseg_ros import share


@pytest.mark.parametrize("kind", ["workspace", "prefix", "system", "user"])
def test_the_files_are_found_wherever_they_were_installed(kind, tmp_path, monkeypatch):
    made = tmp_path / kind / "share" / "samseg_ros"
    (made / "models").mkdir(parents=True)
    monkeypatch.setattr(share, "SOURCE", tmp_path / "nowhere")
    roots = {one: str(tmp_path / one) for one in ("workspace", "prefix", "system", "user")}
    monkeypatch.setenv("AMENT_PREFIX_PATH", roots["workspace"])
    monkeypatch.setattr(sys, "prefix", roots["prefix"])
    monkeypatch.setattr(sysconfig, "get_path", lambda name: roots["system"])
    monkeypatch.setattr(site, "getuserbase", lambda: roots["user"])
    assert share.places() == [made]
    assert share.find("models") == made / "models"
    with pytest.raises(FileNotFoundError, match="install the package again"):
        share.find("config")
