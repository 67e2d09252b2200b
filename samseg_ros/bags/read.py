# SPDX-License-Identifier: Apache-2.0
"""Reads ROS 2 bags as raw messages: a bag's directory, or an .mcap or .db3 file alone."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinitionFormat, Qos
from rosbags.rosbag2 import Reader, StoragePlugin
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from samseg_ros.errors import UserError

STORAGES = {".mcap": StoragePlugin.MCAP, ".db3": StoragePlugin.SQLITE3}
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"

# The messages used here have had one layout since the first ROS 2 release.
TYPES = get_typestore(Stores.ROS2_JAZZY)
# rosbags gives SQLite a URI, in which these mean something else.
NOT_IN_URIS = "#?%"
_IDL_HEADER = "=" * 80 + "\nIDL: "
# What else MCAP files hold, by the names of their schema encodings.
_FOREIGN = ("flatbuffer", "jsonschema", "protobuf", "ros1msg")


@dataclass(frozen=True)
class Channel:
    """One topic of one type in a bag, as one publisher, or several alike, offered it.

    `msgtype` is in today's form, ``package/msg/Name``; `definition` and `digest` (RIHS01) describe it as
    far as they are known, else they are empty.
    """

    topic: str
    msgtype: str
    definition: str
    digest: str
    qos: tuple[Qos, ...]


@dataclass(frozen=True)
class Message:
    """`time` is the log time in nanoseconds, `data` the CDR bytes as recorded."""

    channel: Channel
    time: int
    data: bytes


def is_bag(path: Path) -> bool:
    """Whether `path` looks like a ROS 2 bag: by suffix, or by what its directory holds."""
    if path.is_dir():
        return (path / "metadata.yaml").is_file() or bool(_storage_files(path))
    return path.suffix in STORAGES


class Bag:
    """A bag open for reading; use it as a context manager.

    UserError where there is no bag, or where it is damaged, at opening or while its messages are read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._readers: list[Reader] = []
        self._channels: dict[int, Channel] = {}

    def __enter__(self) -> Bag:
        if not self.path.exists():
            raise UserError(f"{self.path} does not exist; give a ROS 2 bag.")
        if self.path.suffix == ".bag" and not self.path.is_dir():
            raise UserError(f"{self.path} is a ROS 1 bag; convert it with rosbags-convert first.")
        if not is_bag(self.path):
            raise UserError(f"{self.path} is no ROS 2 bag; give a bag's directory, or an .mcap or .db3 file.")
        self._refuse_sqlite()
        try:
            for path in self._parts():
                reader = Reader(path)
                reader.open()
                self._stack.callback(reader.close)
                self._readers.append(reader)
                for connection in reader.connections:
                    self._channels[id(connection)] = _channel(connection)
        except Exception as error:
            # rosbags meets damage with whatever its parsing stumbles on: its own errors, SQLite's, struct's.
            self._stack.close()
            raise self._damaged(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def storage(self) -> StoragePlugin:
        """How the bag is stored: MCAP or SQLITE3."""
        files = _storage_files(self.path) if self.path.is_dir() else [self.path]
        # A file-compressed bag names its files x.mcap.zstd.
        names = [*files, *self.path.glob("*.zstd")] if self.path.is_dir() else files
        return (
            StoragePlugin.MCAP if any(".mcap" in name.suffixes for name in names) else StoragePlugin.SQLITE3
        )

    @property
    def channels(self) -> list[Channel]:
        """Each channel once, in the bag's order."""
        return list(dict.fromkeys(self._channels.values()))

    def count(self, topics: set[str] | None = None) -> int:
        """How many messages the bag says it holds, on these topics or on all."""
        return sum(
            connection.msgcount
            for reader in self._readers
            for connection in reader.connections
            if topics is None or connection.topic in topics
        )

    def start(self) -> int:
        """Log time of the first message in nanoseconds; 0 for an empty bag."""
        starts = [reader.start_time for reader in self._readers if reader.message_count]
        return min(starts, default=0)

    def end(self) -> int:
        """Log time of the last message in nanoseconds; 0 for an empty bag."""
        # rosbags has the end behind it.
        return max((reader.end_time - 1 for reader in self._readers if reader.message_count), default=0)

    def messages(self, topics: set[str] | None = None) -> Iterator[Message]:
        """The messages on these topics, or on all, in the order of their log times."""
        parts = (self._messages(reader, topics) for reader in self._readers)
        return heapq.merge(*parts, key=lambda message: message.time)

    def _messages(self, reader: Reader, topics: set[str] | None) -> Iterator[Message]:
        wanted = [c for c in reader.connections if topics is None or c.topic in topics]
        if not wanted:
            return
        stream = reader.messages(wanted)
        missing = sum(connection.msgcount for connection in wanted)
        while True:
            try:
                connection, time, data = next(stream)
            except StopIteration:
                break
            except Exception as error:  # as at opening
                raise self._damaged(error) from error
            missing -= 1
            yield Message(self._channels[id(connection)], time, bytes(data))
        # Damage inside a chunk without a checksum can pass for the end of it.
        if missing > 0:
            raise self._damaged(ValueError(f"{missing} of its messages are missing"))

    def _refuse_sqlite(self) -> None:
        """UserError where SQLite would give less than the bag holds, or nothing."""
        if self.storage is not StoragePlugin.SQLITE3:
            return
        for file in _storage_files(self.path) if self.path.is_dir() else [self.path]:
            if any(sign in str(file) for sign in NOT_IN_URIS):
                raise UserError(
                    f"the SQLite bag {file} has one of {' '.join(NOT_IN_URIS)} in its path, from where it "
                    "cannot be read; rename what has it, in metadata.yaml too."
                )
            log = file.with_name(f"{file.name}-wal")
            if log.is_file() and log.stat().st_size:
                raise UserError(
                    f"{file} was not closed, and part of it is in {log.name}; bring them together with "
                    f"`sqlite3 {file} 'PRAGMA wal_checkpoint(TRUNCATE)'`, then try again."
                )

    def _parts(self) -> list[Path]:
        """What rosbags can open: the bag, or the storage files of one whose metadata.yaml is missing."""
        if self.path.is_dir() and not (self.path / "metadata.yaml").is_file():
            return _storage_files(self.path)
        return [self.path]

    def _damaged(self, error: Exception) -> UserError:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        # Sound files that rosbags does not read all the same.
        if "not in timestamp order" in reason:
            return UserError(f"{self.path} has its messages in no order of time; sort it with `mcap sort`.")
        if isinstance(error, KeyError) and error.args[0] in _FOREIGN:
            return UserError(
                f"{self.path} holds more than ROS 2 messages ({error.args[0]}); keep only these with "
                "`mcap filter`, then try again."
            )
        return UserError(
            f"{self.path} is damaged, was never closed, or its metadata.yaml does not fit it ({reason}); "
            "recover it with `mcap recover` or `ros2 bag reindex`, then try again."
        )


def image_topics(bag: Bag) -> list[str]:
    """Names of the topics that carry raw or compressed images, each once."""
    found = [c.topic for c in bag.channels if c.msgtype in (IMAGE, COMPRESSED_IMAGE)]
    return list(dict.fromkeys(found))  # a topic may have several channels


def deserialize(message: Message) -> Any:
    """The message as an object of rosbags' class for its type; UserError where its bytes do not fit it."""
    try:
        return TYPES.deserialize_cdr(message.data, message.channel.msgtype)
    except Exception as error:  # rosbags raises SerdeError, but numpy and struct errors get through too
        raise UserError(
            f"the bytes are no {message.channel.msgtype} ({' '.join(str(error).split()).rstrip('.')})."
        ) from error


def definition(msgtype: str) -> tuple[str, str]:
    """Definition text and RIHS01 hash of a standard message type; empty strings where it is not known."""
    if msgtype not in TYPES.fielddefs:
        return "", ""
    return TYPES.generate_msgdef(msgtype, ros_version=2)[0], TYPES.hash_rihs01(msgtype)


def _storage_files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.suffix in STORAGES)


