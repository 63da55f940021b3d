"""The training loop all models share: stateless randomness, exact resume, stop on a signal, figures."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from facemogle.training.average import Averages
from facemogle.training.checkpoint import newest_checkpoint, step_of
from facemogle.training.hardware import count_flops, matrix_peak
from facemogle.training.processes import Processes
from facemogle.training.recipe import Average, Log, Schedule, Validation
from facemogle.training.state import BadLoss, RunState
from facemogle.training.stopping import stop_requested

Model = TypeVar("Model", bound=nn.Module)
_NAMED_SAMPLES = 16  # in an error; all of them are in diverged.json


class DivergedError(ValueError):
    """A loss that is no number."""


@dataclass(frozen=True)
class Draw:
    """A step's batch, or the part of it that one process works through at once.

    All randomness of a step comes from its number and the run's seed, so a resumed run needs no saved random
    state. A task that can be spread draws the whole batch and keeps the rows part, part + num_parts, ...
    """

    step: int
    seed: int
    batch_size: int
    part: int = 0
    num_parts: int = 1

    def generator(self, device: torch.device | str = "cpu", *, stream: int = 0) -> torch.Generator:
        """The step's source of randomness, the same for all its parts; streams are independent."""
        # Mixed, for torch takes the low 32 bits of a seed alone.
        mixed = np.random.SeedSequence([self.seed, self.step, stream]).generate_state(1)
        return torch.Generator(device).manual_seed(int(mixed[0]))


class Task(Protocol[Model]):
    """What the loop trains: a model, a loss on a drawn batch, and held-out figures."""

    @property
    def model(self) -> Model: ...

    def loss(self, draw: Draw) -> dict[str, Tensor]:
        """Terms of the loss; `loss` is minimised, and the mean of it over a step's parts is the batch's."""
        ...

    def samples(self, draw: Draw) -> list[str]:
        """The names of the samples drawn."""
        ...

    def validate(self, model: Model) -> dict[str, float]:
        """Held-out figures, with fixed randomness; the model holds averaged weights meanwhile."""
        ...


@dataclass(frozen=True)
class Stop:
    """When this call ends before the run does: once `steps` are reached, or after so many minutes."""

    steps: int | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Watch:
    """How a run is watched and who hears of it.

    row: gets each row of the log. validated: called at each validation with the step, the averaged weights in
    place. warn: gets what went wrong and was survived.
    """

    log: Log = field(default_factory=Log)
    validation: Validation = field(default_factory=Validation)
    row: Callable[[dict[str, Any]], None] = lambda row: None
    validated: Callable[[int], None] = lambda step: None
    warn: Callable[[str], None] = lambda message: None


