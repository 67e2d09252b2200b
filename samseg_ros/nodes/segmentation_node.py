# SPDX-License-Identifier: Apache-2.0
"""What every segmentation node does, whatever its cameras: life cycle, worker, outputs, diagnostics."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.timer import Timer

from samseg_ros import bundle as bundles
from samseg_ros import engine as engines
from samseg_ros.bundle import Bundle
from samseg_ros.engine import Engine, EngineError
from samseg_ros.engine.engine import Tell
from samseg_ros.engine.loading import load_while_reporting
from samseg_ros.engine.shared import LoadEngine
from samseg_ros.flow.statistics import Statistics
from samseg_ros.flow.worker import Worker
from samseg_ros.nodes import diagnostics, messages
from samseg_ros.nodes.image_input import ImageInput
from samseg_ros.nodes.outputs import Outputs, Segmented
from samseg_ros.nodes.parameters import Parameter, Parameters, Settings
from samseg_ros.nodes.qos import unused_overrides

RCLError = rclpy_implementation.RCLError
LONGEST_FRAME = 30.0  # seconds that deactivating waits for the frame in hand
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR


class Cameras(Protocol):
    """What tells one kind of segmentation node from another: its cameras and their way through the bundle.

    A frame is whatever `open` gives to `keep` and `segment` takes: one image, or a pair.
    """

    task: str  # of the bundles that it can run
    parameters: tuple[Parameter, ...]

    @property
    def inputs(self) -> Sequence[ImageInput]:
        """The topics that are open now."""
        ...

    def check(self, settings: Settings) -> None:
        """ValueError, in one sentence, where values that are each possible do not go together."""

    def prepare(self, bundle: Bundle, engine: Engine, settings: Settings) -> None:
        """Make ready for frames, and run one through the engine so that the first real one is not late."""

    def release(self) -> None:
        """Let go of the engine, after the last frame; nothing to do where there is none."""

    def open(self, node: Node, settings: Settings, keep: Callable[[Any], None]) -> None:
        """Subscribe; hand each frame to `keep`, which takes microseconds."""

    def close(self) -> None:
        """Unsubscribe."""

    def segment(self, frame: Any, confidence: bool) -> Segmented | None:
        """One frame through the bundle, in the worker's thread; None where nothing can be made of it."""

    def skipped(self) -> None:
        """A frame was not looked at, because nobody subscribes, in the worker's thread."""

    def time_jumped(self) -> None:
        """The node's time jumped back: what came before has nothing to do with what comes now."""

    def findings(self, now: float) -> Sequence[diagnostics.Finding]:
        """What a person should know about the cameras, beyond each input's own state; `now` is monotonic."""
        ...

    def values(self, now: float) -> Sequence[tuple[str, str]]:
        """Figures for the report, beyond those of each input."""
        ...


