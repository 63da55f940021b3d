"""Figures with 95 % intervals, by resampling pictures. N pictures, S resamples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_TAIL = 0.025


@dataclass(frozen=True)
class Figure:
    """A value, the bounds of its 95 % interval, and how many pictures it was taken from."""

    value: float
    low: float
    high: float
    count: int


def mean_figure(value_N: Tensor, *, seed: int = 0, resamples: int = 1000) -> Figure:
    """The mean over pictures with its percentile bootstrap interval; nan values are left out.

    One value alone has an interval of no width. Raises ValueError if no value is left.
    """
    value_N = torch.as_tensor(value_N, dtype=torch.float64).flatten()
    value_N = value_N[~value_N.isnan()]
    if not len(value_N):
        raise ValueError("no value to take the mean of")
    drawn_S = _resampled(lambda picked: float(value_N[picked].mean()), len(value_N), resamples, seed)
    return Figure(float(value_N.mean()), *_bounds(drawn_S), count=len(value_N))


def bootstrap_figure(
    statistic: Callable[[Tensor], float], count: int, *, resamples: int = 100, seed: int = 0
) -> Figure:
    """Any statistic of `count` pictures; it gets the indices of the pictures, count int64, with repeats.

    The interval is moved so that the resamples' median falls on the value of all pictures once: pictures that
    repeat make a set look narrower than it is, so distances between sets come out too large.
    """
    if count < 1:
        raise ValueError(f"needs at least one picture, got {count}")
    value = float(statistic(torch.arange(count)))
    drawn_S = _resampled(statistic, count, resamples, seed)
    return Figure(value, *_bounds(drawn_S - drawn_S.quantile(0.5) + value), count=count)


def _resampled(statistic: Callable[[Tensor], float], count: int, resamples: int, seed: int) -> Tensor:
    if resamples < 1:
        raise ValueError(f"needs at least one resample, got {resamples}")
    generator = torch.Generator().manual_seed(seed)
    drawn = [statistic(torch.randint(count, (count,), generator=generator)) for _ in range(resamples)]
    return torch.tensor(drawn, dtype=torch.float64)


def _bounds(drawn_S: Tensor) -> tuple[float, float]:
    return float(drawn_S.quantile(_TAIL)), float(drawn_S.quantile(1 - _TAIL))