def train(
    task: Task[Model],
    optimizers: list[torch.optim.Optimizer],
    schedule: Schedule,
    run: Path,
    *,
    identity: Mapping[str, Any],
    seed: int = 0,
    average: Average | None = None,
    stop: Stop | None = None,
    watch: Watch | None = None,
    processes: Processes | None = None,
    products: torch.dtype = torch.float32,
) -> int:
    """Train until the run ends, `stop` or a signal says so, going on from what `run` holds; return the step.

    identity: what makes the run this one, by name. products: the type of most matrix products, against whose
    peak the speed is given. Raises ValueError if the run was begun with another identity, DivergedError for a
    loss that is no number (no checkpoint is written then), OSError if a checkpoint cannot be written.
    """
    stop, watch, average = stop or Stop(), watch or Watch(), average or Average()
    processes = processes or Processes(next(task.model.parameters()).device)
    base_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    parameters = [p for p in task.model.parameters() if p.requires_grad]
    num_parts = processes.world * schedule.accumulate
    if schedule.batch_size < num_parts:
        raise ValueError(
            f"schedule.batch_size is {schedule.batch_size}, less than {processes.world} processes x "
            f"schedule.accumulate {schedule.accumulate}"
        )
    last = min(schedule.steps, stop.steps or schedule.steps)
    run.mkdir(parents=True, exist_ok=True)
    state = RunState(task.model, optimizers, Averages(task.model, average.half_lives), processes)

    def backward(step: int, part: int) -> dict[str, Tensor]:
        part += processes.rank * schedule.accumulate
        terms = task.loss(Draw(step, seed, schedule.batch_size, part, num_parts))
        (terms["loss"] / schedule.accumulate).backward()
        return terms

    with stop_requested() as stopping:
        step = state.load(run, identity, watch.warn)
        if processes.is_main:
            _cut_log(run / "log.jsonl", step)
        if step >= last:
            return step
        meter = _Meter(lambda: backward(step, 0), schedule, processes, products)
        task.model.zero_grad(set_to_none=True)
        started = saved = time.monotonic()
        seconds_before = state.seconds
        done = False
        while not done:
            began = time.monotonic()
            for optimizer, rates in zip(optimizers, base_rates, strict=True):
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * schedule.rate(step)
            terms = [backward(step, part) for part in range(schedule.accumulate)]
            # A parameter that this batch does not reach learns the same in any division of it.
            for parameter in parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
            norm = nn.utils.clip_grad_norm_(parameters, schedule.gradient_clip)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            step += 1
            state.averages.update(step)
            state.note(terms, norm)

            now = time.monotonic()
            late = stop.minutes is not None and now - started > stop.minutes * 60
            done = step == last or processes.any(stopping() or late)
            saves = done or processes.any(now - saved > watch.log.save_minutes * 60)
            validates = step % watch.validation.every == 0 or step == schedule.steps
            logs = validates or step % watch.log.every == 0
            if logs or saves or processes.device.type == "cpu":  # reading a loss waits for the device
                bad = state.read_losses()
                if bad is not None:
                    raise _diverged(run, task, Draw(step - bad.age, seed, schedule.batch_size), bad)
            meter.add(time.monotonic() - began)
            if logs:
                row: dict[str, Any] = {"step": step, **state.means()}
                row |= {"learning_rate": optimizers[0].param_groups[0]["lr"], **meter.figures()}
                if validates:
                    row |= _validated(task, state.averages, watch, step)
                row["seconds"] = seconds_before + time.monotonic() - started
                if processes.is_main:
                    with (run / "log.jsonl").open("a") as log:
                        log.write(json.dumps(row) + "\n")
                    watch.row(row)
            if saves:
                state.seconds = seconds_before + time.monotonic() - started
                state.save(run, step, identity, watch.log.keep)
                saved = time.monotonic()
        return step


class _Meter:
    """Images and operations a second, from the operations counted in one part of one step."""

    def __init__(
        self, part: Callable[[], Any], schedule: Schedule, processes: Processes, products: torch.dtype
    ):
        with torch.compiler.set_stance("force_eager"):  # the counter sees no operation inside compiled code
            self._flops = count_flops(part) * schedule.accumulate
        self._peak = matrix_peak(processes.device, products)
        self._batch_size, self._world = schedule.batch_size, processes.world
        self._seconds, self._steps = 0.0, 0

    def add(self, seconds: float) -> None:
        self._seconds, self._steps = self._seconds + seconds, self._steps + 1

    def figures(self) -> dict[str, float]:
        """Since the last call; peak_share is this process's share of what its device measurably can."""
        rate = self._steps / self._seconds
        self._seconds, self._steps = 0.0, 0
        return {
            "images_per_second": rate * self._batch_size,
            "flops_per_second": rate * self._flops * self._world,
            "peak_share": rate * self._flops / self._peak,
        }


def _validated(task: Task, averages: Averages, watch: Watch, step: int) -> dict[str, float]:
    """Figures of the first average; of the others the first figure alone, under its name @ half-life."""
    figures: dict[str, float] = {}
    for number, half_life in enumerate(averages.by_half_life):
        with averages.applied(half_life):
            found = task.validate(task.model)
            if number == 0:
                figures |= found
                watch.validated(step)
            else:
                name = next(iter(found))
                figures[f"{name}@{half_life:g}"] = found[name]
    return figures


def _diverged(run: Path, task: Task, draw: Draw, bad: BadLoss) -> DivergedError:
    names = task.samples(draw)
    (run / "diverged.json").write_text(
        json.dumps({"step": draw.step + 1, bad.name: str(bad.value), "samples": names})
    )
    shown = ", ".join(names[:_NAMED_SAMPLES]) + (" ..." if len(names) > _NAMED_SAMPLES else "")
    kept = newest_checkpoint(run)
    return DivergedError(
        f"{run}: the {bad.name.replace('_', ' ')} of step {draw.step + 1} is {bad.value}; "
        f"its {len(names)} samples: {shown}; "
        + (f"the checkpoint of step {step_of(kept)} stays the last" if kept else "there is no checkpoint yet")
    )


def _cut_log(path: Path, step: int) -> None:
    """Take out rows behind the checkpoint, which will be written again, and a half-written last one."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["step"] <= step:
            kept.append(line + "\n")
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(kept))
    os.replace(temporary, path)
