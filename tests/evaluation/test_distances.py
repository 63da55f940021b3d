"""Distances: closed forms, plain loops over pairs, and another implementation where one is installed."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from facemogle.evaluation.distances import (
    distance_to_own,
    frechet_distance,
    gaussian_mmd,
    kernel_distance,
    mean_pairwise_distance,
    nearest,
)


def drawn(count: int, width: int, *, seed: int = 0) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_moments(mean_D: Tensor, deviation_D: Tensor, count: int, *, turn: Tensor | None = None) -> Tensor:
    """Count x D rows whose mean and (unbiased) diagonal covariance are exactly those, turned if asked."""
    D = len(mean_D)
    centred = drawn(count, D, seed=count)
    centred = centred - centred.mean(0)
    orthogonal = torch.linalg.qr(centred).Q * math.sqrt(count - 1)
    rows = orthogonal * deviation_D
    return (rows if turn is None else rows @ turn.mT) + mean_D


def root_of(matrix_DD: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix_DD)
    return vectors * values.clamp(min=0).sqrt() @ vectors.mT


def test_frechet_of_diagonal_gaussians_is_the_closed_form():
    mean_a, mean_b = torch.tensor([[0.0, 1, 2], [1.0, -1, 2]]).double()
    deviation_a, deviation_b = torch.tensor([[1.0, 2, 3], [0.5, 4, 3]]).double()
    expected = (mean_a - mean_b).square().sum() + (deviation_a - deviation_b).square().sum()
    a, b = with_moments(mean_a, deviation_a, 10), with_moments(mean_b, deviation_b, 7)
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-10)


def test_frechet_of_covariances_that_do_not_commute():
    turn = torch.linalg.qr(drawn(4, 4)).Q
    deviation_a, deviation_b = torch.tensor([[1.0, 2, 3, 4], [4.0, 1, 0.5, 2]]).double()
    zero = torch.zeros(4).double()
    a, b = with_moments(zero, deviation_a, 20), with_moments(zero, deviation_b, 9, turn=turn)
    cov_a, cov_b = deviation_a.square().diag(), turn * deviation_b.square() @ turn.mT
    root_a = root_of(cov_a)
    expected = cov_a.trace() + cov_b.trace() - 2 * root_of(root_a @ cov_b @ root_a).trace()
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize(("N", "M"), [(5, 6), (5, 40), (40, 5)])
def test_frechet_with_fewer_pictures_than_features(N: int, M: int):
    a, b = drawn(N, 12, seed=1), drawn(M, 12, seed=2) * 2 + 1
    root_a = root_of(a.T.cov())
    expected = (a.mean(0) - b.mean(0)).square().sum() + a.T.cov().trace() + b.T.cov().trace()
    expected -= 2 * root_of(root_a @ b.T.cov() @ root_a).trace()
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("count", [6, 50])
def test_frechet_of_a_set_and_itself_is_nothing_and_of_a_shift_its_square(count: int):
    a = drawn(count, 16) * 3
    assert frechet_distance(a, a.flip(0)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 0.5) == pytest.approx(16 * 0.25, rel=1e-9)
    assert frechet_distance(a.float(), a.float() + 100) == pytest.approx(16 * 100**2, rel=1e-5)


def test_kernel_distance_is_the_loop_over_pairs():
    a, b = drawn(6, 5), drawn(6, 5, seed=1) + 0.3

    def kernel(x: Tensor, y: Tensor) -> float:
        return float(x @ y / 5 + 1) ** 3

    within = sum(kernel(s[i], s[j]) for s in (a, b) for i in range(6) for j in range(6) if i != j) / 30
    between = sum(kernel(x, y) for x in a for y in b) / 36
    mean, deviation = kernel_distance(a, b)
    assert mean == pytest.approx(within - 2 * between, rel=1e-10)
    assert deviation == 0


def test_kernel_distance_over_subsets_is_unbiased_and_repeatable():
    a, b = drawn(60, 4), drawn(40, 4, seed=1) + 0.5
    full = kernel_distance(a[:40], b)[0]
    mean, deviation = kernel_distance(a[:40], b, subset_size=20, num_subsets=400)
    assert mean == pytest.approx(full, abs=4 * deviation / math.sqrt(400))
    assert deviation > 0
    assert kernel_distance(a, b, seed=3) == kernel_distance(a, b, seed=3)
    assert kernel_distance(a, b, seed=3) != kernel_distance(a, b, seed=4)  # 40 of 60 are drawn


def test_gaussian_mmd_is_the_loop_over_pairs_with_itself_counted():
    a, b = drawn(4, 5), drawn(3, 5, seed=1) + 1

    def mean_kernel(xs: Tensor, ys: Tensor) -> float:
        kernels = [math.exp(-float((x - y).square().sum()) / (2 * 2.0**2)) for x in xs for y in ys]
        return sum(kernels) / len(kernels)

    expected = 1000 * (mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b))
    assert gaussian_mmd(a, b, sigma=2.0) == pytest.approx(expected, rel=1e-10)
    assert gaussian_mmd(a, a) == pytest.approx(0, abs=1e-9)


def test_nearest_finds_the_smallest_angle():
    a, b = drawn(5, 6), drawn(7, 6, seed=1)
    b[3] = a[2] * 4
    distance, index = nearest(a, b)
    expected = 1 - cosine_similarity(a[:, None], b[None], dim=-1)
    torch.testing.assert_close(distance, expected.min(1).values)
    assert index.tolist() == expected.argmin(1).tolist()
    assert index[2] == 3
    assert float(distance[2]) == pytest.approx(0, abs=1e-12)


def test_distance_to_own_is_that_of_the_same_place():
    a, b = drawn(5, 6), drawn(5, 6, seed=1)
    torch.testing.assert_close(distance_to_own(a, b), 1 - cosine_similarity(a, b, dim=-1))
    with pytest.raises(ValueError, match="as many pictures, got 5 and 4"):
        distance_to_own(a, b[:4])


def test_mean_pairwise_distance_is_the_loop_over_pairs():
    a = drawn(5, 3)
    pairs = [1 - cosine_similarity(a[i], a[j], dim=0) for i in range(5) for j in range(i)]
    assert mean_pairwise_distance(a) == pytest.approx(float(torch.stack(pairs).mean()), rel=1e-10)
    assert mean_pairwise_distance(a[:1].expand(4, -1)) == pytest.approx(0, abs=1e-12)


def test_what_has_no_distance_is_refused():
    a = drawn(3, 4)
    with pytest.raises(ValueError, match=r"as many features in each set, got \(3, 4\) and \(3, 5\)"):
        frechet_distance(a, drawn(3, 5))
    with pytest.raises(ValueError, match="at least 2 pictures in each set, got 1"):
        kernel_distance(a, a[:1])
    with pytest.raises(ValueError, match="must be finite"):
        gaussian_mmd(a, a / 0)
    with pytest.raises(ValueError, match="subset_size=1"):
        kernel_distance(a, a, subset_size=1)
    with pytest.raises(ValueError, match="sigma must be above 0, got 0"):
        gaussian_mmd(a, a, sigma=0)


class _Identity(nn.Module):
    """What torchmetrics takes for a feature extractor: rows of pixels as they are."""

    num_features = 4

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.flatten(1)


def test_another_implementation_agrees():
    fid_room = pytest.importorskip("torchmetrics.image.fid")
    kid_room = pytest.importorskip("torchmetrics.image.kid")
    a, b = drawn(30, 4), drawn(30, 4, seed=1) * 1.5 + 0.5
    fid = fid_room.FrechetInceptionDistance(feature=_Identity(), normalize=True).set_dtype(torch.float64)
    kid = kid_room.KernelInceptionDistance(feature=_Identity(), normalize=True, subsets=1, subset_size=30)
    for metric in (fid, kid):
        metric.update(a.view(30, 1, 2, 2), real=True)
        metric.update(b.view(30, 1, 2, 2), real=False)
    assert frechet_distance(a, b) == pytest.approx(float(fid.compute()), rel=1e-4)
    assert kernel_distance(a, b)[0] == pytest.approx(float(kid.compute()[0]), rel=1e-4)
