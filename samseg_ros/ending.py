# SPDX-License-Identifier: Apache-2.0
"""The signals that ask a program to end in good order, Ctrl-C apart."""

from __future__ import annotations

import signal


def signals() -> tuple[signal.Signals, ...]:
    """SIGTERM, and SIGHUP of a closed terminal or a lost connection, unless it is ignored, as by nohup."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return (signal.SIGTERM,)
    return (signal.SIGTERM, signal.SIGHUP)
