# SPDX-License-Identifier: Apache-2.0
"""Writes ROS 2 bags that appear whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer

from samseg_ros.bags.read import NOT_IN_URIS, STORAGES, TYPES, Channel, definition
from samseg_ros.draft import draft
from samseg_ros.errors import UserError

_UNKNOWN_HASH = "RIHS01_" + 64 * "0"  # what tools take for "not known"
_FOREVER = QosTime(2147483647, 4294967295)


def offered_qos(depth: int, *, latched: bool = False, reliable: bool = True) -> Qos:
    """A publisher's QoS, for a bag's metadata; `latched` is transient local."""
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    )


def channel(topic: str, msgtype: str, qos: tuple[Qos, ...] = ()) -> Channel:
    """A channel for a new topic; it carries the definition of a standard type."""
    return Channel(topic, msgtype, *definition(msgtype), qos)


class BagWriter:
    """A bag being written; :func:`new_bag` makes one."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._connections: dict[tuple[str, str, tuple[Qos, ...]], Connection] = {}

    def add(self, channel: Channel) -> Connection:
        """Announce a channel, so that it is in the bag even if no message follows."""
        key = (channel.topic, channel.msgtype, channel.qos)
        if key not in self._connections:
            self._connections[key] = self._writer.add_connection(
                channel.topic,
                channel.msgtype,
                msgdef=channel.definition,
                rihs01=channel.digest or _UNKNOWN_HASH,
                offered_qos_profiles=channel.qos,
            )
        return self._connections[key]

    def write(self, channel: Channel, time: int, data: bytes | memoryview) -> None:
        """Add one message; `time` is its log time in nanoseconds, `data` its CDR bytes."""
        self._writer.write(self.add(channel), time, data)

    def write_message(self, channel: Channel, time: int, message: object) -> None:
        """Add one message given as an object of rosbags' class for its type."""
        self.write(channel, time, TYPES.serialize_cdr(message, channel.msgtype))


@contextmanager
def new_bag(
    out: Path, storage: StoragePlugin = StoragePlugin.MCAP, salvage: bool = False
) -> Iterator[BagWriter]:
    """A bag to write to; it stands at `out` when the block ends well, and never did otherwise.

    `out` is the bag's directory, or with suffix .mcap or .db3 one file alone; `storage` is for
    directories. With `salvage` an unfinished one is kept, see :func:`samseg_ros.draft.draft`. UserError
    where `out` exists, or SQLite cannot write it.
    """
    alone = out.suffix in STORAGES
    storage = STORAGES.get(out.suffix, storage)
    if storage is StoragePlugin.SQLITE3 and any(sign in str(out.absolute()) for sign in NOT_IN_URIS):
        raise UserError(
            f"no SQLite bag can be written to {out.absolute()}: it has one of {' '.join(NOT_IN_URIS)}; "
            "choose another name, or one that ends in .mcap."
        )
    try:
        with draft(out, salvage) as path:
            # rosbags names the file inside a bag after its folder.
            folder = path.parent / "bag" if alone else path
            # Version 8 is what Humble and everything since can read.
            writer = Writer(folder, version=8, storage_plugin=storage)
            with _closed_in_any_case(writer) if salvage else writer:
                yield BagWriter(writer)
            if alone:
                (folder / f"bag{out.suffix}").rename(path)
    except sqlite3.Error as error:
        raise UserError(f"{out} cannot be written ({error}); is the disk full?") from error


@contextmanager
def _closed_in_any_case(writer: Writer) -> Iterator[None]:
    """Opens the writer; closes it after an error too, where its own block takes back what was written."""
    writer.open()
    try:
        yield
    except BaseException:
        with suppress(Exception):  # a full disk is full for this too, and the first error tells more
            writer.close()
        raise
    writer.close()
