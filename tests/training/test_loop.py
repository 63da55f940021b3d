"""The loop: stopping, resuming and saving without a trace in the result; figures; what cannot be trained."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from facemogle.training.checkpoint import averaged_weights, newest_checkpoint, read_tensors
from facemogle.training.loop import DivergedError, Draw, Stop, Watch, train
from facemogle.training.optimizers import make_optimizers
from facemogle.training.processes import Processes
from facemogle.training.recipe import Average, Log, Optimizer, Schedule, Validation

# Muon moves a matrix of one number by a fifth of its rate.
SETTINGS: dict[str, Optimizer] = {
    name: Optimizer(
        name=name,  # pyright: ignore[reportArgumentType]
        learning_rate=rate,
        weight_decay=0.0,
    )
    for name, rate in (("muon", 0.3), ("adamw", 0.05), ("prodigy", 1.0))
}


class Line:
    """Fits y = 2 x from noisy draws; small, but a task like any other."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.model = nn.ModuleDict({"transformer_blocks": nn.Linear(1, 1)})  # Muon takes what is in blocks
        self.after_loss = lambda: None

    @property
    def line(self) -> nn.Linear:
        line = self.model["transformer_blocks"]
        assert isinstance(line, nn.Linear)
        return line

    def draw(self, draw: Draw) -> tuple[Tensor, Tensor]:
        generator, rows = draw.generator(), slice(draw.part, None, draw.num_parts)
        x, noise = torch.randn(2, draw.batch_size, 1, generator=generator)
        return x[rows], noise[rows]

    def samples(self, draw: Draw) -> list[str]:
        return [f"x{draw.step}.{number}" for number in range(draw.batch_size)]

    def loss(self, draw: Draw) -> dict[str, Tensor]:
        x, noise = self.draw(draw)
        self.after_loss()
        error = (self.line(x) - 2 * x - 0.01 * noise).square()
        return {"loss": error.sum() * (draw.num_parts / draw.batch_size), "error": error.detach().mean()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {"slope_error": abs(self.line.weight.item() - 2), "bias_error": abs(self.line.bias.item())}


def run(
    folder: Path,
    task: Line | None = None,
    *,
    optimizer: str = "muon",
    stop: Stop | None = None,
    identity: dict | None = None,
    save_minutes: float = 3.0,
    **schedule,
) -> int:
    task = task or Line()
    settings: dict[str, Any] = {"steps": 60, "batch_size": 4, "warmup_steps": 5}
    plan = Schedule(**settings | schedule)
    return train(
        task,
        make_optimizers(task.model, SETTINGS[optimizer]),
        plan,
        folder,
        identity=identity or {},
        average=Average((7.0, 20.0)),
        stop=stop,
        watch=Watch(Log(every=10, save_minutes=save_minutes), Validation(every=20)),
    )


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def content(folder: Path) -> dict[str, Tensor]:
    """Every tensor of the last checkpoint."""
    last = newest_checkpoint(folder)
    assert last is not None
    return {f"{p.stem}.{k}": v for p in last.glob("*.safetensors") for k, v in read_tensors(p).items()}


def assert_same(one: Path, other: Path) -> None:
    """Bit for bit: weights, averages, optimizers, and the log but for its times."""
    first, second = content(one), content(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    timed = ("images_per_second", "flops_per_second", "peak_share", "seconds")
    logs = [
        [{k: v for k, v in row.items() if k not in timed} for row in rows(folder)] for folder in (one, other)
    ]
    assert logs[0] == logs[1]


def test_every_step_has_randomness_of_its_own():
    draws = [
        torch.randn(4, generator=Draw(step, seed, 1).generator(stream=stream))
        for seed in (0, 1)
        for step in (0, 1, 2)
        for stream in (0, 1)
    ]
    assert len({tuple(draw.tolist()) for draw in draws}) == 12
    assert torch.equal(draws[2], torch.randn(4, generator=Draw(1, 0, 1).generator()))


def test_learns_and_writes_a_row_for_every_tenth_step(tmp_path):
    assert run(tmp_path, steps=200) == 200
    found = rows(tmp_path)
    assert [row["step"] for row in found] == list(range(10, 201, 10))
    assert [row["step"] for row in found if "slope_error" in row] == list(range(20, 201, 20))
    assert found[-1]["slope_error"] < 0.1 < found[1]["slope_error"]
    assert (
        found[-1]["slope_error@20"] != found[-1]["slope_error"]
    )  # the longer average, its main figure alone
    assert "bias_error@20" not in found[1]
    assert {"loss", "error", "gradient_norm", "learning_rate", "images_per_second", "seconds"} < found[
        0
    ].keys()
    assert found[0]["flops_per_second"] > 0


def test_a_row_holds_the_mean_loss_since_the_last_one(tmp_path):
    task = Line()
    run(tmp_path, task, steps=10)
    again, losses = Line(), []
    optimizers = make_optimizers(again.model, SETTINGS["muon"])
    plan = Schedule(steps=10, batch_size=4, warmup_steps=5)
    for step in range(10):  # the loop, written out
        for optimizer, rate in zip(optimizers, (0.3, 0.15), strict=True):
            optimizer.param_groups[0]["lr"] = rate * plan.rate(step)
        loss = again.loss(Draw(step, 0, 4))["loss"]
        loss.backward()
        nn.utils.clip_grad_norm_(again.model.parameters(), 1.0)
        losses.append(loss.item())
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    assert rows(tmp_path)[0]["loss"] == sum(losses) / 10
    assert torch.equal(task.line.weight, again.line.weight)


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "prodigy"])
def test_stopped_by_a_signal_and_resumed_is_the_run_that_never_stopped(tmp_path, optimizer):
    run(tmp_path / "whole", optimizer=optimizer)
    task, calls = Line(), []

    def interrupt_at_the_seventh() -> None:
        calls.append(1)
        if len(calls) == 8:  # one more: operations are counted first
            os.kill(os.getpid(), signal.SIGTERM)

    task.after_loss = interrupt_at_the_seventh
    before = signal.getsignal(signal.SIGTERM)
    assert run(tmp_path / "parts", task, optimizer=optimizer) == 7  # the step is finished first
    assert signal.getsignal(signal.SIGTERM) is before
    assert run(tmp_path / "parts", optimizer=optimizer, stop=Stop(steps=33)) == 33
    assert run(tmp_path / "parts", optimizer=optimizer) == 60
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_killed_at_any_moment_and_resumed_is_the_run_that_never_stopped(tmp_path):
    """SIGKILL to a child that saves after every step; benchmarks/kill_resume.py does it a hundred times."""
    run(tmp_path / "whole", save_minutes=0)
    reached, kills = 0, 0
    for delay in (0.05, 0.11, 0.17, 0.23, 0.31, 0.4):
        if (child := os.fork()) == 0:
            task = Line()
            task.after_loss = lambda: time.sleep(0.002)
            run(tmp_path / "parts", task, save_minutes=0)
            os._exit(0)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        last = newest_checkpoint(tmp_path / "parts")  # raises if all are damaged
        step = 0 if last is None else int(last.name[5:])
        assert step >= reached
        reached = step
    assert kills
    run(tmp_path / "parts", save_minutes=0)
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_parts_of_a_batch_add_up_to_it(tmp_path):
    run(tmp_path / "whole", steps=5)
    run(tmp_path / "parts", steps=5, accumulate=2)
    whole, parts = content(tmp_path / "whole"), content(tmp_path / "parts")
    assert all(torch.allclose(whole[name], parts[name], atol=1e-6) for name in whole)


