"""Moving averages of the weights, in float32, several half-lives at once.

Source: Karras et al. 2024, arXiv:2312.02696, section 3, for averages that lengthen while a run is young.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

_RAMP = 0.1  # of the steps so far, what a half-life is at most: random first weights are soon forgotten


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """What training changes, by name: parameters that require gradients, and the buffers beside them."""
    state: dict[str, Tensor] = {}
    for prefix, module in model.named_modules():
        own = {name: p for name, p in module.named_parameters(recurse=False) if p.requires_grad}
        if own:
            passing = module._non_persistent_buffers_set
            lasting = {name: b for name, b in module.named_buffers(recurse=False) if name not in passing}
            state |= {f"{prefix}.{name}".lstrip("."): tensor for name, tensor in (own | lasting).items()}
    return state


class Averages:
    """The averages of a model's trained state; half-lives count steps."""

    def __init__(self, model: nn.Module, half_lives: Sequence[float]):
        self.weights = trained_state(model)
        self.by_half_life = {
            half_life: {name: value.detach().float().clone() for name, value in self.weights.items()}
            for half_life in half_lives
        }

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights that step number `step`, counted from 1, left."""
        for half_life, averages in self.by_half_life.items():
            decay = 0.5 ** (1 / max(min(half_life, _RAMP * (step - 1)), 1e-9))
            get_ema_multi_avg_fn(decay)(
                list(averages.values()), [w.float() for w in self.weights.values()], step
            )

    @contextmanager
    def applied(self, half_life: float) -> Iterator[None]:
        """An average in place of the weights, which come back to the last bit."""
        kept = {name: weight.detach().clone() for name, weight in self.weights.items()}
        try:
            self._put(self.by_half_life[half_life])
            yield
        finally:
            self._put(kept)

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, weight in self.weights.items():
            weight.copy_(values[name])
