"""How a scheduler of diffusers divides time, t from 1 (noise) to 0 (picture).

Shapes: S steps.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facemogle.core.flow import resolution_mu


def set_timesteps(scheduler: Any, steps: int, *, num_tokens: int, device: torch.device) -> None:
    """Equal steps, shifted as the scheduler's config says; num_tokens: of the image, for shifts by size."""
    config, mu = scheduler.config, None
    if "sigmas" not in signature(scheduler.set_timesteps).parameters:
        scheduler.set_timesteps(steps, device=device)  # a scheduler that divides time in its own way
        return
    if config.get("use_dynamic_shifting", False):
        mu = resolution_mu(
            num_tokens,
            base_tokens=config["base_image_seq_len"],
            max_tokens=config["max_image_seq_len"],
            base_mu=config["base_shift"],
            max_mu=config["max_shift"],
        )
    # Equal steps: left to itself, Euler's scheduler spends the last one between t = 0.001 and 0.
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu, device=device)


def begin_at(scheduler: Any, t_S: Tensor, depth: float) -> int:
    """The first step from a time at or below `depth`, else the last; the scheduler will begin with it."""
    order: int = scheduler.order  # evaluations a step: one that has begun cannot be entered half-way
    last = (len(t_S) - 1) // order * order
    begin = min(-(-int((t_S > depth + 1e-6).sum()) // order) * order, last)
    scheduler.set_begin_index(begin)
    return begin
