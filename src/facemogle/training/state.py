"""What a run is at a step: all that a checkpoint holds, saved and loaded by one process or many."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from facemogle.training.average import Averages, trained_state
from facemogle.training.checkpoint import (
    average_name,
    newest_checkpoint,
    read_state,
    read_tensors,
    save_checkpoint,
    step_of,
)
from facemogle.training.optimizers import load_optimizer_state, optimizer_state
from facemogle.training.processes import Processes, laid_out_like, whole


@dataclass(frozen=True)
class BadLoss:
    """A loss or gradient norm that is no number, and how many steps ago it was (the last step is 1)."""

    name: str
    value: float
    age: int


class RunState:
    """All that a checkpoint holds, and the losses since the last row of the log."""

    def __init__(
        self,
        model: nn.Module,
        optimizers: list[torch.optim.Optimizer],
        averages: Averages,
        processes: Processes,
    ):
        self.weights, self.optimizers, self.averages = trained_state(model), optimizers, averages
        self.processes, self.seconds = processes, 0.0
        self.losses: dict[str, list[float]] = {}
        self._unread: list[dict[str, Tensor]] = []

    def note(self, parts: list[dict[str, Tensor]], norm: Tensor) -> None:
        """Keep the terms of a step and the norm of its gradient, unread."""
        means = {name: torch.stack([part[name].detach() for part in parts]).mean() for name in parts[0]}
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        self._unread.append(means | {"gradient_norm": norm.detach()})

    def read_losses(self) -> BadLoss | None:
        """Turn the kept terms into numbers, means over all processes; the first bad one, if any."""
        unread, self._unread = self._unread, []
        for index, terms in enumerate(unread):
            for name, value in terms.items():
                self.losses.setdefault(name, []).append(float(self.processes.mean(value)))
            for name in ("loss", "gradient_norm"):
                if not math.isfinite(value := self.losses[name][-1]):
                    return BadLoss(name, value, len(unread) - index)
        return None

    def means(self) -> dict[str, float]:
        """Over the steps since the last row; begins anew."""
        losses, self.losses = self.losses, {}
        return {name: sum(values) / len(values) for name, values in losses.items()}

    def save(self, run: Path, step: int, identity: Mapping[str, Any], keep: int) -> None:
        """Write the checkpoint of a step, of which the last `keep` stay; all processes must call this."""
        tensors, numbers = optimizer_state(self.optimizers)
        groups = {"model": _all_whole(self.weights), "optimizer": tensors}
        for half_life, average in self.averages.by_half_life.items():
            groups[average_name(half_life)] = _all_whole(average)
        if self.processes.is_main:
            state = {
                "identity": dict(identity),
                "seconds": self.seconds,
                "half_lives": list(self.averages.by_half_life),
                "optimizers": numbers,
                "losses": self.losses,
            }
            save_checkpoint(run, step, groups, state, keep=keep)
        self.processes.wait()

    @torch.no_grad()
    def load(self, run: Path, identity: Mapping[str, Any], warn: Callable[[str], None]) -> int:
        """Take over the last whole checkpoint, if any, and return its step, or 0."""
        folder = newest_checkpoint(run, warn)
        if folder is None:
            return 0
        state = read_state(folder)
        check_identity(run, state["identity"], identity)
        _copy_all(self.weights, read_tensors(folder / "model.safetensors"), folder)
        for half_life, average in self.averages.by_half_life.items():
            _copy_all(average, read_tensors(folder / f"{average_name(half_life)}.safetensors"), folder)
        load_optimizer_state(
            self.optimizers, read_tensors(folder / "optimizer.safetensors"), state["optimizers"]
        )
        self.seconds, self.losses = state["seconds"], state["losses"]
        return step_of(folder)


def check_identity(run: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """ValueError that names what differs, if a run was begun as another than it is now."""
    before, now = (json.loads(json.dumps(dict(identity))) for identity in (before, now))
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            raise ValueError(
                f"{run}: begun with {name} {before.get(name)!r}, now it is {now.get(name)!r}; "
                "go on as before or choose another folder"
            )


def _all_whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: whole(tensor) for name, tensor in tensors.items()}


def _copy_all(tensors: Mapping[str, Tensor], stored: Mapping[str, Tensor], folder: Path) -> None:
    if different := sorted(tensors.keys() ^ stored.keys()):
        raise ValueError(f"{folder}: holds another model, the first difference is {different[0]!r}")
    for name, tensor in tensors.items():
        tensor.copy_(laid_out_like(stored[name], tensor))