def test_a_finished_run_is_left_alone(tmp_path):
    run(tmp_path)
    before = content(tmp_path)
    assert run(tmp_path) == 60
    assert all(torch.equal(before[name], value) for name, value in content(tmp_path).items())


def test_minutes_pause_the_run(tmp_path):
    assert run(tmp_path, stop=Stop(minutes=0.0)) == 1
    assert run(tmp_path, stop=Stop(minutes=0.0)) == 2


def test_a_damaged_checkpoint_costs_its_steps_alone(tmp_path):
    run(tmp_path / "whole")
    run(tmp_path / "parts", stop=Stop(steps=15))
    run(tmp_path / "parts", stop=Stop(steps=25))
    (tmp_path / "parts" / "checkpoints" / "step-00000025" / "optimizer.safetensors").write_bytes(b"")
    run(tmp_path / "parts")
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_refuses_to_go_on_as_another_run(tmp_path):
    run(tmp_path, stop=Stop(minutes=0.0), identity={"seed": 0, "betas": (0.9, 0.95)})
    assert run(tmp_path, stop=Stop(minutes=0.0), identity={"seed": 0, "betas": (0.9, 0.95)}) == 2
    with pytest.raises(ValueError, match="begun with seed 0, now it is 1; go on as before or choose another"):
        run(tmp_path, identity={"seed": 1, "betas": (0.9, 0.95)})


def test_a_loss_that_is_no_number_stops_before_it_is_saved(tmp_path):
    run(tmp_path, stop=Stop(steps=12))
    task, calls = Line(), []

    def spoil() -> None:
        calls.append(1)
        if len(calls) == 5:
            with torch.no_grad():
                task.line.bias.fill_(torch.nan)

    task.after_loss = spoil
    with pytest.raises(DivergedError) as caught:
        run(tmp_path, task, save_minutes=0)
    message = str(caught.value)
    assert "the loss of step 16 is nan" in message
    assert "x15.0, x15.1, x15.2, x15.3" in message
    assert "the checkpoint of step 15 stays the last" in message
    assert json.loads((tmp_path / "diverged.json").read_text())["samples"] == [
        "x15.0",
        "x15.1",
        "x15.2",
        "x15.3",
    ]
    assert all(value.isfinite().all() for value in averaged_weights(tmp_path).values())


def test_a_gradient_that_is_no_number_is_not_saved(tmp_path):
    task, calls = Line(), []
    run(tmp_path, stop=Stop(steps=3))
    task.line.bias.register_hook(
        lambda gradient: gradient * (torch.nan if calls.append(1) or len(calls) == 3 else 1)
    )
    with pytest.raises(DivergedError, match="the gradient norm of step 5 is nan"):
        run(tmp_path, task, save_minutes=0)
    assert all(value.isfinite().all() for value in content(tmp_path).values())


def test_a_batch_smaller_than_its_parts_is_refused(tmp_path):
    task, processes = Line(), Processes(torch.device("cpu"))
    processes.world = 2  # as a launcher would say
    plan = Schedule(steps=1, batch_size=4, accumulate=4)
    with pytest.raises(ValueError, match=r"batch_size is 4, less than 2 processes x schedule\.accumulate 4"):
        train(
            task,
            make_optimizers(task.model, SETTINGS["adamw"]),
            plan,
            tmp_path,
            identity={},
            processes=processes,
        )
