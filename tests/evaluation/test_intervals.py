"""Intervals: they cover what they should as often as they say, and repeat with their seed."""

import pytest
import torch

from facemogle.evaluation.intervals import Figure, bootstrap_figure, mean_figure


def test_the_mean_and_its_interval():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0)) * 2 + 5
    figure = mean_figure(values)
    error = float(values.std()) / 20
    assert figure.value == pytest.approx(float(values.double().mean()))
    assert figure.low == pytest.approx(figure.value - 1.96 * error, abs=0.3 * error)
    assert figure.high == pytest.approx(figure.value + 1.96 * error, abs=0.3 * error)
    assert mean_figure(values) == figure != mean_figure(values, seed=1)


def test_nan_values_are_left_out():
    nan = float("nan")
    assert mean_figure(torch.tensor([nan, 1.0, 3.0, nan])) == mean_figure(torch.tensor([1.0, 3.0]))
    assert mean_figure(torch.tensor([nan, 2.0])) == Figure(2.0, 2.0, 2.0, count=1)
    with pytest.raises(ValueError, match="no value"):
        mean_figure(torch.tensor([nan]))


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    figures = [mean_figure(torch.randn(50, generator=generator), resamples=100) for _ in range(100)]
    assert 0.86 < sum(figure.low < 0 < figure.high for figure in figures) / 100 < 0.99


def test_what_repeats_bias_is_moved_back():
    values = torch.randn(60, generator=torch.Generator().manual_seed(0))

    def distinct(picked: torch.Tensor) -> float:
        return float(picked.unique().numel())  # about 63 % of it with repeats

    figure = bootstrap_figure(distinct, 60)
    assert figure.value == figure.count == 60
    assert figure.low < 60 < figure.high
    assert figure.high - figure.low < 20
    mean = bootstrap_figure(lambda picked: float(values[picked].mean()), 60, resamples=1000)
    other = mean_figure(values)
    assert (mean.value, mean.low, mean.high) == pytest.approx((other.value, other.low, other.high), abs=0.02)


def test_nothing_to_resample_is_refused():
    with pytest.raises(ValueError, match="at least one picture, got 0"):
        bootstrap_figure(lambda _: 0.0, 0)
    with pytest.raises(ValueError, match="at least one resample, got 0"):
        mean_figure(torch.ones(2), resamples=0)
