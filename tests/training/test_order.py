"""The order of faces: each once an epoch, decided by position alone; and fractions dealt out evenly."""

import pytest
import torch

from facemogle.training.order import EpochOrder, dealt

FACES = torch.tensor([10, 11, 12, 13, 14])


def test_every_face_comes_once_an_epoch_and_epochs_differ():
    order = EpochOrder(FACES, seed=1)
    epochs = [order.at(start, 5).tolist() for start in range(0, 100, 5)]
    assert all(sorted(epoch) == FACES.tolist() for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 10


def test_a_position_decides_alone_what_lies_there():
    whole = EpochOrder(FACES, seed=1).at(0, 40)
    for start, count in ((0, 1), (3, 9), (17, 0), (38, 2), (4, 30)):
        assert torch.equal(EpochOrder(FACES, seed=1).at(start, count), whole[start : start + count])
    assert not torch.equal(EpochOrder(FACES, seed=2).at(0, 40), whole)


@pytest.mark.parametrize("per_step", [0.0, 0.1, 0.75, 3.0, 12.6])
def test_shares_are_dealt_in_whole_numbers_that_add_up(per_step):
    counts = [dealt(step, per_step) for step in range(100)]
    total = 0
    for before, count in counts:
        assert before == total
        assert abs(count - per_step) < 1
        total += count
    assert total == pytest.approx(per_step * 100, abs=1e-6)
