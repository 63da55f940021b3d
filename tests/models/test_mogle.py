"""The mixture of experts against plain loops over nn.Linear, in float64. Shapes as in `models/mogle.py`."""

import math
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from facemogle.models.mogle import MoGLE, Variant

B, N, C = 2, 5, 64


@pytest.fixture
def no_gradients():
    with torch.no_grad():
        yield


def mogle_of(variant: Variant = "full", *, num_regions: int = 20, **changed) -> MoGLE:
    """A MoGLE with random numbers everywhere, biases too."""
    mogle = MoGLE(num_regions=num_regions, variant=variant, **changed).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in mogle.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 4)
    return mogle.eval()


def inputs_of(num_regions: int = 20) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    planes = torch.randn(B, num_regions, N, C, generator=generator, dtype=torch.float64)
    latents = torch.randn(B, N, C, generator=generator, dtype=torch.float64)
    return planes, latents, torch.tensor([0.2, 0.9], dtype=torch.float64)


def looped_experts(mogle: MoGLE, planes: Tensor) -> Tensor:
    """Expert by expert: Linear, ReLU, Linear."""
    outputs = []
    for r in range(planes.shape[1]):
        first, second = nn.Linear(C, 32).double(), nn.Linear(32, C).double()
        first.weight.data, first.bias.data = mogle.expert_in_RCE[r].T, mogle.expert_in_bias_R1E[r, 0]
        second.weight.data, second.bias.data = mogle.expert_out_REC[r].T, mogle.expert_out_bias_R1C[r, 0]
        outputs.append(nn.Sequential(first, nn.ReLU(), second)(planes[:, r]))
    return torch.stack(outputs, dim=1)


def time_embedding(mogle: MoGLE, t: float) -> Tensor:
    """64 features, cosines first, frequencies 10000^(-i / 32) without a shift, then Linear, SiLU, Linear."""
    angles = [t * math.exp(-math.log(10000) * i / 32) for i in range(32)]
    features = torch.tensor(
        [math.cos(a) for a in angles] + [math.sin(a) for a in angles], dtype=torch.float64
    )
    inner, outer = mogle.time_embedding.linear_1, mogle.time_embedding.linear_2
    return outer(nn.functional.silu(inner(features)))


def looped_gate(mogle: MoGLE, plane0: Tensor, latents: Tensor, t: Tensor) -> Tensor:
    """Image by image and token by token: softmax(W2 relu(W1 (C_0 + P z + E(t))))."""
    weights = torch.empty(B, N, mogle.num_regions, dtype=torch.float64)
    for b in range(B):
        time = time_embedding(mogle, t[b].item() * mogle.gate_time_scale)
        for n in range(N):
            features = plane0[b, n] + mogle.noise_proj(latents[b, n]) + time
            weights[b, n] = mogle.gate_out(mogle.gate_in(features).relu()).softmax(0)
    return weights


def close(ours: Tensor, expected: Tensor, atol: float = 1e-10) -> None:
    torch.testing.assert_close(ours, expected, atol=atol, rtol=0)


# The sinusoids are computed in float32, hence the tolerances of everything that knows t.
TIME = 1e-5


@pytest.mark.usefixtures("no_gradients")
class TestFull:
    @pytest.mark.parametrize("num_regions", [20, 5, 1])
    def test_equals_a_loop_over_experts(self, num_regions):
        mogle, (planes, latents, t) = mogle_of(num_regions=num_regions), inputs_of(num_regions)
        experts, gate = looped_experts(mogle, planes), looped_gate(mogle, planes[:, 0], latents, t)
        close(mogle.experts(planes), experts)
        close(mogle.gate(planes[:, 0], latents, t), gate, TIME)
        condition = sum(gate[:, :, r, None] * experts[:, r] for r in range(num_regions))
        assert isinstance(condition, Tensor)
        close(mogle(planes, latents, t), condition, TIME)
        close(mogle.mix(experts, gate), condition)

    def test_gate_time_scale_multiplies_t(self):
        planes, latents, t = inputs_of()
        scaled, plain = mogle_of(gate_time_scale=1000.0), mogle_of()
        ours = scaled.gate(planes[:, 0], latents, t)
        close(ours, looped_gate(scaled, planes[:, 0], latents, t), 1e-4)
        close(ours, plain.gate(planes[:, 0], latents, t * 1000))
        assert not torch.allclose(ours, plain.gate(planes[:, 0], latents, t))

    def test_gate_sums_to_one(self):
        planes, latents, t = inputs_of()
        gate = mogle_of().gate(planes[:, 0], latents, t)
        assert gate.min() > 0
        close(gate.sum(-1), torch.ones(B, N, dtype=torch.float64))

    def test_a_row_does_not_see_its_neighbour(self):
        mogle, (planes, latents, t) = mogle_of(), inputs_of()
        close(mogle(planes, latents, t)[1:], mogle(planes[1:], latents[1:], t[1:]))


def test_parameter_count_is_that_of_the_paper():
    assert sum(parameter.numel() for parameter in MoGLE().parameters()) == 101_780


def test_sizes_are_free():
    mogle = MoGLE(16, num_regions=3, expert_width=8, gate_width=24)
    planes = torch.randn(1, 3, 4, 16)
    assert mogle(planes, torch.randn(1, 4, 16), torch.tensor([0.5])).shape == (1, 4, 16)
    assert mogle.gate_in.out_features == 24
    assert mogle.expert_in_RCE.shape == (3, 16, 8)


