"""The straight path between data and noise, its times and their shift."""

import math

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift

from facemogle.core.flow import draw_times, noised, resolution_mu, shifted, velocity_target


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_sigmas(scheduler: FlowMatchEulerDiscreteScheduler, expected: torch.Tensor) -> None:
    torch.testing.assert_close(torch.as_tensor(scheduler.sigmas)[:-1], expected)


class TestPath:
    def test_ends_and_middle(self):
        clean, noise = normal(3, 4, 2), normal(3, 4, 2, seed=1)
        points = noised(clean, noise, torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
        torch.testing.assert_close(points[0], clean[0])
        torch.testing.assert_close(points[1], (clean[1] + noise[1]) / 2)
        torch.testing.assert_close(points[2], noise[2])

    def test_target_is_the_derivative(self):
        clean, noise, t = (
            normal(2, 4, 2),
            normal(2, 4, 2, seed=1),
            torch.tensor([0.2, 0.7], dtype=torch.float64),
        )
        difference = (noised(clean, noise, t + 1e-3) - noised(clean, noise, t - 1e-3)) / 2e-3
        torch.testing.assert_close(velocity_target(clean, noise), difference)

    def test_one_exact_step_along_the_target_reaches_the_data(self):
        clean, noise, t = (
            normal(2, 4, 2),
            normal(2, 4, 2, seed=1),
            torch.tensor([0.3, 0.9], dtype=torch.float64),
        )
        back = noised(clean, noise, t) - t[:, None, None] * velocity_target(clean, noise)
        torch.testing.assert_close(back, clean)


class TestDrawTimes:
    def drawn(self, count=20_000, *, seed=0, shift=1.0):
        return draw_times(count, torch.Generator().manual_seed(seed), shift=shift)

    @pytest.mark.parametrize("shift", [0.25, 1.0, 3.0])
    def test_strictly_between_0_and_1(self, shift):
        t = self.drawn(shift=shift)
        assert t.shape == (20_000,)
        assert t.min() > 0
        assert t.max() < 1

    def test_depend_on_the_generator_alone(self):
        torch.manual_seed(1)
        first = self.drawn(100)
        torch.manual_seed(2)
        assert torch.equal(first, self.drawn(100))
        assert not torch.equal(first, self.drawn(100, seed=1))

    def test_logit_is_standard_normal(self):
        logit = torch.logit(self.drawn())
        assert abs(logit.mean().item()) < 0.03
        assert abs(logit.std().item() - 1) < 0.03

    def test_shift_moves_the_logit_by_its_logarithm(self):
        moved = torch.logit(self.drawn(shift=3.0)) - torch.logit(self.drawn())
        torch.testing.assert_close(moved, torch.full_like(moved, math.log(3)), atol=1e-3, rtol=0)


class TestShift:
    def test_known_values(self):
        t = torch.tensor([0.0, 0.25, 0.5, 1.0])
        torch.testing.assert_close(shifted(t, 3.0), torch.tensor([0.0, 0.5, 0.75, 1.0]))
        assert torch.equal(shifted(t, 1.0), t)

    def test_grows_with_t_and_with_the_shift(self):
        t = torch.linspace(0.01, 0.99, 50)
        assert shifted(t, 3.0).diff().min() > 0
        assert (shifted(t, 3.0) > shifted(t, 2.0)).all()
        assert (shifted(t, 0.5) < t).all()

    def test_two_shifts_multiply(self):
        t = torch.linspace(0, 1, 11)
        torch.testing.assert_close(shifted(shifted(t, 2.0), 1.5), shifted(t, 3.0))

    def test_is_the_schedulers(self):
        sigmas = torch.linspace(1, 0.1, 10)
        scheduler = FlowMatchEulerDiscreteScheduler(shift=2.5)
        scheduler.set_timesteps(sigmas=sigmas.tolist())
        assert_sigmas(scheduler, shifted(sigmas, 2.5))

    @pytest.mark.parametrize("num_tokens", [64, 256, 1024, 4096, 8000])
    def test_resolution_shift_is_that_of_flux(self, num_tokens):
        assert math.isclose(resolution_mu(num_tokens), calculate_shift(num_tokens))
        scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
        sigmas, mu = torch.linspace(1, 0.1, 10), resolution_mu(num_tokens)
        scheduler.set_timesteps(sigmas=sigmas.tolist(), mu=mu)
        assert_sigmas(scheduler, shifted(sigmas, math.exp(mu)))

    def test_resolution_shift_at_its_anchors(self):
        assert resolution_mu(256) == 0.5
        assert math.isclose(resolution_mu(4096), 1.15)
        anchors = {"base_tokens": 10, "max_tokens": 20, "base_mu": 0.0, "max_mu": 1.0}
        assert math.isclose(resolution_mu(15, **anchors), 0.5)
