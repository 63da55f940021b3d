"""Moving averages: what they average, how far back, and giving the weights back untouched."""

import pytest
import torch
from torch import nn

from facemogle.training.average import Averages, trained_state


def model() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    net[2].requires_grad_(False)
    return net


def test_the_trained_state_is_what_learns_and_the_buffers_beside_it():
    names = {
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    }
    assert trained_state(model()).keys() == names


def test_half_lives_are_half_lives():
    """Weights that jump from 0 to 1 late in a run: after one half-life the average is half way."""
    net = nn.Linear(1, 1, bias=False)
    averages = Averages(net, [10.0, 40.0])
    for step in range(1, 1001):
        nn.init.constant_(net.weight, 0.0)
        averages.update(step)
    nn.init.constant_(net.weight, 1.0)
    for step in range(1001, 1011):
        averages.update(step)
    short, long = (averages.by_half_life[length]["weight"].item() for length in (10.0, 40.0))
    assert short == pytest.approx(0.5, abs=1e-5)
    assert long == pytest.approx(1 - 0.5**0.25, abs=1e-5)


def test_a_young_run_does_not_drag_its_first_weights_along():
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, 100.0)
    averages = Averages(net, [1000.0])
    for step in range(1, 101):
        nn.init.constant_(net.weight, 1.0)
        averages.update(step)
    assert averages.by_half_life[1000.0]["weight"].item() == pytest.approx(1.0)


def test_applied_averages_go_and_the_weights_come_back_to_the_last_bit():
    net = model()
    first = net.get_parameter("0.weight")
    averages = Averages(net, [5.0])
    averages.update(1)
    with torch.no_grad():
        first.add_(1 / 3)
    averages.update(2)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with averages.applied(5.0):
        assert torch.equal(first, averages.by_half_life[5.0]["0.weight"])
        assert not torch.equal(first, before["0.weight"])
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
