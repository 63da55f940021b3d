"""The transformer against diffusers' FLUX and against the method written out slowly, stream by stream.

Shapes as in `models/dit.py`. Everything runs in float64; time and rotary tables are float32 in FLUX itself.
"""

import math
from itertools import product
from typing import Any, TypeVar

import pytest
import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.embeddings import apply_rotary_emb, get_timestep_embedding
from torch import Tensor
from torch.nn.functional import gelu, scaled_dot_product_attention, silu

from facemogle.core.latents import position_ids
from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.streams import RequestContext, _attention_by_products
from facemogle.models.streams import rotated as turned

B, L, ROWS, COLUMNS, D, HEADS = 2, 5, 3, 2, 32, 2
N = ROWS * COLUMNS
AXES = (4, 6, 6)
SIZES: dict[str, Any] = {
    "num_layers": 2,
    "num_single_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": HEADS,
    "joint_attention_dim": 12,
    "pooled_projection_dim": 10,
    "axes_dims_rope": AXES,
}


Model = TypeVar("Model", bound=torch.nn.Module)


def randomised(model: Model) -> Model:
    """Random numbers in every parameter, in norms, biases and the halves of adapters too."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.double().parameters():
            spread = 0.3 if parameter.ndim == 1 else parameter.shape[1] ** -0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * spread)
    return model.eval()


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LATENTS, CONDITION = normal(B, N, 64, seed=1), normal(B, N, 64, seed=2)
PROMPT, POOLED = normal(B, L, 12, seed=3), normal(B, 10, seed=4)
T = torch.tensor([0.3, 0.9], dtype=torch.float64)
GUIDANCE = torch.tensor([1.0, 3.5], dtype=torch.float64)
MASK_WEIGHT = torch.tensor([[1.0, 0.5, 0.0, 2.0, 1.0, 0.1], [0.0, 0.0, 3.0, 1.0, 0.2, 1.0]]).double()


def prepared(
    model: FaceMoGLETransformer, *, mask: bool = True, weight: Tensor | None = None
) -> RequestContext:
    guidance = GUIDANCE if model.config["guidance_embeds"] else None
    return model.prepare(
        PROMPT, POOLED, guidance, rows=ROWS, columns=COLUMNS, mask=mask, mask_weight_BN=weight
    )


@pytest.fixture(params=[False, True], ids=["unguided", "guided"])
def guided(request) -> bool:
    return request.param


@pytest.fixture
def model(guided) -> FaceMoGLETransformer:
    return randomised(FaceMoGLETransformer(**SIZES, guidance_embeds=guided, mask_lora_rank=3))


class Slow:
    """One image at a time, three streams apart, a loop over queries, adapters multiplied into the weights."""

    def __init__(self, model: FaceMoGLETransformer):
        self.state, self.model = model.state_dict(), model
        self.alone = model.config["mask_attention"] == "self"

    def linear(self, path: str, x: Tensor, stream: str = "image") -> Tensor:
        weight, key = self.state[f"{path}.weight"], path.replace(".", "/")
        if stream == "mask" and f"mask_adapters.up.{key}.weight" in self.state:
            up, down = (self.state[f"mask_adapters.{half}.{key}.weight"] for half in ("up", "down"))
            weight = weight + up @ down
        bias = self.state.get(f"{path}.bias")
        return x @ weight.T + (0 if bias is None else bias)

    def embedded(self, path: str, x: Tensor) -> Tensor:
        path = f"time_text_embed.{path}"
        return self.linear(f"{path}.linear_2", silu(self.linear(f"{path}.linear_1", x)))

    def time(self, t: Tensor, guidance: Tensor | None, pooled: Tensor) -> Tensor:
        def sinusoid(value: Tensor) -> Tensor:
            kind = {"flip_sin_to_cos": True, "downscale_freq_shift": 0}
            return get_timestep_embedding(value[None] * 1000, 256, **kind)[0].double()

        emb = self.embedded("timestep_embedder", sinusoid(t)) + self.embedded("text_embedder", pooled)
        return emb if guidance is None else emb + self.embedded("guidance_embedder", sinusoid(guidance))

    def heads(self, x: Tensor, paths: list[str], norms: list[str], ids: Tensor, stream: str) -> list[Tensor]:
        q, k, v = (self.linear(path, x, stream).view(len(x), HEADS, -1) for path in paths)
        q, k = (
            part / (part.square().mean(-1, keepdim=True) + 1e-6).sqrt() * self.state[f"{norm}.weight"]
            for part, norm in zip((q, k), norms, strict=True)
        )
        return [rotated(q, ids), rotated(k, ids), v]

    def double(
        self, i: int, streams: dict[str, Tensor], emb: dict[str, Tensor], ids, bias
    ) -> dict[str, Tensor]:
        block = f"transformer_blocks.{i}"
        names = {"norm": "norm1", "q": "to_q", "k": "to_k", "v": "to_v", "nq": "norm_q", "nk": "norm_k"}
        names |= {"out": "to_out.0", "ff": "ff"}
        text_names = {"norm": "norm1_context", "q": "add_q_proj", "k": "add_k_proj", "v": "add_v_proj"}
        text_names |= {"nq": "norm_added_q", "nk": "norm_added_k", "out": "to_add_out", "ff": "ff_context"}
        modulation, heads = {}, {}
        for stream, x in streams.items():
            own = text_names if stream == "text" else names
            modulated = self.linear(f"{block}.{own['norm']}.linear", silu(emb[stream]), stream)
            modulation[stream] = shift, scale, *_ = modulated.chunk(6)
            paths = [f"{block}.attn.{own[part]}" for part in ("q", "k", "v")]
            norms = [f"{block}.attn.{own[part]}" for part in ("nq", "nk")]
            heads[stream] = self.heads(norm(x) * (1 + scale) + shift, paths, norms, ids[stream], stream)
        attended, result = attention(heads, bias, alone=self.alone), {}
        for stream, x in streams.items():
            own = text_names if stream == "text" else names
            _, _, gate, shift, scale, mlp_gate = modulation[stream]
            x = x + gate * self.linear(f"{block}.attn.{own['out']}", attended[stream], stream)
            hidden = self.linear(f"{block}.{own['ff']}.net.0.proj", norm(x) * (1 + scale) + shift)
            made = self.linear(f"{block}.{own['ff']}.net.2", gelu(hidden, approximate="tanh"), stream)
            result[stream] = x + mlp_gate * made
        return result

    def single(
        self, i: int, streams: dict[str, Tensor], emb: dict[str, Tensor], ids, bias
    ) -> dict[str, Tensor]:
        block, normed, gates, heads = f"single_transformer_blocks.{i}", {}, {}, {}
        for stream, x in streams.items():
            shift, scale, gates[stream] = self.linear(
                f"{block}.norm.linear", silu(emb[stream]), stream
            ).chunk(3)
            normed[stream] = norm(x) * (1 + scale) + shift
            paths = [f"{block}.attn.{name}" for name in ("to_q", "to_k", "to_v")]
            norms = [f"{block}.attn.{name}" for name in ("norm_q", "norm_k")]
            heads[stream] = self.heads(normed[stream], paths, norms, ids[stream], stream)
        attended, result = attention(heads, bias, alone=self.alone), {}
        for stream, x in streams.items():
            hidden = gelu(self.linear(f"{block}.proj_mlp", normed[stream], stream), approximate="tanh")
            made = self.linear(f"{block}.proj_out", torch.cat([attended[stream], hidden], -1), stream)
            result[stream] = x + gates[stream] * made
        return result

    def __call__(self, b: int, *, mask: bool, weight: Tensor | None = None) -> Tensor:
        guidance = GUIDANCE[b] if self.model.config["guidance_embeds"] else None
        with_t, at_zero = (self.time(t, guidance, POOLED[b]) for t in (T[b], torch.zeros_like(T[b])))
        emb = {"text": with_t, "image": with_t, "mask": at_zero}
        grid = position_ids(ROWS, COLUMNS).double()
        ids = {"text": torch.zeros(L, 3).double(), "image": grid, "mask": grid}
        streams = {
            "text": self.linear("context_embedder", PROMPT[b]),
            "image": self.linear("x_embedder", LATENTS[b]),
        }
        if mask:
            streams["mask"] = self.linear("x_embedder", CONDITION[b], "mask")
        for i in range(2):
            streams = self.double(i, streams, emb, ids, None if weight is None else weight[b])
        for i in range(2):
            streams = self.single(i, streams, emb, ids, None if weight is None else weight[b])
        scale, shift = self.linear("norm_out.linear", silu(with_t)).chunk(2)
        return self.linear("proj_out", norm(streams["image"]) * (1 + scale) + shift)


def norm(x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()


def rotated(x: Tensor, ids: Tensor) -> Tensor:
    """Pairs of neighbouring features turned by an angle; each axis of the ids has its share of the pairs."""
    out, start = x.clone(), 0
    for axis, width in enumerate(AXES):
        for pair in range(width // 2):
            angle = ids[:, axis, None] / 10000 ** (2 * pair / width)
            first, second = x[..., start + 2 * pair], x[..., start + 2 * pair + 1]
            out[..., start + 2 * pair] = first * angle.cos() - second * angle.sin()
            out[..., start + 2 * pair + 1] = second * angle.cos() + first * angle.sin()
        start += width
    return out


def attention(
    heads: dict[str, list[Tensor]], weight: Tensor | None, *, alone: bool = False
) -> dict[str, Tensor]:
    """Every query of every stream over the keys of all; the mask's weight as a factor on exp(score).

    alone: the mask's queries see the mask's keys only.
    """
    attended = {}
    for mine, (q, _, v) in heads.items():
        out = torch.zeros_like(v)
        for n, h in product(range(len(q)), range(HEADS)):
            factors, values = [], []
            for theirs, (_, k, other_v) in heads.items():
                if alone and mine == "mask" and theirs != "mask":
                    continue
                factor = (k[:, h] @ q[n, h] / math.sqrt(q.shape[-1])).exp()
                if weight is not None and (mine == "mask") != (theirs == "mask"):
                    factor = factor * (weight[n] if mine == "mask" else weight)
                factors.append(factor)
                values.append(other_v[:, h])
            shares = torch.cat(factors) / torch.cat(factors).sum()
            out[n, h] = shares @ torch.cat(values)
        attended[mine] = out.flatten(1)
    return attended


def close(ours: Tensor, expected: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(ours, expected, atol=atol, rtol=0)


@pytest.mark.parametrize("weight", [None, MASK_WEIGHT], ids=["plain", "weighted"])
def test_with_a_mask_equals_the_method_written_out(model, weight):
    with torch.no_grad():
        ours = model(LATENTS, T, prepared(model, weight=weight), CONDITION)
        slow = Slow(model)
        for b in range(B):
            close(ours[b], slow(b, mask=True, weight=weight))


@pytest.mark.parametrize("kinds", [{}, {"num_single_layers": 0}, {"num_layers": 0}])
def test_without_a_mask_equals_flux(guided, kinds):
    theirs = randomised(FluxTransformer2DModel(**SIZES | kinds, guidance_embeds=guided))
    ours = FaceMoGLETransformer(**SIZES | kinds, guidance_embeds=guided).double().eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    with torch.no_grad():
        expected = theirs(
            hidden_states=LATENTS,
            encoder_hidden_states=PROMPT,
            pooled_projections=POOLED,
            timestep=T,
            img_ids=position_ids(ROWS, COLUMNS),
            txt_ids=torch.zeros(L, 3),
            guidance=GUIDANCE if guided else None,
        ).sample
        close(ours(LATENTS, T, prepared(ours, mask=False)), expected, 1e-6)
        for b in range(0 if kinds else B):
            close(expected[b], Slow(ours)(b, mask=False))  # the slow one is right as well


class TestMoments:
    """Modulation of many steps made at once is that of each."""

    @pytest.mark.parametrize("mask", [False, True])
    def test_velocities_are_those_at_their_times(self, model, mask):
        times, context = torch.tensor([1.0, 0.35, 0.02], dtype=torch.float64), prepared(model, mask=mask)
        condition = CONDITION if mask else None
        with torch.no_grad():
            moments = model.moments(times, context)
            assert len(moments) == 3
            for t, moment in zip(times, moments, strict=True):
                close(
                    model(LATENTS, moment, context, condition),
                    model(LATENTS, t.expand(B), context, condition),
                )

    def test_each_layer_is_read_once(self, model):
        calls: list[int] = []
        layer = model.single_transformer_blocks[0].norm.linear
        layer.register_forward_hook(lambda module, inputs, _: calls.append(len(inputs[0])))
        with torch.no_grad():
            context = prepared(model, mask=False)
            for moment in model.moments(torch.linspace(1, 0, 4).double(), context):
                model(LATENTS, moment, context)
        assert calls == [4 * B]


class TestLastBlock:
    def test_makes_nothing_of_tokens_that_are_not_asked_for(self, model):
        made: list[int] = []
        last = model.single_transformer_blocks[-1]
        for layer in (last.proj_mlp, last.proj_out, last.attn.to_q):
            layer.register_forward_hook(lambda module, inputs, _: made.append(inputs[0].shape[1]))
        with torch.no_grad():
            model(LATENTS, T, prepared(model), CONDITION)
        assert made == [N] * 3


class TestMaskStream:
    def test_without_mask_forgets_it(self, model):
        with torch.no_grad():
            expected = model(LATENTS, T, prepared(model, mask=False))
            for weight in (None, MASK_WEIGHT):
                close(model(LATENTS, T, prepared(model, weight=weight).without_mask()), expected, 1e-12)
            close(model(LATENTS, T, prepared(model, mask=False).without_mask()), expected, 1e-12)

    def test_weight_zero_is_no_mask_and_weight_one_the_default(self, model):
        with torch.no_grad():
            cut = model(LATENTS, T, prepared(model, weight=torch.zeros(B, N).double()), CONDITION)
            close(cut, model(LATENTS, T, prepared(model, mask=False)), 1e-10)
            even = model(LATENTS, T, prepared(model, weight=torch.ones(B, N).double()), CONDITION)
            close(even, model(LATENTS, T, prepared(model), CONDITION), 1e-10)
            assert not torch.allclose(cut, even, atol=1e-3)

    def test_fresh_adapters_add_nothing_and_trained_ones_touch_the_mask_alone(self, model):
        bare = FaceMoGLETransformer(**SIZES, guidance_embeds=model.config["guidance_embeds"]).double().eval()
        bare.load_state_dict({k: v for k, v in model.state_dict().items() if "mask_adapters" not in k})
        with torch.no_grad():
            close(
                model(LATENTS, T, prepared(model, mask=False)),
                bare(LATENTS, T, prepared(bare, mask=False)),
                0,
            )
            expected = bare(LATENTS, T, prepared(bare), CONDITION)
            assert not torch.allclose(model(LATENTS, T, prepared(model), CONDITION), expected, atol=1e-3)
            bare.add_mask_adapters(2)
            close(bare(LATENTS, T, prepared(bare), CONDITION), expected, 0)

    def test_rows_do_not_see_each_other(self, model):
        with torch.no_grad():
            both = model(LATENTS, T, prepared(model), CONDITION)
            guidance = GUIDANCE[1:] if model.config["guidance_embeds"] else None
            context = model.prepare(PROMPT[1:], POOLED[1:], guidance, rows=ROWS, columns=COLUMNS, mask=True)
            close(both[1:], model(LATENTS[1:], T[1:], context, CONDITION[1:]), 1e-10)

    def test_condition_and_context_go_together(self, model):
        with pytest.raises(ValueError, match="go together"):
            model(LATENTS, T, prepared(model))
        with pytest.raises(ValueError, match="go together"):
            model(LATENTS, T, prepared(model, mask=False), CONDITION)


class TestMaskThatAttendsToItself:
    @pytest.fixture
    def alone(self, guided) -> FaceMoGLETransformer:
        settings: dict[str, Any] = {"guidance_embeds": guided, "mask_lora_rank": 3, "mask_attention": "self"}
        return randomised(FaceMoGLETransformer(**SIZES, **settings))

    @pytest.mark.parametrize("weight", [None, MASK_WEIGHT], ids=["plain", "weighted"])
    def test_equals_the_method_written_out(self, alone, weight):
        with torch.no_grad():
            ours = alone(LATENTS, T, prepared(alone, weight=weight), CONDITION)
            for b in range(B):
                close(ours[b], Slow(alone)(b, mask=True, weight=weight))

    def test_what_is_remembered_holds_at_other_times_and_latents(self, alone):
        with torch.no_grad():
            context = prepared(alone)
            memory = alone.remember(CONDITION, context)
            for latents, t in ((LATENTS, T), (LATENTS.flip(0), 1 - T)):
                expected = alone(latents, t, context, CONDITION)
                close(alone(latents, t, context, memory=memory), expected, 1e-12)

    def test_is_not_the_joint_one_which_cannot_be_remembered(self, alone, model):
        model.load_state_dict(alone.state_dict())
        with torch.no_grad():
            joint = model(LATENTS, T, prepared(model), CONDITION)
            assert not torch.allclose(alone(LATENTS, T, prepared(alone), CONDITION), joint, atol=1e-3)
        with pytest.raises(ValueError, match="mask_attention is 'joint', must be 'self'"):
            model.remember(CONDITION, prepared(model))

    def test_checkpointing_changes_no_gradient(self, alone):
        def gradients() -> dict[str, Tensor]:
            alone.zero_grad()
            alone(LATENTS, T, prepared(alone), CONDITION).square().mean().backward()
            return {n: p.grad.clone() for n, p in alone.named_parameters() if p.grad is not None}

        expected = gradients()
        assert any("mask_adapters" in name and gradient.any() for name, gradient in expected.items())
        alone.enable_gradient_checkpointing()
        for name, gradient in gradients().items():
            close(gradient, expected[name], 1e-12)

    def test_other_words_are_refused(self):
        with pytest.raises(ValueError, match="mask_attention is 'none', must be 'joint' or 'self'"):
            FaceMoGLETransformer(**SIZES, mask_attention="none")  # pyright: ignore[reportArgumentType]


def test_gradient_checkpointing_changes_no_gradient(model):
    def loss_and_gradients() -> tuple[Tensor, dict[str, Tensor]]:
        model.zero_grad()
        loss = (
            model(LATENTS, T, prepared(model, weight=MASK_WEIGHT.clamp(min=0.1)), CONDITION).square().mean()
        )
        loss.backward()
        return loss.detach(), {
            name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None
        }

    loss, gradients = loss_and_gradients()
    assert len(gradients) > 0.9 * len(list(model.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert any("mask_adapters" in name and gradient.any() for name, gradient in gradients.items())
    model.enable_gradient_checkpointing()
    again, recomputed = loss_and_gradients()
    close(again, loss, 1e-12)
    assert recomputed.keys() == gradients.keys()
    for name, gradient in gradients.items():
        close(recomputed[name], gradient, 1e-12)
    model.disable_gradient_checkpointing()


def test_saved_adapters_come_back(model, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = FaceMoGLETransformer.from_pretrained(tmp_path, dtype=torch.float64)
    assert isinstance(loaded, FaceMoGLETransformer)
    assert loaded.config["mask_lora_rank"] == 3
    with torch.no_grad():
        close(
            loaded(LATENTS, T, prepared(loaded), CONDITION),
            model(LATENTS, T, prepared(model), CONDITION),
            1e-12,
        )


def test_lower_precision_comes_close(model):
    def velocity(dtype: torch.dtype) -> Tensor:
        model.to(dtype)
        guidance = GUIDANCE.to(dtype) if model.config["guidance_embeds"] else None
        request = (PROMPT.to(dtype), POOLED.to(dtype), guidance)
        weight = MASK_WEIGHT.to(dtype)
        context = model.prepare(*request, rows=ROWS, columns=COLUMNS, mask=True, mask_weight_BN=weight)
        made = model(LATENTS.to(dtype), T.float(), context, CONDITION.to(dtype))
        assert made.dtype == dtype
        return made.double()

    with torch.no_grad():
        expected = velocity(torch.float64)
        close(velocity(torch.float32), expected, 1e-3)
        # FLUX counts time to 1000 in the model's precision, where bfloat16 has 300 and 302 but no 301.
        assert (velocity(torch.bfloat16) - expected).abs().mean() < 0.5 * expected.abs().mean()


class TestFasterForms:
    """What the transformer computes in a form of its own equals the plain form."""

    def test_rotation_by_complex_products_and_compiled_is_that_of_flux(self):
        x_BTHW, angle_TP = torch.randn(2, 7, 3, 16), torch.rand(7, 8) * 6
        rotary_T1P2 = torch.stack([angle_TP.cos(), angle_TP.sin()], dim=-1)[:, None]
        tables: Any = tuple(table.repeat_interleave(2, dim=1) for table in (angle_TP.cos(), angle_TP.sin()))
        expected = apply_rotary_emb(x_BTHW, tables, sequence_dim=1)
        compiled = torch.compile(turned, backend="eager", fullgraph=True)
        for rotate in (turned, compiled):
            torch.testing.assert_close(rotate(x_BTHW, rotary_T1P2), expected, atol=1e-6, rtol=0)

    @pytest.mark.parametrize("biased", [False, True])
    def test_attention_by_products_is_attention(self, biased):
        q, k, v = torch.randn(3, 2, 3, 7, 16).double()
        bias = torch.randn(2, 1, 7, 7).double() if biased else None
        expected = scaled_dot_product_attention(q, k, v, attn_mask=bias)
        torch.testing.assert_close(_attention_by_products(q, k, v, bias), expected, atol=1e-12, rtol=0)
