"""Measures of sets: what equal sets get, what copies get, and that intervals hold the value."""

import pytest
import torch

from facemogle.evaluation.distances import frechet_distance, kernel_distance
from facemogle.evaluation.sets import DISTANCES, diversity, novelty, set_distance


def features(count: int, *, seed: int = 0, mean: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + mean


@pytest.mark.parametrize("name", list(DISTANCES))
def test_farther_sets_have_larger_distances(name):
    real = features(40)
    same, near, far = (
        set_distance(name, other, real)
        for other in (real, features(40, seed=1), features(40, seed=1, mean=3))
    )
    assert same.figure.value <= 1e-6
    assert same.figure.value < near.figure.value < far.figure.value
    for finding in (near, far):
        assert finding.figure.low < finding.figure.value < finding.figure.high
        assert finding.figure.count == 40
        assert finding.real is not None
        assert finding.real.low < finding.real.value < finding.real.high
    assert near.real == far.real


def test_figures_are_the_distances_of_all_pictures():
    real, generated = features(12), features(12, seed=1, mean=1)
    assert set_distance("fid", generated, real).figure.value == frechet_distance(generated, real)
    whole, _ = kernel_distance(generated, real)
    assert set_distance("kid", generated, real).figure.value == pytest.approx(1000 * whole)
    paper = set_distance("kid", generated, real, paper=True).figure
    assert paper.value == pytest.approx(1000 * whole)  # one subset is all there is of so few
    assert paper.low < paper.value < paper.high


def test_three_photographs_have_no_halves():
    assert set_distance("fid", features(3, seed=1), features(3)).real is None


def test_diversity_is_a_mean_over_requests():
    one, other = torch.eye(6)[:2], torch.ones(2, 6)
    finding = diversity(torch.stack([one, other]), torch.eye(6))
    assert finding.figure.value == pytest.approx(0.5)  # right angles in one, copies in the other
    assert finding.figure.count == 2
    assert finding.real is not None
    assert finding.real.value == pytest.approx(1.0)


def test_copies_of_training_faces_are_found():
    train, held_out = features(30), features(30, seed=1)
    copies = novelty(train[:10], held_out, train)
    assert copies.index_N.tolist() == list(range(10))
    swapped = novelty(held_out, train[:10], train)
    assert swapped.held_out_index_N.tolist() == list(range(10))
    assert swapped.held_out_N.max() < 1e-9
    assert copies.median.figure.value == pytest.approx(0, abs=1e-9)
    assert copies.close.figure.value == 1
    assert copies.median.real is not None
    assert copies.close.real is not None
    assert copies.median.real.value > 0.01
    assert copies.close.real.value == pytest.approx(0.05, abs=0.03)
    fresh = novelty(features(30, seed=2), held_out, train)
    assert fresh.close.figure.value < 0.3
    assert fresh.median.figure.value == pytest.approx(copies.median.real.value, rel=0.8)
