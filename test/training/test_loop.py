# SPDX-License-Identifier: Apache-2.0
"""The loop on a network of a few weights."""

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training import checkpoint
from training.loop import _check_alike, fit, launch
from training.procedure import Loop
from training.run_folder import finished, write_results
from training.schedule import Schedule

LOOP = Loop(device="cpu", save_every=2, validate_every=100, average=0.9, weight_decay=0.01)
MUON = LOOP.model_copy(update={"optimiser": "muon"})
SCHEDULE = Schedule(steps=7, lr=0.05, warmup=0.2)


class Stop(Exception):
    """Stands for a kill."""


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))


def samples(step: int, first: int, count: int) -> Tensor:
    random = np.random.default_rng(step)
    return torch.from_numpy(random.normal(size=(8, 4)).astype(np.float32))[first : first + count]


def batches(step: int, _: Callable[[int], float]) -> Iterator[Tensor]:
    while True:
        yield samples(step, 0, 8)
        step += 1


def loss(module: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
    return {"loss": ((module(batch) - batch.sum(1, keepdim=True)) ** 2).mean()}


def run(folder: Path, schedule: Schedule = SCHEDULE, **changes: Any) -> tuple[nn.Module, dict[str, Any]]:
    model = network()
    values: dict[str, Any] = {
        "batches": batches,
        "loss": loss,
        "evaluate": lambda _: {"miou": 0.5},
        **changes,
    }
    settings = values.pop("settings", LOOP)
    report = fit(
        launch(settings),
        model,
        run=folder,
        experiment=schedule,
        settings=settings,
        schedule=schedule,
        seed=3,
        images_per_step=8,
        **values,
    )
    return model, report


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def stopping(at: int) -> Callable[[int, Callable[[int], float]], Iterator[Tensor]]:
    def made(step: int, expected: Callable[[int], float]) -> Iterator[Tensor]:
        for number, batch in enumerate(batches(step, expected), start=step):
            if number == at:
                raise Stop
            yield batch

    return made


def test_other_settings_of_a_begun_run_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = SCHEDULE.model_copy(update={"lr": 0.01})
    with pytest.raises(Stop):
        run(tmp_path, SCHEDULE, batches=stopping(1))
    run(tmp_path, changed)
    assert not capsys.readouterr().out  # nothing was learned before
    run(tmp_path, changed)
    assert not capsys.readouterr().out
    run(tmp_path, SCHEDULE)
    assert capsys.readouterr().out == f"{tmp_path} goes on with lr 0.05 instead of 0.01.\n"


def test_what_a_begun_run_is_told_anew_holds_from_there_on(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        run(tmp_path, batches=stopping(3), rates={"2.": 0.5})
    run(tmp_path, settings=LOOP.model_copy(update={"weight_decay": 0.5}), rates={"2.": 0.1})
    groups = checkpoint.load(tmp_path / checkpoint.NAME)["optimisers"][0]["param_groups"]
    held = {(group["weight_decay"], group["rate"]) for group in groups}
    assert held == {(0.5, 1.0), (0.0, 1.0), (0.5, 0.1), (0.0, 0.1)}


def test_a_run_that_cannot_go_on_is_left_as_it_is(tmp_path: Path) -> None:
    run(tmp_path)
    before = (tmp_path / "config.yaml").read_text()
    checkpoint.save(tmp_path / checkpoint.NAME, {"network": {}})
    with pytest.raises(ValueError, match="of another network"):
        run(tmp_path, SCHEDULE.model_copy(update={"lr": 0.01}))
    assert (tmp_path / "config.yaml").read_text() == before


@pytest.mark.parametrize("settings", [LOOP, MUON])
def test_a_killed_run_continues_as_if_it_had_not_stopped(tmp_path: Path, settings: Loop) -> None:
    whole, report = run(folder(tmp_path / "whole"), settings=settings)
    assert report["steps"] == 7 and report["miou"] == 0.5
    killed = folder(tmp_path / "killed")
    with pytest.raises(Stop):
        run(killed, batches=stopping(5), settings=settings)
    assert checkpoint.load(killed / checkpoint.NAME)["step"] == 4
    resumed, report = run(killed, settings=settings)
    assert report["steps"] == 7
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert not torch.equal(next(iter(network().parameters())), next(iter(whole.parameters())))
    states = [checkpoint.load(tmp_path / name / checkpoint.NAME) for name in ("whole", "killed")]
    for part in ("network", "average"):
        assert all(torch.equal(states[0][part][key], states[1][part][key]) for key in states[0][part])


def test_a_finished_run_only_reports(tmp_path: Path) -> None:
    _, first = run(folder(tmp_path / "run"))
    _, second = run(tmp_path / "run", batches=stopping(0))
    assert second == first


def test_a_finished_run_with_other_settings_is_scored_anew(tmp_path: Path) -> None:
    run(tmp_path)
    changed = SCHEDULE.model_copy(update={"lr": 0.01})
    _, report = run(tmp_path, changed, batches=stopping(0), evaluate=lambda _: {"miou": 0.7})
    assert (report["miou"], report["steps"]) == (0.7, 7)
    assert checkpoint.load(tmp_path / checkpoint.NAME)["report"]["miou"] == 0.7


def test_a_finished_run_that_goes_on_is_not_finished(tmp_path: Path) -> None:
    run(tmp_path)
    write_results(tmp_path, {"miou": 0.5})
    run(tmp_path)
    assert finished(tmp_path)
    with pytest.raises(Stop):
        run(tmp_path, SCHEDULE.model_copy(update={"steps": 20}), batches=stopping(10))
    assert not finished(tmp_path)


@pytest.mark.parametrize("settings", [LOOP, MUON])
def test_the_gradient_is_clipped_as_a_whole(tmp_path: Path, settings: Loop) -> None:
    norms = []

    def measured(model: nn.Module) -> dict[str, Any]:
        norms.append(float(sum((one.grad**2).sum() for one in model.parameters()) ** 0.5))
        return {"miou": 0.5}

    steep = lambda model, batch: {"loss": 1e4 * loss(model, batch)["loss"]}  # noqa: E731
    run(tmp_path, SCHEDULE.model_copy(update={"steps": 1}), settings=settings, evaluate=measured, loss=steep)
    assert norms == [pytest.approx(1.0, rel=1e-3)]


def test_processes_that_found_other_checkpoints_do_not_begin(tmp_path: Path) -> None:
    fabric: Any = SimpleNamespace(all_reduce=lambda step, reduce_op: step if reduce_op == "min" else step + 3)
    with pytest.raises(
        ValueError, match="not the same for all processes: give a folder that all machines share"
    ):
        _check_alike(fabric, tmp_path, 4)


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    with pytest.raises(ValueError, match="There are 4 processes for 1 GPUs here"):
        launch(LOOP.model_copy(update={"device": "auto"}))


def test_a_run_killed_while_it_is_scored_at_the_end_is_only_scored_again(tmp_path: Path) -> None:
    def killed(_: nn.Module) -> dict[str, Any]:
        raise Stop

    whole, report = run(folder(tmp_path / "whole"))
    with pytest.raises(Stop):
        run(folder(tmp_path / "killed"), evaluate=killed)
    scored, again = run(tmp_path / "killed", batches=stopping(0))
    assert (again["steps"], again["miou"]) == (report["steps"], report["miou"])
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), scored.parameters(), strict=True))
    assert run(tmp_path / "killed", batches=stopping(0), evaluate=killed)[1] == again  # that is kept


