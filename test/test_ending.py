# SPDX-License-Identifier: Apache-2.0
import signal

import pytest

from samseg_ros import ending


@pytest.mark.parametrize("ignored", [True, False])
def test_a_closed_terminal_ends_a_program_unless_nohup_says_otherwise(ignored):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        assert ending.signals() == (signal.SIGTERM,) + (() if ignored else (signal.SIGHUP,))
    finally:
        signal.signal(signal.SIGHUP, before)
