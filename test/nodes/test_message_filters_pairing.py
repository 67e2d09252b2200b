# SPDX-License-Identifier: Apache-2.0
"""The synchroniser of message_filters behind the interface of our pairing."""

from __future__ import annotations

import importlib.util

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from samseg_ros.nodes.message_filters_pairing import MessageFiltersPairing

INSTALLED = importlib.util.find_spec("message_filters") is not None
MS = 1_000_000


@pytest.mark.skipif(INSTALLED, reason="message_filters is installed")
def test_where_it_is_missing_one_sentence_says_what_to_do():
    with pytest.raises(ValueError, match=r"message_filters, but that package is not installed; install it"):
        MessageFiltersPairing(0.02)


@pytest.mark.skipif(not INSTALLED, reason="message_filters is not installed")
def test_pairs_and_report():
    pairing = MessageFiltersPairing(0.02)
    assert pairing.add(0, 1000 * MS, "a") == []
    assert pairing.add(1, 1010 * MS, "b") == [("a", "b")]
    assert pairing.add(1, 1100 * MS, "c") == []
    assert pairing.add(0, 1150 * MS, "d") == []
    pairing.tolerance = 0.065
    assert pairing.add(0, 1160 * MS, "e") == [("e", "c")]
    report = pairing.report()
    assert report.paired == 2
    assert report.skew.max == pytest.approx(60.0)
    pairing.add(0, 2000 * MS, "f")
    pairing.reset()
    assert pairing.add(1, 2000 * MS, "g") == []