def test_a_run_cut_short_is_scored_where_it_ends(tmp_path: Path) -> None:
    scores = iter((0.1, 0.2))
    values: dict[str, Any] = {"evaluate": lambda _: {"miou": next(scores)}}
    values["settings"] = LOOP.model_copy(update={"validate_every": 3, "save_every": 1})
    with pytest.raises(Stop):
        run(folder(tmp_path / "run"), batches=stopping(5), **values)
    _, report = run(tmp_path / "run", SCHEDULE.model_copy(update={"steps": 5}), batches=stopping(0), **values)
    assert (report["steps"], report["miou"]) == (5, 0.2)


def test_the_network_validates_with_the_average_and_in_evaluation_mode(tmp_path: Path) -> None:
    seen: list[Tensor] = []

    def evaluate(model: nn.Module) -> dict[str, Any]:
        assert not model.training
        seen.append(next(iter(model.parameters())).detach().clone())
        return {"miou": 0.0}

    model, _ = run(folder(tmp_path / "run"), evaluate=evaluate)
    state = checkpoint.load(tmp_path / "run" / checkpoint.NAME)
    assert torch.equal(seen[-1], state["average"]["0.weight"])
    assert not torch.equal(seen[-1], state["network"]["0.weight"])
    assert torch.equal(next(iter(model.parameters())), seen[-1])


