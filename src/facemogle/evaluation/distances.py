"""Distances between sets of features. N, M pictures; D features. Inside, everything is float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

_ROWS = 1024
"""Rows of a product of two sets that are held at once."""


def frechet_distance(a_ND: Tensor, b_MD: Tensor) -> float:
    """FID: squared distance of Gaussians fitted to the sets (Heusel et al. 2017, arXiv:1706.08500, Eq. 6).

    The trace of sqrt(S_a S_b) is the sum of the singular values of A Bᵀ, where S_a = AᵀA and S_b = BᵀB. So no
    root of a D x D product is taken, which is neither exact nor fast where N < D makes S singular.
    Covariances are the unbiased ones, as released evaluations have them. At least 2 pictures a set.
    """
    a_ND, b_MD = _checked(a_ND, b_MD, fewest=2)
    mean_a_D, mean_b_D = a_ND.mean(0), b_MD.mean(0)
    root_a, root_b = _root_of_covariance(a_ND - mean_a_D), _root_of_covariance(b_MD - mean_b_D)
    shared = torch.linalg.svdvals(root_a @ root_b.mT).sum()
    spread = root_a.square().sum() + root_b.square().sum() - 2 * shared
    return max(0.0, float((mean_a_D - mean_b_D).square().sum() + spread))


def kernel_distance(
    a_ND: Tensor, b_MD: Tensor, *, subset_size: int = 1000, num_subsets: int = 100, seed: int = 0
) -> tuple[float, float]:
    """KID: squared MMD, unbiased, with kernel (xᵀy / D + 1)³ (Bińkowski et al. 2018, arXiv:1801.01401).

    Mean and standard deviation over random subsets of both sets, drawn without repeats. Subsets are cut to
    the smaller set; if that leaves one possible pair of subsets it is taken once, and the deviation is 0. May
    be negative. Raises ValueError for sets or subsets of fewer than 2.
    """
    a_ND, b_MD = _checked(a_ND, b_MD, fewest=2)
    if subset_size < 2 or num_subsets < 1:
        raise ValueError(
            f"needs subsets of at least 2, at least one of them, got {subset_size=} {num_subsets=}"
        )
    size = min(subset_size, len(a_ND), len(b_MD))
    if size == len(a_ND) == len(b_MD):
        num_subsets = 1
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(num_subsets):
        a, b = (set_[torch.randperm(len(set_), generator=generator)[:size]] for set_ in (a_ND, b_MD))
        within = sum(kernel.sum() - kernel.diagonal().sum() for kernel in (_cubic(a, a), _cubic(b, b)))
        found.append(within / (size * (size - 1)) - 2 * _cubic(a, b).mean())
    found_S = torch.stack(found)
    return float(found_S.mean()), float(found_S.std(correction=0))


def gaussian_mmd(a_ND: Tensor, b_MD: Tensor, *, sigma: float = 10.0) -> float:
    """CMMD: 1000 x squared MMD with kernel exp(-|x - y|² / 2σ²) (Jayasumana et al. 2024, arXiv:2401.09603).

    A V-statistic, as published: a picture's kernel with itself counts, so sets of other sizes than the
    paper's have another bias. CMMD proper asks for unit-length CLIP features. Sigma must be above 0.
    """
    a_ND, b_MD = _checked(a_ND, b_MD, fewest=1)
    if not sigma > 0:
        raise ValueError(f"sigma must be above 0, got {sigma}")
    within = _mean_gaussian(a_ND, a_ND, sigma) + _mean_gaussian(b_MD, b_MD, sigma)
    return 1000 * (within - 2 * _mean_gaussian(a_ND, b_MD, sigma))


def nearest(a_ND: Tensor, b_MD: Tensor) -> tuple[Tensor, Tensor]:
    """For every a the cosine distance, in [0, 2], of the nearest b, N float64, and its index, N int64."""
    a_ND, b_MD = _checked(a_ND, b_MD, fewest=1)
    unit_b_MD = normalize(b_MD, dim=-1)
    best = [(unit @ unit_b_MD.mT).max(-1) for unit in normalize(a_ND, dim=-1).split(_ROWS)]
    similarity_N = torch.cat([found.values for found in best])
    return (1 - similarity_N).clamp(min=0), torch.cat([found.indices for found in best])


def distance_to_own(a_ND: Tensor, b_ND: Tensor) -> Tensor:
    """For every a the cosine distance, in [0, 2], of the b in the same place, N float64.

    Raises ValueError for sets of other sizes.
    """
    a_ND, b_ND = _checked(a_ND, b_ND, fewest=1)
    if len(a_ND) != len(b_ND):
        raise ValueError(f"both sets must have as many pictures, got {len(a_ND)} and {len(b_ND)}")
    return (1 - (normalize(a_ND, dim=-1) * normalize(b_ND, dim=-1)).sum(-1)).clamp(min=0)


def mean_pairwise_distance(a_ND: Tensor) -> float:
    """Mean cosine distance, in [0, 2], over all pairs of at least 2 pictures."""
    (a_ND,) = _checked(a_ND, fewest=2)
    unit_ND = normalize(a_ND, dim=-1)
    # The squared length of the sum is every pair's product, twice, and each vector's with itself.
    twice_pairs = unit_ND.sum(0).square().sum() - unit_ND.square().sum()
    return max(0.0, float(1 - twice_pairs / (len(unit_ND) * (len(unit_ND) - 1))))


def _checked(*sets: Tensor, fewest: int) -> list[Tensor]:
    for features in sets:
        if features.ndim != 2 or features.shape[1] != sets[0].shape[-1] or not features.shape[1]:
            shapes = " and ".join(str(tuple(each.shape)) for each in sets)
            raise ValueError(
                f"features must be pictures x features, as many features in each set, got {shapes}"
            )
        if len(features) < fewest:
            raise ValueError(f"needs at least {fewest} pictures in each set, got {len(features)}")
        if not features.isfinite().all():
            raise ValueError("features must be finite, got nan or infinite ones")
    return [features.detach().cpu().double() for features in sets]


def _root_of_covariance(centred_ND: Tensor) -> Tensor:
    """R of at most D rows with RᵀR the covariance."""
    root_ND = centred_ND / math.sqrt(len(centred_ND) - 1)
    N, D = root_ND.shape
    return torch.linalg.qr(root_ND, mode="r").R if N > D else root_ND


def _cubic(a_ND: Tensor, b_MD: Tensor) -> Tensor:
    return (a_ND @ b_MD.mT / a_ND.shape[1] + 1) ** 3


def _mean_gaussian(a_ND: Tensor, b_MD: Tensor, sigma: float) -> float:
    squares_M = b_MD.square().sum(-1)
    total = 0.0
    for a in a_ND.split(_ROWS):
        distance = (a.square().sum(-1)[:, None] + squares_M - 2 * a @ b_MD.mT).clamp(min=0)
        total += float((distance / (-2 * sigma**2)).exp().sum())
    return total / (len(a_ND) * len(b_MD))