def _channel(connection: Connection) -> Channel:
    msgtype = modern_name(connection.msgtype)
    text, digest = connection.msgdef.data, connection.digest
    if connection.msgdef.format == MessageDefinitionFormat.NONE or not text:
        text, known = definition(msgtype)
        digest = digest or known
    elif connection.msgdef.format == MessageDefinitionFormat.IDL and not text.startswith(_IDL_HEADER):
        text = f"{_IDL_HEADER}{msgtype}\n{text}"
    qos = cast(ConnectionExtRosbag2, connection.ext).offered_qos_profiles
    return Channel(connection.topic, msgtype, text, digest or _digest(msgtype, text), tuple(qos))


def modern_name(msgtype: str) -> str:
    """``package/Name``, as the first ROS 2 releases wrote it, as ``package/msg/Name``."""
    parts = msgtype.split("/")
    return f"{parts[0]}/msg/{parts[1]}" if len(parts) == 2 else msgtype


def _digest(msgtype: str, text: str) -> str:
    """The RIHS01 hash that an MCAP file leaves out, worked out from the definition; empty if it cannot be."""
    if not text:
        return ""
    store = get_typestore(Stores.EMPTY)
    try:
        if text.startswith(_IDL_HEADER):
            for part in text.split("=" * 80 + "\n")[1:]:
                store.register(get_types_from_idl(part.split("\n", 1)[1]))
        else:
            store.register(get_types_from_msg(text, msgtype))
        return store.hash_rihs01(msgtype)
    except Exception:  # a definition that rosbags cannot parse is still copied; only its hash stays unknown
        return ""
