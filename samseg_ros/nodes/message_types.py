# SPDX-License-Identifier: Apache-2.0
"""From the name of a message type to its class, and between rclpy's and a bag's way to state QoS."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosReliability

from samseg_ros.bags.write import offered_qos

_DEPTH = 10  # DDS discovery does not tell a publisher's depth, so bags often hold none
_MOST_LATCHED = 100


def message_class(msgtype: str) -> Any | None:
    """The class of ``package/msg/Name``, or None where that package is not installed or lacks it."""
    package, _, name = msgtype.split("/")
    try:
        # Which types a bag or a graph holds is data, so this import cannot be written out.
        module = importlib.import_module(f"{package}.msg")
    except ModuleNotFoundError:
        return None
    return getattr(module, name, None)


def publisher_profile(offered: tuple[Qos, ...], count: int) -> QoSProfile:
    """The QoS to publish a bag's topic with: as it was offered when recorded, reliable where nothing tells.

    `count` is how many messages the topic has: latched ones are all kept for late subscribers, within reason.
    """
    best_effort = bool(offered) and all(qos.reliability is QosReliability.BEST_EFFORT for qos in offered)
    latched = any(qos.durability is QosDurability.TRANSIENT_LOCAL for qos in offered)
    keep_all = any(qos.history is QosHistory.KEEP_ALL for qos in offered)
    depth = max((qos.depth for qos in offered if 0 < qos.depth < 10_000), default=_DEPTH)
    if latched:
        depth = max(depth, min(count, _MOST_LATCHED))
    return QoSProfile(
        history=HistoryPolicy.KEEP_ALL if keep_all else HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def subscriber_profile(offered: Iterable[QoSProfile], depth: int) -> QoSProfile:
    """The strictest QoS that hears every one of these publishers."""
    profiles = list(offered)
    reliable = all(qos.reliability is ReliabilityPolicy.RELIABLE for qos in profiles)
    latched = all(qos.durability is DurabilityPolicy.TRANSIENT_LOCAL for qos in profiles)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def recorded_qos(profile: QoSProfile) -> Qos:
    """A publisher's QoS as a bag states it."""
    return offered_qos(
        profile.depth,
        latched=profile.durability is DurabilityPolicy.TRANSIENT_LOCAL,
        reliable=profile.reliability is ReliabilityPolicy.RELIABLE,
    )
