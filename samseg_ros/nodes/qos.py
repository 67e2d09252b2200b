# SPDX-License-Identifier: Apache-2.0
"""Qualities of service: what the node offers and asks for, and what users set instead.

Every topic's can be set by parameters of the form ``qos_overrides./camera/image.subscription.reliability``,
with the topic's name after remapping, ``publisher`` or ``subscription``, and one of ``history``, ``depth``,
``reliability`` and ``durability``.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from samseg_ros.nodes.parameters import Parameter

# Reliable and volatile reaches every kind of subscriber but one that asks for latched images.
IMAGE_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=2, reliability=ReliabilityPolicy.RELIABLE)
LATCHED_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)

_PREFIX = "qos_overrides."
_POLICIES = {
    QoSPolicyKind.HISTORY: Parameter("history", "keep_last", "", ("keep_last", "keep_all")),
    QoSPolicyKind.DEPTH: Parameter("depth", 1, "", (), 1, 10_000),
    QoSPolicyKind.RELIABILITY: Parameter("reliability", "reliable", "", ("reliable", "best_effort")),
    QoSPolicyKind.DURABILITY: Parameter("durability", "volatile", "", ("volatile", "transient_local")),
}
# Made by rclpy itself, which takes no overrides for them; and reports go out whatever a user has set.
_FIXED = ("/rosout.", "/parameter_events.", "/clock.", "/diagnostics.")


def overridable(node: Node, topic: str, side: str, profile: QoSProfile) -> dict[str, Any]:
    """What to give to ``create_publisher`` or ``create_subscription`` so that users can set another QoS.

    `side` is ``publisher`` or ``subscription``. ValueError names an override that has no such value.
    """
    base = f"{_PREFIX}{node.resolve_topic_name(topic)}.{side}"
    for policy in _POLICIES.values():
        name = f"{base}.{policy.name}"
        if node.has_parameter(name):
            Parameter(name, policy.default, "", policy.choices, policy.minimum, policy.maximum).accept(
                node.get_parameter(name).value
            )
    # rclpy writes the overrides into the profile.
    return {
        "qos_profile": copy.copy(profile),
        "qos_overriding_options": QoSOverridingOptions(list(_POLICIES)),
    }


def has_incompatible_reader(node: Node, publisher: Publisher) -> bool:
    """Whether somebody subscribes, as far as is known, with a QoS that this publisher does not serve."""
    readers = node.get_subscriptions_info_by_topic(publisher.topic_name)
    return any(_clash(publisher.qos_profile, reader.qos_profile) for reader in readers)


def has_incompatible_writer(node: Node, subscription: Subscription) -> bool:
    """Whether somebody publishes, as far as is known, with a QoS that this subscription does not take."""
    writers = node.get_publishers_info_by_topic(subscription.topic_name)
    return any(_clash(writer.qos_profile, subscription.qos_profile) for writer in writers)


def _clash(offered: QoSProfile, asked: QoSProfile) -> bool:
    compatibility, _ = qos_check_compatible(offered, asked)
    return compatibility == QoSCompatibility.ERROR


def unused_overrides(node: Node, given: Iterable[str]) -> list[str]:
    """A sentence about each of these parameters, by their names behind ``qos_overrides.``, that is of no
    topic that the node has now.
    """
    topics = [f"{publisher.topic_name}.publisher" for publisher in node.publishers]
    topics += [f"{subscription.topic_name}.subscription" for subscription in node.subscriptions]
    possible = [
        f"{_PREFIX}{topic}.{policy.name}"
        for topic in topics
        if not topic.startswith(_FIXED)
        for policy in _POLICIES.values()
    ]
    sentences = []
    for name in sorted(f"{_PREFIX}{one}" for one in given):
        if name not in possible:
            near = difflib.get_close_matches(name, possible, 1, 0.0)
            sentences.append(f"parameter '{name}' has no effect; did you mean '{near[0]}'?")
    return sentences
