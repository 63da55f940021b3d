"""What the blocks of the transformer are made of: a request's context, modulation by runs, joint attention.

Source: Zou et al. 2025, arXiv:2509.00428, section 4. Shapes: B batch, N image tokens, M mask tokens, T all
tokens, D width, G runs of equally many tokens that are modulated alike, H heads, W = 2P width of a head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

KeysAndValues: TypeAlias = tuple[Tensor, Tensor]
MaskMemory: TypeAlias = tuple[KeysAndValues, ...]
"""Keys and values of the mask tokens in every block, where the mask attends to itself alone."""


@dataclass(frozen=True)
class RequestContext:
    """All that a request feeds the transformer and that no step changes.

    image_addend_BND, image_modulation: a mask without tokens of its own, see `models.injection`; added to
    the embedded image tokens, and by layer to their modulation.
    """

    text_BLD: Tensor
    pooled_BP: Tensor
    guidance_B: Tensor | None
    rotary_T1P2: Tensor
    num_mask_tokens: int = 0
    mask_modulation: dict[str, Tensor] | None = None
    attention_bias: Tensor | None = None
    image_addend_BND: Tensor | None = None
    image_modulation: dict[str, Tensor] | None = None

    def of_rows(self, row_K: Tensor) -> RequestContext:
        """The same for some rows of the request."""

        def of(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: of(part) for name, part in value.items()}
            return value if value is None else value[row_K]

        shared = ("rotary_T1P2", "num_mask_tokens")
        own = (field.name for field in fields(self) if field.name not in shared)
        return replace(self, **{name: of(getattr(self, name)) for name in own})

    def without_mask(self) -> RequestContext:
        """The same request with the mask stream left out."""
        rotary_T1P2 = self.rotary_T1P2[: len(self.rotary_T1P2) - self.num_mask_tokens]
        return replace(
            self,
            rotary_T1P2=rotary_T1P2,
            num_mask_tokens=0,
            mask_modulation=None,
            attention_bias=None,
            image_addend_BND=None,
            image_modulation=None,
        )

    def mask_alone(self) -> RequestContext:
        """The mask tokens of the same request, by themselves."""
        rotary_T1P2 = self.rotary_T1P2[len(self.rotary_T1P2) - self.num_mask_tokens :]
        return replace(self, rotary_T1P2=rotary_T1P2, attention_bias=None)

    def remembering(self) -> RequestContext:
        """The other tokens of the same request, which attend to the mask tokens' keys and values."""
        return replace(self.without_mask(), attention_bias=self.attention_bias)


@dataclass(frozen=True)
class Moment:
    """What a time means to a request's rows: its embedding, and by layer what modulates text and image."""

    temb_BD: Tensor
    modulation: dict[str, Tensor]

    def split(self, rows: int) -> list[Moment]:
        """Moments of so many rows each."""
        parts = {path: made.split(rows) for path, made in self.modulation.items()}
        return [
            Moment(temb_BD, {path: made[i] for path, made in parts.items()})
            for i, temb_BD in enumerate(self.temb_BD.split(rows))
        ]


def modulation(path: str, moment: Moment, context: RequestContext, num_tokens: int) -> tuple[Tensor, ...]:
    """Shifts, scales and gates, B x G x 1 x D: with t, but with time 0 for the tokens of the mask."""
    num_mask = context.num_mask_tokens
    parts = [moment.modulation[path][:, None]] if num_tokens > num_mask else []
    if context.mask_modulation is not None:
        parts.append(context.mask_modulation[path][:, None])
    if len(parts) > 1:
        # The longest runs that end where the mask's tokens begin: spread over runs, nothing is copied.
        run = math.gcd(num_tokens, num_mask)
        runs = (num_tokens - num_mask) // run, num_mask // run
        parts = [part.expand(-1, count, -1) for part, count in zip(parts, runs, strict=True)]
    made = torch.cat(parts, dim=1)
    if context.image_modulation is not None:
        added_BND = context.image_modulation[path]
        made = made + pad(added_BND, (0, 0, num_tokens - added_BND.shape[1], 0))
    return made[:, :, None].split(moment.temb_BD.shape[-1], dim=-1)


