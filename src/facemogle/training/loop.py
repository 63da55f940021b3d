"""The training loop all models share: stateless randomness, atomic checkpoints, resume, stop on a signal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, cast

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn; `steps` fixes the learning-rate curve, `minutes` only pauses it."""

    steps: int
    batch_size: int
    minutes: float | None = None
    warmup_steps: int = 200
    cooldown_share: float = 0.3
    ema_decay: float = 0.999
    gradient_clip: float = 1.0
    log_every: int = 50
    validate_every: int = 500
    save_minutes: float = 3.0
    seed: int = 0

    def rate(self, step: int) -> float:
        """Factor on the learning rate: linear warm-up, plateau, linear cool-down to zero."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        cool = (self.steps - step) / max(1.0, self.cooldown_share * self.steps)
        return min(warm, cool, 1.0)


class Task(Protocol[Model]):
    """What the loop trains: a model, a loss on a drawn batch, and held-out figures."""

    model: Model

    def loss(self, generator: torch.Generator, batch_size: int) -> dict[str, Tensor]:
        """Terms of the loss on a batch drawn from the generator; `loss` is the one minimised."""
        ...

    def validate(self, model: Model) -> dict[str, float]:
        """Held-out figures of the given (averaged) model, with fixed randomness."""
        ...


def step_generator(seed: int, step: int) -> torch.Generator:
    """All randomness of a step comes from its number, so a resumed run needs no saved random state."""
    mixed = np.random.SeedSequence([seed, step]).generate_state(1)  # torch would take the low 32 bits alone
    return torch.Generator().manual_seed(int(mixed[0]))


def train(
    task: Task[Model],
    optimizers: list[torch.optim.Optimizer],
    schedule: Schedule,
    run: Path,
    *,
    inputs: str = "",
    report: Callable[[dict], None] = lambda row: None,
) -> int:
    """Train until `steps`, `minutes` or a signal, resuming what `run` holds; return the step reached.

    inputs: what the run learns from, in any words. ValueError if the run was begun with others, or with
    another seed or batch size: it would not be the same run.
    """
    run.mkdir(parents=True, exist_ok=True)
    averaged = AveragedModel(
        task.model, multi_avg_fn=get_ema_multi_avg_fn(schedule.ema_decay), use_buffers=True
    )
    base_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    identity = {
        "inputs": inputs,
        "seed": str(schedule.seed),
        "batch size": str(schedule.batch_size),
    }
    step = load_checkpoint(run, task.model, averaged, optimizers, identity)
    start = saved = time.monotonic()
    first = step
    parameters = [p for p in task.model.parameters() if p.requires_grad]
    with _stop_requested() as stopping:
        while step < schedule.steps:
            for optimizer, rates in zip(optimizers, base_rates, strict=True):
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * schedule.rate(step)
            terms = task.loss(step_generator(schedule.seed, step), schedule.batch_size)
            terms["loss"].backward()
            norm = nn.utils.clip_grad_norm_(parameters, schedule.gradient_clip)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            averaged.update_parameters(task.model)
            step += 1
            now = time.monotonic()
            done = step == schedule.steps or stopping()
            done = done or (schedule.minutes is not None and now - start > schedule.minutes * 60)
            if step % schedule.log_every == 0 or done:
                row = {"step": step, **{k: v.item() for k, v in terms.items()}, "gradient_norm": norm.item()}
                row["samples_per_second"] = (step - first) * schedule.batch_size / (now - start)
                if step % schedule.validate_every == 0 or done:
                    row |= task.validate(cast(Model, averaged.module))
                with (run / "log.jsonl").open("a") as log:
                    log.write(json.dumps(row) + "\n")
                report(row)
            if done or now - saved > schedule.save_minutes * 60:
                save_checkpoint(run, step, task.model, averaged, optimizers, identity)
                saved = time.monotonic()
            if done:
                break
    return step


def save_checkpoint(
    run: Path,
    step: int,
    model: nn.Module,
    averaged: AveragedModel,
    optimizers: list[torch.optim.Optimizer],
    identity: Mapping[str, str],
) -> None:
    """Write `run/checkpoint` whole or not at all: a temporary folder, flushed, then renamed."""
    temporary = run / "checkpoint.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    save_file(_owned(model.state_dict()), temporary / "model.safetensors")
    save_file(_owned(averaged.module.state_dict()), temporary / "averaged.safetensors")
    moments = {
        f"{which}.{index}.{name}": torch.as_tensor(value)
        for which, optimizer in enumerate(optimizers)
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }
    save_file(_owned(moments), temporary / "optimizer.safetensors", {"step": str(step), **identity})
    for path in temporary.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    replace_folder(temporary, run / "checkpoint")


def replace_folder(temporary: Path, final: Path) -> None:
    """Put a finished folder in another's place; at any instant the new one or the old (.old) is there."""
    old = final.with_name(f"{final.name}.old")
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
    temporary.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(
    run: Path,
    model: nn.Module,
    averaged: AveragedModel,
    optimizers: list[torch.optim.Optimizer],
    identity: Mapping[str, str],
) -> int:
    """Restore what `run` holds into the given objects and return its step, 0 where there is none."""
    folder = _checkpoint_folder(run)
    if folder is None:
        return 0
    with safe_open(folder / "optimizer.safetensors", "pt") as file:
        stored = file.metadata()
    for name, value in identity.items():
        if stored.get(name) != value:
            raise ValueError(
                f"{run}: begun with {name} {stored.get(name)!r}, now it is {value!r}; "
                "go on as before or choose another folder"
            )
    model.load_state_dict(read_tensors(folder / "model.safetensors"), strict=True)
    averaged.module.load_state_dict(read_tensors(folder / "averaged.safetensors"), strict=True)
    averaged.n_averaged.fill_(1)
    with safe_open(folder / "optimizer.safetensors", "pt") as file:
        step = int(file.metadata()["step"])
        for which, optimizer in enumerate(optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for key in file.keys():  # noqa: SIM118 - not a mapping
                owner, index, name = key.split(".")
                if int(owner) == which:
                    state.setdefault(int(index), {})[name] = file.get_tensor(key)
            optimizer.load_state_dict(
                {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
            )
    return step


def averaged_weights(run: Path) -> dict[str, Tensor]:
    """The moving average of the weights in the run's last checkpoint, under the model's own names."""
    folder = _checkpoint_folder(run)
    if folder is None:
        raise FileNotFoundError(f"{run}: holds no checkpoint")
    return read_tensors(folder / "averaged.safetensors")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file."""
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping


def _checkpoint_folder(run: Path) -> Path | None:
    """The last whole checkpoint; a kill between two renames leaves it as `checkpoint.old`."""
    return next((f for f in (run / "checkpoint", run / "checkpoint.old") if f.exists()), None)


def _owned(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}


@contextmanager
def _stop_requested() -> Iterator[Callable[[], bool]]:
    """A function that says whether SIGINT or SIGTERM came; the running step is finished and saved first."""
    seen: list[int] = []
    before = {
        s: signal.signal(s, lambda number, frame: seen.append(number))
        for s in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
