"""The baselines without mask tokens: budget, what they change and where."""

from typing import Any

import pytest
import torch
from torch import Tensor

from facemogle.models.injection import MaskInjection
from facemogle.models.mini import mini_injection, mini_mogle, mini_transformer

ROWS, COLUMNS, TEXT = 3, 2, 32
N = ROWS * COLUMNS


def tiny(kind, *, trained: bool):
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "num_layers": 1,
        "num_single_layers": 2,
        "heads": 2,
        "head_width": 16,
    }
    transformer = mini_transformer(**sizes, text_width=TEXT).eval()
    injection = mini_injection(kind, transformer)
    if trained:
        for parameter in injection.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
    return transformer, injection


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


LATENTS, PLANES = normal(2, N, 64, seed=1), normal(2, 20, N, 64, seed=2)
T = torch.tensor([0.2, 0.9])


def context_of(transformer):
    text, pooled = normal(2, 5, TEXT, seed=3), normal(2, TEXT, seed=4)
    return transformer.prepare(text, pooled, None, rows=ROWS, columns=COLUMNS, mask=False)


@pytest.mark.parametrize("kind", ["concat", "spade"])
class TestInjection:
    def test_untrained_it_changes_nothing_and_trained_it_does(self, kind):
        for trained in (False, True):
            transformer, injection = tiny(kind, trained=trained)
            context = context_of(transformer)
            with torch.no_grad():
                plain = transformer(LATENTS, T, context)
                made = transformer(LATENTS, T, injection.inject(context, PLANES))
                without = transformer(LATENTS, T, injection.inject(context, PLANES).without_mask())
            assert torch.equal(without, plain)
            assert torch.allclose(made, plain, atol=1e-6) != trained

    def test_has_the_parameters_of_the_mixture(self, kind):
        budget = mini_mogle().num_parameters()
        count = mini_injection(kind, mini_transformer()).num_parameters()
        assert budget - 2 * 8192 < count <= budget

    def test_every_weight_learns(self, kind):
        transformer, injection = tiny(kind, trained=True)
        transformer(LATENTS, T, injection.inject(context_of(transformer), PLANES)).square().mean().backward()
        for name, parameter in injection.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name

    def test_saved_and_loaded(self, kind, tmp_path):
        transformer, injection = tiny(kind, trained=True)
        injection.save_pretrained(tmp_path)
        loaded = MaskInjection.from_pretrained(tmp_path)
        context = context_of(transformer)
        with torch.no_grad():
            made, again = (
                transformer(LATENTS, T, part.inject(context, PLANES)) for part in (injection, loaded)
            )
        assert torch.equal(made, again)

    def test_other_planes_are_refused(self, kind):
        transformer, injection = tiny(kind, trained=False)
        with pytest.raises(ValueError, match="got 7 planes, this injection takes 20"):
            injection.inject(context_of(transformer), PLANES[:, :7])

    def test_a_budget_may_be_too_small(self, kind):
        sizes = {"channels": 64, "model_width": 32, "num_layers": 1, "num_single_layers": 2}
        with pytest.raises(ValueError, match=r"parameters is 100, must be at least \d+"):
            MaskInjection.for_transformer(kind, **sizes, parameters=100)


def test_spade_scales_and_shifts_each_image_token_where_its_planes_say():
    transformer, injection = tiny("spade", trained=True)
    context = injection.inject(context_of(transformer), PLANES)
    assert context.image_modulation is not None
    added = context.image_modulation["transformer_blocks.0.norm1.linear"]
    assert added.shape == (2, N, 6 * 32)
    assert not added[..., 2 * 32 : 3 * 32].any()  # the gates stay FLUX's
    assert not added[..., 5 * 32 :].any()
    other = PLANES.clone()
    other[0, :, 4] += 1
    moved = injection.inject(context_of(transformer), other).image_modulation
    assert moved is not None
    changed = (
        moved["single_transformer_blocks.1.norm.linear"]
        - context.image_modulation["single_transformer_blocks.1.norm.linear"]
    ).abs().amax(-1) > 0
    assert changed.nonzero().tolist() == [[0, 4]]


def test_other_kinds_are_refused():
    with pytest.raises(ValueError, match="kind is 'add', must be one of concat, spade"):
        MaskInjection("add")  # pyright: ignore[reportArgumentType]
