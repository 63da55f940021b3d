"""Measures of sets of faces through their features: how far from photographs, how diverse, how new.

N generated pictures and as many photographs, M training faces, G groups of S seeds; D features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from facemogle.evaluation.distances import (
    frechet_distance,
    gaussian_mmd,
    kernel_distance,
    mean_pairwise_distance,
    nearest,
)
from facemogle.evaluation.intervals import Figure, bootstrap_figure, mean_figure

_HALVINGS = 20
_CLOSE = 0.05
"""Share of held-out photographs that are nearer to their training face than what counts as close."""


@dataclass(frozen=True)
class Finding:
    """A figure of the generated pictures, and beside it what photographs get: the scale to read it on."""

    figure: Figure
    real: Figure | None = None


Distance = Callable[[Tensor, Tensor], float]


def _kid(a_ND: Tensor, b_MD: Tensor) -> float:
    """All pictures at once: subsets only save time, and their mean has the same expectation."""
    return 1000 * kernel_distance(a_ND, b_MD, subset_size=len(a_ND))[0]


DISTANCES: dict[str, Distance] = {"fid": frechet_distance, "kid": _kid, "cmmd": gaussian_mmd}


def set_distance(name: str, generated_ND: Tensor, real_ND: Tensor, *, paper: bool = False) -> Finding:
    """One of DISTANCES, KID and CMMD x 1000; beside it the distance of two random halves of the photographs.

    paper: KID as the mean over 100 subsets of 1000, as released evaluations take it.
    """
    distance = DISTANCES[name]

    def resampled(index_N: Tensor) -> float:
        return distance(generated_ND[index_N], real_ND[index_N])

    figure = bootstrap_figure(resampled, len(generated_ND))
    if paper and name == "kid":
        moved = 1000 * kernel_distance(generated_ND, real_ND)[0] - figure.value
        figure = Figure(figure.value + moved, figure.low + moved, figure.high + moved, figure.count)
    return Finding(figure, _halves(distance, real_ND))


def diversity(features_GSD: Tensor, real_ND: Tensor) -> Finding:
    """Mean distance of faces made for one request with several seeds; beside it that of any photographs."""
    of_group_G = torch.tensor([mean_pairwise_distance(group_SD) for group_SD in features_GSD])
    if len(real_ND) < 2:
        return Finding(mean_figure(of_group_G))

    def of_photographs(index_N: Tensor) -> float:
        return mean_pairwise_distance(real_ND[index_N])

    return Finding(mean_figure(of_group_G), bootstrap_figure(of_photographs, len(real_ND)))


@dataclass(frozen=True)
class Novelty:
    """Distance of every face to its nearest training face, and which that is; N each.

    held_out_N, held_out_index_N: the same of the photographs.
    """

    distance_N: Tensor
    index_N: Tensor
    held_out_N: Tensor
    held_out_index_N: Tensor
    median: Finding
    close: Finding
    """Share of faces nearer to a training face than all but 5 % of held-out photographs are."""


def novelty(generated_ND: Tensor, real_ND: Tensor, train_MD: Tensor) -> Novelty:
    """How near generated faces come to those that were learnt from; beside it held-out photographs."""
    distance_N, index_N = nearest(generated_ND, train_MD)
    held_out_N, held_out_index_N = nearest(real_ND, train_MD)
    near = held_out_N.quantile(_CLOSE)
    return Novelty(
        distance_N,
        index_N,
        held_out_N,
        held_out_index_N,
        Finding(_median(distance_N), _median(held_out_N)),
        Finding(mean_figure((distance_N < near).double()), mean_figure((held_out_N < near).double())),
    )


def _median(value_N: Tensor) -> Figure:
    return bootstrap_figure(
        lambda index_N: float(value_N[index_N].quantile(0.5)), len(value_N), resamples=1000
    )


def _halves(distance: Distance, real_ND: Tensor) -> Figure | None:
    """Mean over several random halvings, and between what bounds 95 % of them lie; None for under 4."""
    half = len(real_ND) // 2
    if half < 2:
        return None
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(_HALVINGS):
        order_N = torch.randperm(len(real_ND), generator=generator)
        found.append(distance(real_ND[order_N[:half]], real_ND[order_N[half : 2 * half]]))
    found_S = torch.tensor(found, dtype=torch.float64)
    low, high = found_S.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Figure(float(found_S.mean()), low, high, count=2 * half)
