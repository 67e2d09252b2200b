# SPDX-License-Identifier: Apache-2.0
"""Plans on disk: what a runtime built for this graph, version, GPU and precision, so that it is built once.

A plan is code. It is read only from a folder of the user's own that nobody else may write to, and only with
the checksum that was written with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from samseg_ros.bundle import Bundle
from samseg_ros.engine.engine import EngineError, Tell

FORMAT = 1
LONGEST_HEADER = 4096


@dataclass(frozen=True)
class Key:
    """What a plan is good for. `graph` is the bundle's sha256, `capability` the GPU's, e.g. ``8.7``."""

    graph: str
    runtime: str
    version: str
    device: str
    capability: str
    precision: str

    def file_name(self) -> str:
        said = f"{self.graph[:12]}-{self.runtime}-{self.version}-{self.device}-{self.precision}"
        digest = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]
        return f"{re.sub('[^A-Za-z0-9.]+', '_', said)}-{digest}.plan"


@dataclass(frozen=True)
class Plan:
    """`agreement` is that of its labels with the reference, 0…1, under this `driver`; None: not compared."""

    data: bytes
    agreement: float | None = None
    driver: str = ""


def calibrated(graph: str) -> Key:
    """Where the graph is kept that calibration has made of a bundle's; `graph` is the sha256 of that."""
    return Key(graph, "calibration", "", "", "", "int8")


def user_folder() -> Path:
    """``$XDG_CACHE_HOME/samseg_ros/plans``, by default below ``~/.cache``."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "samseg_ros" / "plans"


class Plans:
    """The plans in a folder, which is made if it is missing. Several processes may use one folder.

    EngineError where the folder is not the user's own, or others may write to it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        try:
            self._folder = folder or user_folder()
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_what_others_wrote(self._folder.stat(), self._folder)
        except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
            raise EngineError(
                f"there is no place for plans ({error}); set XDG_CACHE_HOME to a folder of this user's own."
            ) from error

    @contextmanager
    def locked(self, key: Key, tell: Tell) -> Iterator[None]:
        """Alone with this key; others that want it wait. The lock ends with the process, whatever ends it."""
        with ExitStack() as held:
            try:
                lock = held.enter_context((self._folder / f"{key.file_name()}.lock").open("w"))
            except OSError:  # a folder that is part of an image: there is nothing to be alone with
                yield
                return
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tell("waiting for another process that builds the same engine")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self, key: Key, tell: Tell) -> Plan | None:
        """The plan, or None where there is none that can be used; `tell` hears why, unless there is none."""
        path = self._folder / key.file_name()
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                _refuse_what_others_wrote(os.fstat(file.fileno()), path)
                header = json.loads(file.readline(LONGEST_HEADER))
                data = file.read()
            if (header["format"], header["key"]) != (FORMAT, asdict(key)):
                raise ValueError("it was built for something else")
            if hashlib.sha256(data).hexdigest() != header["sha256"]:
                raise ValueError("it is damaged")
            agreement = header["agreement"]
            return Plan(data, None if agreement is None else float(agreement), str(header["driver"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, EngineError) as error:
            tell(f"plan {path} cannot be used and is built anew: {' '.join(str(error).split())}")
            return None

    def quantised(self, bundle: Bundle, tell: Tell) -> bytes:
        """The bundle's graph as calibration has quantised it; EngineError where that was not done."""
        found = self.read(calibrated(bundle.sha256), tell)
        if found is None:
            raise EngineError(
                "the ranges of values on your pictures are not known yet; run `samseg engine "
                f"{bundle.path} --precision int8 --calibration DIR` to measure them."
            )
        return found.data

    def write(self, key: Key, plan: Plan, tell: Tell) -> None:
        """Keep the plan in the place of what was there; where the disk will not, `tell` hears of it."""
        header = {
            "format": FORMAT,
            "key": asdict(key),
            "sha256": hashlib.sha256(plan.data).hexdigest(),
            "agreement": plan.agreement,
            "driver": plan.driver,
        }
        draft = Path(self._folder, f".{key.file_name()}.{os.getpid()}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(json.dumps(header).encode() + b"\n" + plan.data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._folder / key.file_name())
        except OSError as error:
            tell(f"the plan cannot be kept, and will be built again next time: {error}")
        finally:
            draft.unlink(missing_ok=True)


def _refuse_what_others_wrote(found: os.stat_result, path: Path) -> None:
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise EngineError(
            f"{path} belongs to another user, or others may write to it, and plans are code; "
            "make it this user's own: chown, chmod go-w."
        )
