# SPDX-License-Identifier: Apache-2.0
"""A node's report on /diagnostics: is it well, and if not, what is the matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from samseg_ros.bundle import Bundle
from samseg_ros.engine import Engine
from samseg_ros.flow.statistics import Statistics
from samseg_ros.flow.window import Spread
from samseg_ros.nodes.image_input import ImageInput

SILENCE = 5.0  # seconds without an image that are worth a warning
STALL = 10.0  # seconds with one frame in hand that are an error

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

Finding = tuple[bytes, str]


@dataclass(frozen=True)
class Snapshot:
    """What there is to report at one moment; `now` is the monotonic clock's, in seconds."""

    now: float
    node: str
    state: str  # of the life cycle
    problem: str  # why the last transition failed; empty if it did not
    bundle: Bundle | None
    engine: Engine | None
    statistics: Statistics
    inputs: Sequence[ImageInput]
    dropped: int
    busy_since: float | None  # when the frame in hand was taken up
    time_jumps: int
    incompatible: Mapping[str, str]  # topic: QoS policy
    findings: Sequence[Finding] = ()  # what the cameras have to say, and
    values: Sequence[tuple[str, str]] = ()  # their own figures


def status(snapshot: Snapshot) -> DiagnosticStatus:
    """What /diagnostics says of a node: the worst of its findings as level, all of them as the message."""
    findings = list(_findings(snapshot))
    level = max((level for level, _ in findings), default=OK)
    engine = snapshot.engine
    return DiagnosticStatus(
        level=level,
        name=f"{snapshot.node}: segmentation",
        # The consequence first, and then what may be its cause; what is well is told where nothing else is.
        message=" ".join(text for found, text in sorted(findings, key=_badness) if found > OK or level == OK)
        or snapshot.state,
        hardware_id=f"{engine.runtime} {engine.device}" if engine else "",
        values=[KeyValue(key=key, value=value) for key, value in _values(snapshot)],
    )


def _badness(finding: Finding) -> int:
    return -ord(finding[0])


def _findings(snapshot: Snapshot) -> Iterable[Finding]:
    """Whatever a person should know now, with how bad it is."""
    now, statistics = snapshot.now, snapshot.statistics
    if snapshot.problem:
        yield ERROR, snapshot.problem
    for topic, policy in snapshot.incompatible.items():
        yield WARN, f"incompatible QoS on {topic}: {policy}."
    if snapshot.state != "active":
        return
    if failures := len(statistics.failures.values(now)):
        yield ERROR, f"{failures} frames failed lately: {statistics.last_failure}"
    if snapshot.busy_since is not None and now - snapshot.busy_since >= STALL:
        yield (
            ERROR,
            f"the engine has had one frame for {now - snapshot.busy_since:.0f} s and answers nothing.",
        )
    for source in snapshot.inputs:
        yield from _of_input(source, now)
    yield from snapshot.findings
    if statistics.unmeasured.values(now) and not statistics.latency.values(now):
        yield WARN, "stamps of the images are not of this node's clock; set use_sim_time when replaying."
    if not statistics.published and statistics.skipped:
        yield OK, "active; nobody subscribes, nothing is computed."


def _of_input(source: ImageInput, now: float) -> Iterable[Finding]:
    silent = now - (source.began if source.last is None else source.last)
    if silent >= SILENCE:
        which = "no image yet on" if source.last is None else "no image on"
        yield WARN, f"{which} {source.topic} for {silent:.0f} s{source.why_silent()}."
    if refused := len(source.refusals.values(now)):
        yield WARN, f"{refused} malformed images lately on {source.topic}: {source.last_reason}"
    if source.incompatible:
        yield WARN, f"incompatible QoS on {source.topic}: {source.incompatible}."


def _values(snapshot: Snapshot) -> Iterable[tuple[str, str]]:
    now, statistics, engine, bundle = snapshot.now, snapshot.statistics, snapshot.engine, snapshot.bundle
    yield "state", snapshot.state
    yield "bundle", bundle.name if bundle else ""
    yield "runtime", f"{engine.runtime} {engine.version}" if engine else ""
    yield "device", engine.device if engine else ""
    yield "precision", engine.precision if engine else ""
    yield "fallback", engine.fallback if engine else ""
    for source in snapshot.inputs:
        which = f"{source.name} " if len(snapshot.inputs) > 1 else ""
        yield f"{which}topic", source.topic
        yield f"{which}received", str(source.received)
        yield f"{which}rate in [Hz]", f"{source.arrivals.rate(now):.1f}"
        yield f"{which}age of last image [s]", "" if source.last is None else f"{now - source.last:.2f}"
        yield from spread(f"{which}transport", source.transport_ms.spread(now))
        yield f"{which}malformed", str(source.malformed)
        yield f"{which}last malformed", source.last_reason
    yield from snapshot.values
    yield "published", str(statistics.published)
    yield "rate out [Hz]", f"{statistics.inference.rate(now):.1f}"
    yield "dropped", str(snapshot.dropped)
    yield "skipped, no subscriber", str(statistics.skipped)
    yield "failed", str(statistics.failed)
    yield from spread("latency", statistics.latency.spread(now))
    yield from spread("inference", statistics.inference.spread(now))
    yield from spread("overhead", statistics.overhead.spread(now))
    yield "time jumps", str(snapshot.time_jumps)
    yield (
        "incompatible QoS",
        ", ".join(f"{topic}: {policy}" for topic, policy in snapshot.incompatible.items()),
    )


def spread(what: str, values: Spread | None) -> Iterable[tuple[str, str]]:
    """Median, 95th percentile and largest of some milliseconds, as values of a report."""
    for name in Spread._fields:
        yield f"{what} {name} [ms]", "" if values is None else f"{getattr(values, name):.1f}"