class SegmentationNode(LifecycleNode):
    """Life cycle: configure loads, checks and warms the engine; activate subscribes and starts the worker.

    `load_engine` stands in for :func:`samseg_ros.engine.load`: to share engines between nodes, or to test.
    `options` are rclpy's own for a node.
    """

    def __init__(
        self, name: str, cameras: Cameras, load_engine: LoadEngine = engines.load, **options: Any
    ) -> None:
        super().__init__(name, automatically_declare_parameters_from_overrides=True, **options)
        # Now: rclpy adds one for each topic.
        self._qos_overrides = tuple(self.get_parameters_by_prefix("qos_overrides"))
        self._cameras = cameras
        self._load_engine = load_engine
        self._given = Parameters(self, cameras.parameters, cameras.check)
        self._settings: Settings = {}
        self._bundle: Bundle | None = None
        self._engine: Engine | None = None
        self._outputs: Outputs | None = None
        self._worker: Worker[Any] | None = None
        self._statistics = Statistics()
        self._dropped = 0
        self._time_jumps = 0
        self._state = "unconfigured"
        self._problem = ""
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._reporting = self._report_every(1.0)
        backward = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1))
        self._jumps = self.get_clock().create_jump_callback(backward, post_callback=self._on_time_jump)
        service = self._service_change_state
        service.callback = partial(self._change_state, service.callback)

    def autostart(self) -> None:
        """Configure and activate, if the parameter says so; after a failure, reported, the node waits."""
        if self._given["autostart"] and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    @property
    def statistics(self) -> Statistics:
        """Of the present activation, or the last one."""
        return self._statistics

    @property
    def inputs(self) -> Sequence[ImageInput]:
        """The image topics that are open now."""
        return self._cameras.inputs

    def _change_state(self, change: Callable[[Any, Any], Any], request: Any, response: Any) -> Any:
        """What cannot be done now rclpy refuses if asked for by label; by id it would end the process."""
        try:
            return change(request, response)
        except RCLError:
            if not rclpy.ok(context=self.context):
                raise
            wanted = request.transition
            self.get_logger().warning(
                f"transition {wanted.label or wanted.id} was asked for, which cannot be made: the node is "
                f"{self._state}."
            )
            response.success = False
            return response

    # The life cycle. Each step is safe to repeat, so that a half-done one can always be taken back.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._step("configuring", self._configure, "inactive", self._clean_up, state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._step("activating", self._activate, "active", self._deactivate, state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        # What failed was to wait for an engine that hangs; there is no way back to being active.
        done = self._step("deactivating", self._deactivate, "inactive", None, state)
        return ERROR if done == FAILURE else done

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._step("cleaning up", self._clean_up, "unconfigured", None, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        done = self._step("shutting down", self.close, "finalized", None, state)
        self._state = "finalized"  # in any case
        self._report()
        return done

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After an engine that hung: all is let go of, its frame too, and the node may be configured anew."""
        why = self._problem
        done = self._step("recovering", self._let_go, "unconfigured", None, state)
        self._problem = self._problem or why  # which is worth a report still
        return done

    def close(self) -> None:
        """Stop work and let go of everything that configure and activate took."""
        try:
            self._deactivate()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._cameras.close()
        if self._worker is not None:
            self._worker.inbox.close()
        self._worker = None
        self._clean_up()

    def _configure(self) -> None:
        settings = self._given.settings()
        self._cameras.check(settings)
        self._bundle = bundles.load(settings["bundle"])
        if self._bundle.task != self._cameras.task:
            raise ValueError(
                f"bundle '{self._bundle.name}' is for task {self._bundle.task}, but {self.get_name()} runs "
                f"bundles for {self._cameras.task}; set parameter 'bundle' to one of these."
            )
        self._outputs = Outputs(self)
        self._outputs.advertise(self._bundle, settings)
        self._report()  # before the engine, which may take its time
        self._engine = self._load(self._bundle, settings)
        self.destroy_timer(self._reporting)
        self._reporting = self._report_every(settings["diagnostics_period"])
        self._settings = settings
        self._given.lock("it is read at configure; deactivate and clean up the node first.")
        self.get_logger().info(
            f"bundle '{self._bundle.name}' on {self._engine.runtime} {self._engine.version}, "
            f"{self._engine.device}, {self._engine.precision}"
            + (f" ({self._engine.fallback})" if self._engine.fallback else "")
        )

    def _load(self, bundle: Bundle, settings: Settings) -> Engine:
        before = self._state

        def check() -> None:
            if not rclpy.ok(context=self.context):
                raise EngineError("the process was told to end.")

        def report(progress: str) -> None:
            self._state = progress
            self._report()

        def load(tell: Tell) -> Engine:
            engine = self._load_engine(
                bundle,
                settings["device"],
                settings["runtime"],
                settings["threads"],
                settings["precision"],
                settings["min_agreement"],
                tell,
            )
            tell("running the engine for the first time")
            self._cameras.prepare(bundle, engine, settings)
            return engine

        engine = load_while_reporting(
            load,
            report,
            settings["diagnostics_period"],
            self.get_logger().info,
            check,
        )
        self._state = before
        return engine

    def _activate(self) -> None:
        self._statistics = Statistics()
        worker: Worker[Any] = Worker(
            lambda frame: self._process(frame, worker),
            lambda error: self._report_failed_frame(error, worker),
            f"{self.get_name()} worker",
        )
        self._worker = worker
        worker.start()
        self._cameras.open(self, self._settings, worker.inbox.put)
        topics = " and ".join(source.topic for source in self._cameras.inputs)
        self.get_logger().info(f"active: listening to {topics}")
        for sentence in unused_overrides(self, self._qos_overrides):
            self.get_logger().warning(sentence)

    def _deactivate(self) -> None:
        stopped = self._worker is None or self._worker.stop(LONGEST_FRAME)
        self._cameras.close()
        if not stopped:
            raise RuntimeError(f"a frame was not done within {LONGEST_FRAME:g} s; the engine hangs.")
        self._worker = None

    def _clean_up(self) -> None:
        if self._outputs is not None:
            self._outputs.close()
        self._cameras.release()
        self._outputs = self._engine = self._bundle = None
        self._given.lock("")

    def _step(
        self,
        what: str,
        work: Callable[[], None],
        then: str,
        undo: Callable[[], None] | None,
        before: LifecycleState,
    ) -> TransitionCallbackReturn:
        """Do one transition's work. If it fails, say why in one sentence, take it back and stay as before."""
        self._state, self._problem = what, ""
        try:
            work()
        except Exception as error:
            self._problem = f"{what} failed: {_sentence(error)}"
            self.get_logger().error(self._problem)
            self.get_logger().debug(traceback.format_exc())
            if undo is not None:
                undo()
            self._state = before.label
        else:
            self._state = then
        self._report()
        return FAILURE if self._problem else SUCCESS

    # The flow of a frame, in the worker's thread. A worker that was left behind with an engine that hung may
    # come back when the node has long gone on: nobody wants to hear of its frame.

    def _process(self, frame: Any, worker: Worker[Any]) -> None:
        assert self._outputs is not None  # from configure to clean-up
        wanted = self._outputs.wanted()
        if not wanted:
            self._statistics.skipped += 1
            self._cameras.skipped()
            return
        jumps = self._time_jumps
        segmented = self._cameras.segment(frame, self._outputs.need_confidence(wanted))
        if segmented is None or self._worker is not worker:
            return
        self._outputs.publish(segmented, wanted)
        latency = messages.age(segmented.header, self.get_clock().now())
        if jumps == self._time_jumps:
            self._statistics.frame_published(
                time.monotonic(),
                arrived=segmented.arrived,
                inference=segmented.result.inference,
                latency=latency,
            )
        else:
            self._statistics.published += 1

    def _report_failed_frame(self, error: Exception, worker: Worker[Any]) -> None:
        if self._worker is not worker or not rclpy.ok(context=self.context):
            return  # the process is ending: there is nobody left to publish to
        self._statistics.frame_failed(time.monotonic(), _sentence(error))
        self.get_logger().error(f"a frame failed: {_sentence(error)}", throttle_duration_sec=1.0)
        self.get_logger().debug("".join(traceback.format_exception(error)))

    def _on_time_jump(self, jump: TimeJump) -> None:
        self._time_jumps += 1
        self._statistics.forget_times()
        for source in self._cameras.inputs:
            source.forget_times()
        if self._worker is not None:
            self._cameras.time_jumped()
            self._worker.inbox.clear()
        self.get_logger().info(f"time jumped by {jump.delta.nanoseconds * 1e-9:.3f} s; statistics begin anew")

    # Diagnostics. A clock of its own: simulated time may stand still, and that is when a report is wanted.

    def _report_every(self, seconds: float) -> Timer:
        return self.create_timer(seconds, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _report(self) -> None:
        now = time.monotonic()
        snapshot = diagnostics.Snapshot(
            now=now,
            node=self.get_fully_qualified_name().lstrip("/"),
            state=self._state,
            problem=self._problem,
            bundle=self._bundle,
            engine=self._engine,
            statistics=self._statistics,
            inputs=self._cameras.inputs,
            dropped=self._worker.inbox.dropped if self._worker else 0,
            busy_since=self._worker.busy_since if self._worker else None,
            time_jumps=self._time_jumps,
            incompatible=self._outputs.incompatible if self._outputs else {},
            findings=self._cameras.findings(now) if self._worker else (),
            values=[*self._cameras.values(now), *self._outputs.values()]
            if self._worker and self._outputs
            else (),
        )
        report = DiagnosticArray(status=[diagnostics.status(snapshot)])
        report.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(report)


def _sentence(error: Exception) -> str:
    """An error for the log: our own speak for themselves, of others the kind matters too."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError | EngineError) else f"{type(error).__name__}: {text}"
