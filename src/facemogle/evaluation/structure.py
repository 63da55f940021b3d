"""Structure of a picture, told by which places of it look alike to a vision transformer. T tokens, D width.

Tumanyan et al. 2022, arXiv:2201.00424, Eq. 4: keys of DINO's last layer hold layout more than appearance.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

_PAPER_BATCH = 64


def self_similarity(key_TD: Tensor) -> Tensor:
    """T x T cosines, in [-1, 1], of every two tokens' keys."""
    if key_TD.ndim != 2:
        raise ValueError(f"keys must be tokens x width, got {tuple(key_TD.shape)}")
    unit_TD = normalize(key_TD.float(), dim=-1)
    return unit_TD @ unit_TD.mT


def structure_distance(a_TD: Tensor, b_TD: Tensor) -> float:
    """Mean squared difference of two pictures' self-similarities, in [0, 4].

    Raises ValueError if the pictures have other numbers of tokens, that is other sizes.
    """
    if len(a_TD) != len(b_TD):
        raise ValueError(f"both pictures must have as many tokens, got {len(a_TD)} and {len(b_TD)}")
    return float((self_similarity(a_TD) - self_similarity(b_TD)).square().mean())


def paper_structure_score(distance_N: Tensor) -> float:
    """The "mask" score as the released code of Face-MoGLE takes it (arXiv:2509.00428): no mean per picture.

    Distances are summed over batches of 64, and the sums averaged over batches: the total by their number. So
    every picture weighs the same in any order, but the score is N / ceil(N / 64) times the mean, 63.8 times
    for N = 3000 and N times up to 64, and scores of other numbers of pictures cannot be compared.
    """
    distance_N = torch.as_tensor(distance_N, dtype=torch.float64)
    if distance_N.ndim != 1 or not len(distance_N):
        raise ValueError(f"needs one distance a picture, got shape {tuple(distance_N.shape)}")
    return float(distance_N.sum()) / math.ceil(len(distance_N) / _PAPER_BATCH)