def test_a_time_budget_ends_a_run(tmp_path: Path) -> None:
    _, report = run(folder(tmp_path / "run"), Schedule(steps=10**9, max_minutes=0.3 / 60))
    assert 0.3 <= report["seconds"] < 60 and report["steps"] > 1


def test_another_networks_checkpoint_is_refused(tmp_path: Path) -> None:
    run(folder(tmp_path / "run"))
    state = checkpoint.load(tmp_path / "run" / checkpoint.NAME)
    state["network"]["0.weight"] = torch.zeros(2, 2)
    checkpoint.save(tmp_path / "run" / checkpoint.NAME, state)
    with pytest.raises(ValueError, match="is of another network: choose another run folder"):
        run(tmp_path / "run")


def test_a_checkpoint_of_a_run_that_learned_other_parts_is_refused(tmp_path: Path) -> None:
    run(folder(tmp_path / "run"))
    state = checkpoint.load(tmp_path / "run" / checkpoint.NAME)
    state["optimisers"][0]["param_groups"].pop()
    checkpoint.save(tmp_path / "run" / checkpoint.NAME, state)
    for settings in (LOOP, MUON):
        with pytest.raises(
            ValueError, match=r"other parts of the network learn, or by another optimiser: choose another run"
        ):
            run(tmp_path / "run", settings=settings)


def test_event_files_tell_each_step_once_and_scores_where_they_were_taken(tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    settings = LOOP.model_copy(update={"tensorboard": True, "validate_every": 3})
    scores = iter([0.2, None, 0.4])
    told: dict[str, Any] = {"settings": settings, "evaluate": lambda _: {"miou": next(scores)}}
    where = folder(tmp_path / "run")
    with pytest.raises(Stop):
        run(
            where, batches=stopping(5), **told
        )  # the fifth step is logged, but its checkpoint is of the fourth
    run(where, **told)
    found = events.EventAccumulator(str(where)).Reload()
    assert [one.step for one in found.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6, 7]
    assert [one.step for one in found.Scalars("validation/miou")] == [3, 7]


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="finds no GPU here: set loop"):
        launch(LOOP.model_copy(update={"device": "cuda"}))


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="The loss is nan at step 1: lower"):
        run(folder(tmp_path / "run"), loss=lambda model, batch: {"loss": model(batch).mean() * float("nan")})


def plain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))


def process(folder: Path, optimiser: str) -> None:
    """One of however many processes: together they see eight samples a step."""
    settings = LOOP.model_copy(update={"optimiser": optimiser})
    fabric = launch(settings)
    model, count = plain(), 8 // fabric.world_size

    def part(step: int, _: Callable[[int], float]) -> Iterator[Tensor]:
        while True:
            yield samples(step, fabric.global_rank * count, count)
            step += 1

    fit(
        fabric, model, batches=part, loss=loss, evaluate=lambda _: {"miou": 0.0}, run=folder,
        experiment=SCHEDULE, settings=settings, schedule=SCHEDULE, seed=3, images_per_step=8,
    )  # fmt: skip


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_two_processes_equal_one_with_twice_the_batch(tmp_path: Path, optimiser: str) -> None:
    process(folder(tmp_path / "one"), optimiser)
    folder(tmp_path / "two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared |= {"GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(tmp_path / "two"), optimiser]
    children = []
    for rank in ("0", "1"):
        environment = {**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        children.append(
            subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
    try:
        outputs = [child.communicate(timeout=300) for child in children]
    finally:
        for child in children:
            child.kill()
    assert [child.returncode for child in children] == [0, 0], outputs
    one, two = (checkpoint.load(tmp_path / name / checkpoint.NAME)["network"] for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-6)
    if sys.platform == "linux":
        # One that is left could want the interpreter when it is gone, which aborts the process now and then.
        for output, _ in outputs:
            at_work, at_exit = map(int, output.split())
            assert (at_work > 0, at_exit) == (True, 0)


def threads_of_gloo() -> int:
    """How many this process has, on Linux."""
    return sum("gloo" in name.read_text() for name in Path("/proc/self/task").glob("*/comm"))


if __name__ == "__main__":
    atexit.register(lambda: print(threads_of_gloo()))  # the first that is registered is the last to be called
    process(Path(sys.argv[1]), sys.argv[2])
    print(threads_of_gloo())
