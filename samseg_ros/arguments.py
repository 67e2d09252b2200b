# SPDX-License-Identifier: Apache-2.0
"""What words on the command line may stand for; what does not fit is refused with a reason."""

from __future__ import annotations

import argparse
import math
import re

_TOPIC = re.compile(r"/?[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*")


def positive(text: str) -> float:
    """A finite number above 0."""
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' must be a number above 0")
    return value


def vertical_fov(text: str) -> float:
    """Degrees, above 0 and at most 180."""
    value = _number(text)
    if not 0 < value <= 180:
        raise argparse.ArgumentTypeError(f"'{text}' must be above 0 and at most 180 degrees")
    return value


def share(text: str) -> float:
    """From 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' must be a number from 0 to 1")
    return value


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' must be a whole number of at least 1")
    return int(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text}' is no number")
    return value


def is_topic(text: str) -> bool:
    """Whether ROS takes it for a topic's name."""
    return _TOPIC.fullmatch(text) is not None


def topic(text: str) -> str:
    """A topic's name, in full: with the slash before it, which may be left out."""
    if not is_topic(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no topic; give a name such as /camera/image_raw")
    return text if text.startswith("/") else f"/{text}"


def remap(text: str) -> tuple[str, str]:
    """``FROM:=TO`` as (FROM, TO), both topics."""
    source, mark, target = text.partition(":=")
    if not (source and mark and target):
        raise argparse.ArgumentTypeError(f"'{text}' must read FROM:=TO")
    return topic(source), topic(target)