def modulated(normed_BTD: Tensor, shift_BG1D: Tensor, scale_BG1D: Tensor) -> Tensor:
    """normed (1 + scale) + shift, in the precision of the layer that made these, which the next ones want."""
    runs = normed_BTD.unflatten(1, (shift_BG1D.shape[1], -1))
    return torch.addcmul(shift_BG1D, runs, 1 + scale_BG1D).flatten(1, 2).to(shift_BG1D.dtype)


def added(tokens_BTD: Tensor, gate_BG1D: Tensor, made_BTD: Tensor) -> Tensor:
    """tokens + gate made."""
    tokens, made = (x.unflatten(1, (gate_BG1D.shape[1], -1)) for x in (tokens_BTD, made_BTD))
    return torch.addcmul(tokens, gate_BG1D, made).flatten(1, 2)


def of_tokens(part_BG1D: Tensor, tokens: slice, num_tokens: int) -> Tensor:
    """Of something by runs of equally many tokens that of some tokens, which are whole runs."""
    num_runs = part_BG1D.shape[1]
    if num_runs == 1:
        return part_BG1D
    run = num_tokens // num_runs
    return part_BG1D[:, tokens.start // run : tokens.stop // run]


def normed(norm: nn.Module, x_BTHW: Tensor) -> Tensor:
    """Heads under their norm, in the precision of its weight: it is slow, and warns, where the two differ."""
    return norm(x_BTHW.to(cast(Tensor, norm.weight).dtype))


def rotated(x_BTHW: Tensor, rotary_T1P2: Tensor) -> Tensor:
    """Every two neighbouring features turned by their angle; in float32 at least, as in FLUX."""
    exact = x_BTHW.to(torch.promote_types(x_BTHW.dtype, torch.float32)).unflatten(-1, (-1, 2))
    if torch.compiler.is_compiling():  # real numbers are fused, complex ones are not
        (first, second), (cos, sin) = exact.unbind(-1), rotary_T1P2.unbind(-1)
        turned = torch.stack([first * cos - second * sin, first * sin + second * cos], dim=-1)
    else:  # one product, which takes an eighth of the time
        turned = torch.view_as_real(torch.view_as_complex(exact) * torch.view_as_complex(rotary_T1P2))
    return turned.flatten(-2)


def attention(
    heads: list[Tensor],
    context: RequestContext,
    memory: KeysAndValues | None = None,
    asking: slice | None = None,
) -> tuple[Tensor, KeysAndValues]:
    """Joint attention of all streams, B x T x D, and the keys and values of these tokens, B x T x H x W.

    heads: q, k and v, B x T x H x W. memory: keys and values of more tokens, which ask nothing themselves.
    asking: the tokens that q is of, by default all; the result is for them.
    """
    q, k, v = heads
    rotary, bias = context.rotary_T1P2, context.attention_bias
    k = rotated(k, rotary).to(v.dtype)
    if asking is not None:
        rotary, bias = rotary[asking], None if bias is None else bias[:, :, asking]
    q = rotated(q, rotary).to(v.dtype)
    own = k, v
    if memory is not None:
        k, v = (torch.cat(pair, dim=1) for pair in zip(own, memory, strict=True))
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if v.requires_grad and v.device.type == "cpu" and v.dtype == torch.bfloat16:
        out = _attention_by_products(q, k, v, bias)
    else:
        out = scaled_dot_product_attention(q, k, v, attn_mask=bias)
    return out.transpose(1, 2).flatten(2), own


def _attention_by_products(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """What PyTorch's attention computes, in a third of its time: on CPUs it is slow to train in bfloat16."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return (scores if bias is None else scores + bias).softmax(dim=-1) @ v


def attention_bias(log_weight_BM: Tensor, *, num_other: int) -> Tensor:
    """B x 1 x T x T: the log weight of a mask token between it and every text or image token, both ways."""
    B, M = log_weight_BM.shape
    bias = log_weight_BM.new_zeros(B, 1, num_other + M, num_other + M)
    bias[:, 0, :num_other, num_other:] = log_weight_BM[:, None, :]
    bias[:, 0, num_other:, :num_other] = log_weight_BM[:, :, None]
    return bias


def kept(own: KeysAndValues, context: RequestContext) -> KeysAndValues | None:
    """Of a pass of mask tokens alone, their keys and values."""
    return own if context.num_mask_tokens == len(context.rotary_T1P2) else None
