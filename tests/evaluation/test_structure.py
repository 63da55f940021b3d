"""Structure: cosines, their mean squared difference, and the released protocol's total by batches."""

import pytest
import torch
from torch.nn.functional import cosine_similarity

from facemogle.evaluation.structure import paper_structure_score, self_similarity, structure_distance


def keys(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))


def test_self_similarity_is_the_cosine_of_every_two_tokens():
    found = self_similarity(keys(5, 0))
    expected = cosine_similarity(keys(5, 0)[:, None], keys(5, 0)[None], dim=-1)
    torch.testing.assert_close(found, expected)


def test_structure_ignores_length_and_turns_but_not_places():
    a, turn = keys(6, 0), torch.linalg.qr(keys(8, 1)).Q
    assert structure_distance(a, a @ turn * 3) == pytest.approx(0, abs=1e-10)
    difference = self_similarity(a) - self_similarity(a.flip(0))
    assert structure_distance(a, a.flip(0)) == pytest.approx(float(difference.square().sum() / 36))
    assert structure_distance(a, a.flip(0)) > 0.01
    with pytest.raises(ValueError, match="as many tokens, got 6 and 5"):
        structure_distance(a, a[:5])


def test_the_papers_score_is_the_mean_over_batches_of_64_of_their_sums():
    distances = torch.arange(70.0)
    of_batches = [distances[:64].sum(), distances[64:].sum()]
    assert paper_structure_score(distances) == pytest.approx(float(sum(of_batches)) / 2)
    assert paper_structure_score(distances.flip(0)) == pytest.approx(paper_structure_score(distances))
    assert paper_structure_score(torch.ones(3000)) == pytest.approx(63.8, abs=0.05)
    with pytest.raises(ValueError, match="one distance a picture"):
        paper_structure_score(torch.zeros(0))
