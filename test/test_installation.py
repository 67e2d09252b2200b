# SPDX-License-Identifier: Apache-2.0
"""What an installation that is no checkout has to have."""

import subprocess
import sys

import pytest

from samseg_ros import share

pytest.importorskip("setuptools", reason="setuptools is not installed")


def test_it_has_launch_files_configuration_models_and_pages(tmp_path):
    built, data = tmp_path / "built", tmp_path / "data"
    words = ["egg_info", "-e", tmp_path, "build", "-b", built, "install_data", "-d", data]
    subprocess.run([sys.executable, "setup.py", "-q", *map(str, words)], cwd=share.SOURCE, check=True)
    installed = data / "share" / "samseg_ros"
    for folder in ("launch", "config", "models"):
        for path in (share.SOURCE / folder).rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                there = installed / path.relative_to(share.SOURCE)
                assert there.read_bytes() == path.read_bytes()
    assert (data / "share/ament_index/resource_index/packages/samseg_ros").is_file()
    for path in (share.SOURCE / "samseg_ros").rglob("*"):
        if path.suffix in (".py", ".html") or path.name == "py.typed":
            assert (built / "lib" / path.relative_to(share.SOURCE)).is_file()
