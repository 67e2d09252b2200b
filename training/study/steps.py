# SPDX-License-Identifier: Apache-2.0
"""What a study is made of, done once each, in order, and shared among all processes with the same root."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.study import process

PATIENCE = 5.0  # seconds between two looks whether another process is done


@dataclass(frozen=True)
class Step:
    """Data, a training, or whatever else leaves files behind.

    Attributes:
        place: folder or file that it makes; one process at a time works there.
        proof: file that is there when it is done.
        make: does it; gets the descriptor of the lock on `place`, for processes that are started meanwhile.
        needs: proofs of other steps that have to be done before.
    """

    place: Path
    proof: Path
    make: Callable[[int], None]
    needs: tuple[Path, ...] = ()


def carry_out(steps: Sequence[Step], report: Callable[[], None]) -> None:
    """Do all that is not done, the first one that can be done at a time, with a report before and after each.

    What another process works on is passed over, and waited for only when there is nothing else to do.

    Args:
        steps: each after those that it needs; one that occurs again is done once.

    Raises:
        ValueError: a step failed.
    """
    report()  # what cannot be written should not be found out after the first step
    with process.ends_on_sigterm():
        waits = False
        while missing := [one for one in steps if not one.proof.is_file()]:
            ready = [one for one in missing if all(proof.is_file() for proof in one.needs)]
            if any(_do(one) for one in ready):
                report()
                waits = False
                continue
            if not waits:
                names = sorted({one.place.name for one in ready})
                print(f"Waiting for other processes, which work on {', '.join(names)}.", flush=True)
            waits = True
            time.sleep(PATIENCE)
    report()


def _do(step: Step) -> bool:
    """Is it done now? Not if another process works on it."""
    with process.alone(step.place) as lock:
        if lock is None:
            return False
        if not step.proof.is_file():
            step.make(lock)
            if not step.proof.is_file():
                raise ValueError(
                    f"{step.place} was left without {step.proof.name}: see above, and start the study again."
                )
    return True
