"""Rectified flow: the path from data to noise and its velocity. t is in [0, 1] and 1 is noise.

Source: Liu et al. 2022 (arXiv:2209.03003); times and shift as in Esser et al. 2024 (arXiv:2403.03206).
"""

from __future__ import annotations

import torch
from torch import Tensor


def noised(clean_BNC: Tensor, noise_BNC: Tensor, t_B: Tensor) -> Tensor:
    """The point at t on the straight path: x_t = (1 - t) x_0 + t noise."""
    t_B11 = t_B.view(-1, 1, 1)
    return (1 - t_B11) * clean_BNC + t_B11 * noise_BNC


def velocity_target(clean_BNC: Tensor, noise_BNC: Tensor) -> Tensor:
    """The constant velocity dx/dt = noise - x_0 of that path, what the model learns to predict."""
    return noise_BNC - clean_BNC


def draw_times(
    count: int, generator: torch.Generator, *, mean: float = 0.0, std: float = 1.0, shift: float = 1.0
) -> Tensor:
    """Logit-normal times in (0, 1), shifted towards noise by `shift` > 1 as in `shifted`."""
    return shifted(torch.sigmoid(torch.randn(count, generator=generator) * std + mean), shift)


def shifted(t: Tensor, shift: float) -> Tensor:
    """Resolution shift s t / (1 + (s - 1) t), Esser et al. 2024, Eq. 23."""
    return shift * t / (1 + (shift - 1) * t)


def resolution_mu(
    num_tokens: int,
    *,
    base_tokens: int = 256,
    max_tokens: int = 4096,
    base_mu: float = 0.5,
    max_mu: float = 1.15,
) -> float:
    """Logarithm of the shift that FLUX gives to an image of so many tokens, linear between two anchors."""
    slope = (max_mu - base_mu) / (max_tokens - base_tokens)
    return base_mu + slope * (num_tokens - base_tokens)
