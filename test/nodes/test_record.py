# SPDX-License-Identifier: Apache-2.0
"""QoS between bags, publishers and subscribers."""

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos, QosHistory

from samseg_ros.bags.write import offered_qos
from samseg_ros.nodes.message_types import (
    message_class,
    publisher_profile,
    recorded_qos,
    subscriber_profile,
)

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
LATCHED, VOLATILE = DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE


def profile(reliability: ReliabilityPolicy, durability: DurabilityPolicy) -> QoSProfile:
    return QoSProfile(depth=7, reliability=reliability, durability=durability)


def test_a_bag_that_tells_nothing_is_published_reliably():
    chosen = publisher_profile((), 100)
    assert (chosen.reliability, chosen.durability, chosen.depth) == (RELIABLE, VOLATILE, 10)


@pytest.mark.parametrize("reliable", [True, False])
@pytest.mark.parametrize("latched", [True, False])
def test_a_topic_is_published_as_it_was_offered(reliable, latched):
    chosen = publisher_profile((offered_qos(3, latched=latched, reliable=reliable),), 2)
    assert chosen.reliability is (RELIABLE if reliable else BEST_EFFORT)
    assert chosen.durability is (LATCHED if latched else VOLATILE)
    assert (chosen.history, chosen.depth) == (HistoryPolicy.KEEP_LAST, 3)


def test_all_messages_of_a_latched_topic_are_kept_within_reason():
    latched = (offered_qos(1, latched=True),)
    assert publisher_profile(latched, 20).depth == 20
    assert publisher_profile(latched, 100_000).depth == 100


def test_a_depth_that_discovery_did_not_tell_becomes_ten_and_keep_all_stays():
    unknown = offered_qos(0)
    assert publisher_profile((unknown,), 5).depth == 10
    keep_all = Qos(QosHistory.KEEP_ALL, *unknown[1:])
    assert publisher_profile((keep_all,), 5).history is HistoryPolicy.KEEP_ALL


@pytest.mark.parametrize(
    ("publishers", "expected"),
    [
        ([(RELIABLE, LATCHED)], (RELIABLE, LATCHED)),
        ([(RELIABLE, LATCHED), (RELIABLE, VOLATILE)], (RELIABLE, VOLATILE)),
        ([(RELIABLE, VOLATILE), (BEST_EFFORT, VOLATILE)], (BEST_EFFORT, VOLATILE)),
    ],
)
def test_a_subscriber_hears_every_publisher(publishers, expected):
    chosen = subscriber_profile([profile(*one) for one in publishers], depth=50)
    assert (chosen.reliability, chosen.durability, chosen.depth) == (*expected, 50)


def test_recorded_and_published_again_qos_is_the_same():
    for reliability in (RELIABLE, BEST_EFFORT):
        for durability in (LATCHED, VOLATILE):
            again = publisher_profile((recorded_qos(profile(reliability, durability)),), 1)
            assert (again.reliability, again.durability, again.depth) == (reliability, durability, 7)


def test_classes_of_types_that_are_installed_or_not():
    assert message_class("sensor_msgs/msg/Image").__name__ == "Image"
    assert message_class("sensor_msgs/msg/Nothing") is None
    assert message_class("nobody_msgs/msg/Knows") is None
