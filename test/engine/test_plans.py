# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from samseg_ros.engine import EngineError
from samseg_ros.engine.plans import Key, Plan, Plans, user_folder

KEY = Key("ab" * 32, "tensorrt", "10.3.0", "Orin (nvgpu)/GPU", "8.7", "fp16")
PLAN = Plan(b"\x00code\n" * 50, 0.998, "12.6")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "plans"


@pytest.fixture
def plans(folder: Path) -> Plans:
    return Plans(folder)


@pytest.fixture
def said() -> list[str]:
    return []


def kept(folder: Path) -> Path:
    (found,) = folder.glob("*.plan")
    return found


def test_a_plan_comes_back_as_it_was_kept_and_only_for_its_key(
    plans: Plans, folder: Path, said: list[str]
) -> None:
    assert plans.read(KEY, said.append) is None
    plans.write(KEY, PLAN, said.append)
    assert Plans(folder).read(KEY, said.append) == PLAN
    plans.write(KEY, Plan(b"newer"), said.append)
    assert plans.read(KEY, said.append) == Plan(b"newer", None, "")
    for field in ("graph", "runtime", "version", "device", "capability", "precision"):
        assert plans.read(replace(KEY, **{field: "other"}), said.append) is None
    assert said == []
    assert [path.suffix for path in folder.iterdir()] == [".plan"]


def test_it_is_the_users_alone(plans: Plans, folder: Path) -> None:
    plans.write(KEY, PLAN, print)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert kept(folder).stat().st_mode & 0o777 == 0o600


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"code", b"evil", 1))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def make_binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 20)


def lose_a_field(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"sha256"', b'"sha512"', 1))


def open_to_others(path: Path) -> None:
    path.chmod(0o666)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("harm", [cut, change, empty, make_binary, lose_a_field, open_to_others, link])
def test_what_cannot_be_trusted_is_said_in_one_line_and_replaced(
    plans: Plans, folder: Path, said: list[str], harm
) -> None:
    plans.write(KEY, PLAN, said.append)
    harm(kept(folder))
    assert plans.read(KEY, said.append) is None
    (line,) = said
    assert "cannot be used and is built anew: " in line and "\n" not in line
    plans.write(KEY, PLAN, said.append)
    assert plans.read(KEY, said.append) == PLAN


def test_a_plan_of_another_key_under_this_name_is_foreign(
    plans: Plans, folder: Path, said: list[str]
) -> None:
    plans.write(KEY, PLAN, said.append)
    stale = replace(KEY, version="10.4.0")
    kept(folder).rename(folder / stale.file_name())
    assert plans.read(stale, said.append) is None
    assert "it was built for something else" in said[0]


def test_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(EngineError, match="others may write to it, and plans are code"):
        Plans(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, -1)
    with pytest.raises(EngineError, match="belongs to another user"):
        Plans(folder)


def test_no_place_for_plans_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match=r"there is no place for plans .*XDG_CACHE_HOME"):
        Plans(tmp_path / "file" / "plans")


def test_a_disk_that_will_not_keep_them_is_said(
    plans: Plans, folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    plans.write(KEY, PLAN, said.append)
    assert "cannot be kept" in said[0] and "No space left" in said[0]
    assert list(folder.iterdir()) == []


def test_plans_of_an_image_that_cannot_be_written_to_are_used(
    plans: Plans, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.write(KEY, PLAN, said.append)

    def read_only(self: Path, *_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "open", read_only)
    with plans.locked(KEY, said.append):
        assert plans.read(KEY, said.append) == PLAN
    assert said == []


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_folder() == tmp_path / "samseg_ros" / "plans"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for unusable in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert user_folder() == tmp_path / "home" / ".cache" / "samseg_ros" / "plans"


def test_who_comes_second_waits_and_says_so(folder: Path, said: list[str]) -> None:
    order: list[str] = []
    waiting, second = threading.Event(), Plans(folder)

    def tell(what: str) -> None:
        said.append(what)
        waiting.set()

    def come() -> None:
        with second.locked(KEY, tell):
            order.append("second")

    thread = threading.Thread(target=come)
    with Plans(folder).locked(KEY, print):
        with second.locked(replace(KEY, precision="fp32"), said.append):
            assert said == []  # another plan is not held up
        thread.start()
        assert waiting.wait(60)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]
    assert said == ["waiting for another process that builds the same engine"]
