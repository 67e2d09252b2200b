# SPDX-License-Identifier: Apache-2.0
"""The training loop: Lightning Fabric, one process or torchrun, resumable at any step."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning_fabric
import torch
import yaml
from pydantic import BaseModel
from torch import Tensor, nn
from tqdm import tqdm

from training import checkpoint, config, muon
from training.average import Average
from training.device import uses_gpu
from training.procedure import Loop
from training.processes import part_at_exit
from training.run_folder import CONFIG, RESULTS
from training.schedule import Schedule, learning_rate, progress

Losses = Mapping[str, Tensor]
Report = dict[str, Any]


def launch(settings: Loop) -> lightning_fabric.Fabric:
    """Fabric for this process, or for all processes of torchrun when it started this one.

    Raises:
        ValueError: a GPU is asked for, and there is none, or there are more processes than GPUs.
    """
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        part_at_exit()
    on_gpu = uses_gpu(settings.device)
    if on_gpu and local > torch.cuda.device_count():
        raise ValueError(
            f"There are {local} processes for {torch.cuda.device_count()} GPUs here: start as many as there "
            "are GPUs with --nproc-per-node."
        )
    fabric = lightning_fabric.Fabric(
        accelerator="cuda" if on_gpu else "cpu",
        strategy="ddp" if world > 1 else "auto",
        devices=local,
        num_nodes=world // local,
        precision=settings.precision,
    )
    fabric.launch()
    return fabric


def fit(
    fabric: lightning_fabric.Fabric,
    network: nn.Module,
    *,
    batches: Callable[[int, Callable[[int], float]], Iterator[Any]],
    loss: Callable[[nn.Module, Any], Losses],
    evaluate: Callable[[nn.Module], Report],
    run: Path,
    experiment: BaseModel,
    settings: Loop,
    schedule: Schedule,
    seed: int,
    images_per_step: int,
    rates: Mapping[str, float] | None = None,
) -> Report:
    """Train `network` in place, from the run folder's checkpoint if it has one.

    Args:
        fabric: from `launch`.
        network: the trainable network; afterwards it holds the averaged weights if an average is kept.
        batches: called once with the first step and a function that gives the progress (0..1) expected at a
            step; yields this process's batch of that step and of each one after it.
        loss: (network, batch) to losses; "loss" is minimised, all are shown.
        evaluate: network, in evaluation mode with the averaged weights, to a report; its "miou" is shown.
        run: folder for config.yaml, checkpoint.pt and event files; it is made.
        experiment: what config.yaml will hold. Where a run goes on with other settings than it began with,
            that is said: they hold from there on. A run that cannot go on is left as it is.
        seed: randomness inside the network is a function of it, of the step and of the process, so that a
            resumed run continues as if it had not stopped.
        images_per_step: over all processes, for the display.
        rates: beginning of a parameter's name → its learning rate, relative to the schedule's; 1 for others.

    Returns:
        The last report, with "steps" and "seconds".
    """
    optimisers = _optimisers(network, settings, rates or {}, schedule.lr)
    average = Average(network, settings.average) if settings.average is not None else None
    step, seconds, report = _resume(run, network, optimisers, average, fabric)
    _check_alike(fabric, run, step)
    if _begin(fabric, run, experiment):
        report = {}  # it is scored anew: the settings may be of that
    trained, *optimisers = fabric.setup(_prepared(network, fabric, settings), *optimisers)
    pace = _Pace(step, seconds, schedule)
    source = batches(step, pace.expected)
    done = progress(schedule, step, seconds)
    if done < 1.0 and fabric.is_global_zero:
        (run / RESULTS).unlink(missing_ok=True)  # of when fewer steps were planned

    def keep(step: int, seconds: float, report: Report) -> None:
        state = _state(network, optimisers, average, step=step, seconds=seconds, report=report)
        checkpoint.save(run / checkpoint.NAME, state)

    bar = tqdm(
        total=schedule.steps,
        initial=step,
        unit="step",
        disable=not fabric.is_global_zero,
        dynamic_ncols=True,
        # Its own forecast counts steps only and knows nothing of a budget of minutes.
        bar_format="{n_fmt} steps [{elapsed}{postfix}]",
    )
    # Closed by errors too: what is said of them begins a line, and the events up to them are kept.
    with bar, _board(run, step, settings, fabric) as board:
        before = time.monotonic()
        while done < 1.0:
            for group in (group for optimiser in optimisers for group in optimiser.param_groups):
                group["lr"] = learning_rate(schedule, done) * group.get("rate", 1.0)
            torch.manual_seed((seed * 1_000_003 + step) * 4099 + fabric.global_rank)
            trained.train()
            losses = loss(trained, next(source))
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            fabric.backward(losses["loss"])
            if settings.clip is not None:  # of all together; Fabric would clip those of one optimiser
                torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            for optimiser in optimisers:
                optimiser.step()
            if average is not None:
                average.update(network)
            step += 1
            now = time.monotonic()
            seconds, before = seconds + now - before, now
            # The first process's clock decides, else processes would stop at different steps.
            seconds = fabric.broadcast(seconds) if fabric.world_size > 1 else seconds
            pace.observe(step, seconds)
            done = progress(schedule, step, seconds)
            shown = float(losses["loss"].detach())
            if not math.isfinite(shown):
                raise ValueError(
                    f"The loss is {shown} at step {step}: lower schedule.lr and start from an earlier run."
                )
            last = done >= 1.0
            validates = last or step % settings.validate_every == 0
            saves = fabric.is_global_zero and (last or step % settings.save_every == 0)
            if saves:  # before scoring, which may take long, or be stopped
                keep(step, seconds, {})
            if validates:
                report = _evaluated(network, average, evaluate)
                if saves:
                    keep(step, seconds, report)
                before = time.monotonic()
            if fabric.is_global_zero:
                rate = pace.steps_per_second * images_per_step
                values = {
                    **{name: f"{float(value.detach()):.3f}" for name, value in losses.items()},
                    "lr": f"{learning_rate(schedule, done):.1e}",
                    "miou": report.get("miou"),
                    "images_per_s": f"{rate:.1f}",
                    "done": f"{done:.0%}",
                    "minutes_left": round(seconds / done * (1.0 - done) / 60.0),
                }
                bar.set_postfix(values)
                bar.update(1)
                _log(board, step, losses, learning_rate(schedule, done), report if validates else {})
    if not report:  # it was stopped while it was scored, or more steps or other settings were planned then
        report = _evaluated(network, average, evaluate)
        if fabric.is_global_zero:
            keep(step, seconds, report)
    if average is not None:
        average.copy_to(network)
    return {**report, "steps": step, "seconds": round(seconds, 1)}


class _Pace:
    """Steps per second of this run, and from it the progress that a coming step will have."""

    def __init__(self, step: int, seconds: float, schedule: Schedule) -> None:
        self.schedule = schedule
        self.last = (step, seconds)
        self.steps_per_second = 0.0

    def observe(self, step: int, seconds: float) -> None:
        took = max(seconds - self.last[1], 1e-6)
        now = (step - self.last[0]) / took
        self.steps_per_second = (
            now if self.steps_per_second == 0 else 0.95 * self.steps_per_second + 0.05 * now
        )
        self.last = (step, seconds)

    def expected(self, step: int) -> float:
        """By steps alone this is exact, hence repeatable; by time it is a forecast."""
        ahead = (step - self.last[0]) / self.steps_per_second if self.steps_per_second else 0.0
        return progress(self.schedule, step, self.last[1] + max(ahead, 0.0))


# What a group of parameters is held to besides the rate of the moment.
HELD = ("weight_decay", "rate")


def _optimisers(
    network: nn.Module, settings: Loop, rates: Mapping[str, float], lr: float
) -> list[torch.optim.Optimizer]:
    """AdamW; and before it Muon, for the matrices, where that is wanted."""
    learning = {name: one for name, one in network.named_parameters() if one.requires_grad}
    wanted = settings.optimiser == "muon"
    matrices = {name: one for name, one in learning.items() if wanted and muon.suits(name, one)}
    others = {name: one for name, one in learning.items() if name not in matrices}
    kinds = ((muon.Muon, matrices), (torch.optim.AdamW, others))
    return [kind(_groups(part, settings, rates), lr=lr) for kind, part in kinds if part]


def _groups(
    learning: Mapping[str, nn.Parameter], settings: Loop, rates: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Parameters by weight decay, which biases and normalisation have none of, and by their relative rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in learning.items():
        rate = next((value for start, value in rates.items() if name.startswith(start)), 1.0)
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((decay, rate), []).append(parameter)
    return [{"params": found, "weight_decay": decay, "rate": rate} for (decay, rate), found in groups.items()]


def _prepared(network: nn.Module, fabric: lightning_fabric.Fabric, settings: Loop) -> nn.Module:
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return torch.compile(network) if settings.compile else network  # type: ignore[return-value]


def _state(
    network: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    average: Average | None,
    *,
    step: int,
    seconds: float,
    report: Report,
) -> dict[str, Any]:
    return {
        "network": network.state_dict(),
        "average": None if average is None else average.state,
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "step": step,
        "seconds": seconds,
        "report": report,
    }


def _resume(
    run: Path,
    network: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    average: Average | None,
    fabric: lightning_fabric.Fabric,
) -> tuple[int, float, Report]:
    """Steps, seconds and last report of the checkpoint in `run`; zeros when there is none."""
    path = run / checkpoint.NAME
    network.to(fabric.device)
    if average is not None:
        average.to(fabric.device)
    if not path.is_file():
        return 0, 0.0, {}
    state = checkpoint.load(path)
    try:
        network.load_state_dict(state["network"])
    except RuntimeError as error:
        raise ValueError(
            f"{path} is of another network: choose another run folder with out=, or delete it."
        ) from error
    wanted = [[{name: group[name] for name in HELD} for group in one.param_groups] for one in optimisers]
    try:
        for optimiser, held, told in zip(optimisers, wanted, state["optimisers"], strict=True):
            optimiser.load_state_dict(told)
            for group, given in zip(optimiser.param_groups, held, strict=True):
                group.update(given)  # the checkpoint's are those that the run began with
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is of a run in which other parts of the network learn, or by another optimiser: choose "
            "another run folder with out=, or delete it."
        ) from error
    if average is not None and state["average"] is not None:
        average.load(state["average"], int(state["step"]))
    return int(state["step"]), float(state["seconds"]), dict(state["report"])


def _check_alike(fabric: lightning_fabric.Fabric, run: Path, step: int) -> None:
    """ValueError in every process where one found another checkpoint than the others, or none."""
    least, most = (fabric.all_reduce(torch.tensor(step), reduce_op=how) for how in ("min", "max"))
    if least != most:
        raise ValueError(f"{run} is not the same for all processes: give a folder that all machines share.")


def _begin(fabric: lightning_fabric.Fabric, run: Path, experiment: BaseModel) -> bool:
    """Make the run folder with its config.yaml; the first process does, the others wait.

    Whether the run goes on with other settings than it had.
    """
    changed: list[str] = []
    if fabric.is_global_zero:
        run.mkdir(parents=True, exist_ok=True)
        if all((run / name).is_file() for name in (checkpoint.NAME, CONFIG)):
            before = yaml.safe_load((run / CONFIG).read_text(encoding="utf-8"))
            changed = config.differences(experiment.model_dump(mode="json"), before)
            if changed:
                print(f"{run} goes on with {', '.join(changed)}.", flush=True)
        config.write(run / CONFIG, experiment)
    return bool(fabric.broadcast(bool(changed)))


def _evaluated(
    network: nn.Module, average: Average | None, evaluate: Callable[[nn.Module], Report]
) -> Report:
    network.eval()
    try:
        with torch.no_grad():
            if average is None:
                return evaluate(network)
            with average.applied(network):
                return evaluate(network)
    finally:
        network.train()


def _board(run: Path, step: int, settings: Loop, fabric: lightning_fabric.Fabric) -> Any:
    """What to log to, or None, as of a `with` statement."""
    if not settings.tensorboard or not fabric.is_global_zero:
        return nullcontext()
    from torch.utils.tensorboard import SummaryWriter

    # What a run logged after the checkpoint that it continues from comes once more.
    return SummaryWriter(str(run), purge_step=step + 1)


def _log(board: Any, step: int, losses: Losses, rate: float, report: Report) -> None:
    if board is None:
        return
    for name, value in losses.items():
        board.add_scalar(f"train/{name}", float(value.detach()), step)
    board.add_scalar("train/lr", rate, step)
    if report.get("miou") is not None:
        board.add_scalar("validation/miou", report["miou"], step)