@pytest.mark.parametrize("variant", ["expert_mean", "global_only", "local_only"])
def test_fresh_experts_keep_unit_variance(variant):
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mogle = MoGLE(variant=variant)
    if variant == "local_only":  # an even mixture, as with fresh weights nearly
        mogle.gate_out.weight.data.zero_()
        mogle.gate_out.bias.data.zero_()
    planes = torch.randn(1, 20, 4096, 64, generator=generator)
    condition = mogle(planes, torch.zeros(1, 4096, 64), torch.zeros(1))
    assert abs(condition.std().item() - 1) < 0.1


def test_wrong_number_of_planes_is_refused_with_both_numbers():
    with pytest.raises(ValueError, match=r"19 .* 20"):
        MoGLE().experts(torch.zeros(1, 19, 4, 64))


def test_unknown_variant_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'half'.*plane_mean"):
        MoGLE(variant="half")  # pyright: ignore[reportArgumentType]


@pytest.mark.usefixtures("no_gradients")
class TestVariants:
    def test_global_only(self):
        mogle, (planes, latents, t) = mogle_of("global_only"), inputs_of()
        close(mogle(planes, latents, t), looped_experts(mogle, planes)[:, 0])

    def test_local_only(self):
        mogle, (planes, latents, t) = mogle_of("local_only"), inputs_of()
        full = looped_gate(mogle, planes[:, 0], latents, t)
        expected = full[..., 1:] / full[..., 1:].sum(-1, keepdim=True)
        gate = mogle.gate(planes[:, 0], latents, t)
        assert not gate[..., 0].any()
        close(gate[..., 1:], expected, TIME)
        close(
            mogle(planes, latents, t),
            torch.einsum("bnr,brnc->bnc", expected, looped_experts(mogle, planes)[:, 1:]),
            TIME,
        )

    def test_static_gate(self):
        mogle, (planes, latents, t) = mogle_of("static_gate"), inputs_of()
        scores = linear(
            linear(planes[:, 0], mogle.gate_in.weight, mogle.gate_in.bias).relu(),
            mogle.gate_out.weight,
            mogle.gate_out.bias,
        )
        close(mogle.gate(planes[:, 0], latents, t), scores.softmax(-1))
        close(mogle.gate(planes[:, 0], -latents, 1 - t), scores.softmax(-1))

    def test_scalar_gate(self):
        mogle, (planes, latents, t) = mogle_of("scalar_gate"), inputs_of()
        gate = mogle.gate(planes[:, 0], latents, t)
        assert gate.shape == (B, N, 20)
        for b in range(B):
            features = planes[b, 0] + mogle.noise_proj(latents[b]) + time_embedding(mogle, t[b].item())
            expected = mogle.gate_out(mogle.gate_in(features.mean(0)).relu()).softmax(0)
            close(gate[b], expected.expand(N, -1), TIME)

    def test_expert_mean(self):
        mogle, (planes, latents, t) = mogle_of("expert_mean"), inputs_of()
        close(mogle(planes, latents, t), looped_experts(mogle, planes).mean(1))

    def test_gate_only(self):
        mogle, (planes, latents, t) = mogle_of("gate_only"), inputs_of()
        gate = looped_gate(mogle, planes[:, 0], latents, t)
        close(mogle(planes, latents, t), torch.einsum("bnr,brnc->bnc", gate, planes), TIME)

    def test_plane_mean(self):
        mogle, (planes, latents, t) = mogle_of("plane_mean"), inputs_of()
        close(mogle(planes, latents, t), planes.mean(1))


@pytest.mark.parametrize("variant", get_args(Variant))
class TestEveryVariant:
    def test_weights_sum_to_one_and_gradients_are_finite(self, variant):
        mogle, (planes, latents, t) = mogle_of(variant), inputs_of()
        gate = mogle.gate(planes[:, 0], latents, t)
        assert gate.shape == (B, N, 20)
        close(gate.sum(-1), torch.ones(B, N, dtype=torch.float64))
        if variant != "plane_mean":  # the one without a parameter
            mogle(planes, latents, t).square().sum().backward()
            gradients = [p.grad for p in mogle.parameters() if p.grad is not None]
            assert gradients
            assert all(gradient.isfinite().all() for gradient in gradients)

    def test_used_parameters_are_those_with_a_gradient(self, variant):
        mogle, generator = mogle_of(variant), torch.Generator().manual_seed(2)
        planes, latents = (
            torch.randn(shape, generator=generator, dtype=torch.float64)
            for shape in ((400, 20, 1, C), (400, 1, C))
        )
        condition = mogle(planes.requires_grad_(), latents, torch.linspace(0, 1, 400).double())
        condition.square().sum().backward()
        used = sum(int((p.grad != 0).sum()) for p in mogle.parameters() if p.grad is not None)
        assert used == mogle.num_used_parameters
        assert used == {"full": 101_780, "plane_mean": 0}.get(variant, used)

    def test_survives_saving(self, variant, tmp_path):
        mogle, (planes, latents, t) = (
            mogle_of(variant, num_regions=5, gate_time_scale=7.0).float(),
            inputs_of(5),
        )
        mogle.save_pretrained(tmp_path)
        loaded = MoGLE.from_pretrained(tmp_path)
        assert isinstance(loaded, MoGLE)
        request = planes.float(), latents.float(), t.float()
        assert torch.equal(loaded(*request), mogle(*request))

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_half_precision(self, variant, dtype):
        mogle, (planes, latents, t) = mogle_of(variant), inputs_of()
        expected = mogle(planes, latents, t)
        condition = mogle.to(dtype)(planes.to(dtype), latents.to(dtype), t.float())
        assert condition.dtype == dtype
        torch.testing.assert_close(
            condition.double(), expected, atol=0.1 * expected.abs().max().item(), rtol=0
        )
