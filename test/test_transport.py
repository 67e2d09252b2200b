# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from samseg_ros import transport


def test_the_profile_is_there_and_names_what_it_defines() -> None:
    added = transport.environment({})
    paths = {added[name] for name in transport.PROFILE_VARIABLES}
    assert len(paths) == 1
    root = ET.parse(Path(paths.pop())).getroot()
    names = [element.text for element in root.iter() if element.tag.endswith("}transport_id")]
    assert sorted(names) == ["shared_memory", "shared_memory", "udp", "udp"]


def test_a_shell_gets_the_same() -> None:
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(transport.share.SOURCE)}
    shell = ["sh", "-c", 'eval "$("$0" -m samseg_ros.transport)" && env -0', sys.executable]
    said = subprocess.run(shell, env=bare, check=True, capture_output=True, text=True).stdout
    seen = dict(line.split("=", 1) for line in said.split("\0") if line)
    expected = transport.environment({})
    assert {name: seen.get(name) for name in expected} == expected


def test_a_variable_that_is_empty_is_no_choice() -> None:
    for name in (*transport.USER_CHOICES, "RMW_IMPLEMENTATION"):
        assert set(transport.PROFILE_VARIABLES) <= set(transport.environment({name: ""}))


@pytest.mark.parametrize(
    "chosen",
    [
        {"FASTRTPS_DEFAULT_PROFILES_FILE": "/etc/mine.xml"},
        {"FASTDDS_DEFAULT_PROFILES_FILE": "/etc/mine.xml"},
        {"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"},
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"},
    ],
)
def test_a_user_who_chose_a_transport_keeps_it(chosen: dict[str, str]) -> None:
    added = transport.environment(chosen)
    assert not set(added) & {*transport.PROFILE_VARIABLES, *chosen}
    assert set(transport.MALLOC) <= set(added)


def test_only_what_no_process_holds_is_left_behind_and_freed(tmp_path: Path) -> None:
    for name in ("held", "left"):
        (tmp_path / f"fastrtps_{name}").write_bytes(bytes(1000))
        (tmp_path / f"fastrtps_{name}_el").touch()
    (tmp_path / "fastrtps_port7411_el").touch()  # ports are shared by processes, and small
    (tmp_path / "somebody_else").touch()
    with (tmp_path / "fastrtps_held_el").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        left = transport.left_behind(tmp_path)
        assert left == [tmp_path / "fastrtps_left"]
        assert transport.free(left) == 1000
    remaining = {path.name for path in tmp_path.iterdir()}
    assert remaining == {"fastrtps_held", "fastrtps_held_el", "fastrtps_port7411_el", "somebody_else"}
    assert transport.left_behind(tmp_path / "nowhere") == []


def test_nothing_that_is_set_is_replaced_and_nothing_is_added_twice() -> None:
    added = transport.environment({"MALLOC_TOP_PAD_": "0"})
    assert "MALLOC_TOP_PAD_" not in added
    assert transport.environment(added) == {}
    assert transport.environment({"SAMSEG_TRANSPORT": "off"}) == {}
    assert transport.PROFILE_VARIABLES[0] in transport.environment({"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"})


SCRIPT = """
import json, os, sys
from samseg_ros import transport
print("started", flush=True)
transport.apply()
print(json.dumps([sys.argv[1:], os.getpid(), os.environ.get("MALLOC_TOP_PAD_")]))
"""


@pytest.mark.parametrize("as_module", [False, True])
def test_apply_starts_the_process_anew_once_with_the_same_arguments(tmp_path: Path, as_module: bool) -> None:
    (tmp_path / "started_anew.py").write_text(SCRIPT, encoding="utf-8")
    how = ["-m", "started_anew"] if as_module else [str(tmp_path / "started_anew.py")]
    clean = {k: v for k, v in os.environ.items() if k not in (transport.APPLIED, *transport.MALLOC)}
    paths = os.pathsep.join([str(tmp_path), str(Path(transport.__file__).parents[1])])
    process = subprocess.Popen(
        [sys.executable, *how, "--a b", "ünï"],
        stdout=subprocess.PIPE,
        env={**clean, "PYTHONPATH": paths},
        cwd=tmp_path,
        text=True,
        encoding="utf-8",
    )
    output, _ = process.communicate(timeout=60)
    *starts, last = output.splitlines()
    assert starts == ["started", "started"]
    assert json.loads(last) == [["--a b", "ünï"], process.pid, transport.MALLOC["MALLOC_TOP_PAD_"]]
