"""FLUX with a mask stream, written from the equations: what the faster form is timed and checked against.

Zou et al. 2025, arXiv:2509.00428, section 4, as it reads: text, image and mask tokens go through the same
weights one stream after another and meet in one attention; adapters are computed for the streams they do not
belong to as well and multiplied by zero; everything but the captions is made anew in every step.
Shapes: B batch, T tokens of a stream, D width, H heads, W width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention, silu

from facemogle.core.latents import position_ids
from facemogle.models.dit import FaceMoGLETransformer

Streams = dict[str, Tensor]  # "text", "image" and, with a mask, "mask", in the order of attention


class PlainTransformer:
    """Velocities by the weights of a FaceMoGLETransformer whose streams attend to one another."""

    def __init__(self, transformer: FaceMoGLETransformer):
        self.flux: Any = transformer

    def __call__(
        self,
        latents_BNC: Tensor,
        t_B: Tensor,
        prompt_BLX: Tensor,
        pooled_BP: Tensor,
        guidance_B: Tensor | None,
        condition_BNC: Tensor | None,
        *,
        rows: int,
        columns: int,
    ) -> Tensor:
        """Velocity B x N x C at t in [0, 1]."""
        streams = {"text": self.flux.context_embedder(prompt_BLX)}
        streams["image"] = self._adapted("x_embedder", latents_BNC, "image")
        ids = position_ids(rows, columns)
        all_ids = [ids.new_zeros(prompt_BLX.shape[1], 3), ids]
        temb = self._time(t_B, pooled_BP, guidance_B)
        emb = {"text": silu(temb), "image": silu(temb)}
        if condition_BNC is not None:
            streams["mask"] = self._adapted("x_embedder", condition_BNC, "mask")
            all_ids.append(ids)
            emb["mask"] = silu(self._time(torch.zeros_like(t_B), pooled_BP, guidance_B))
        rotary = self.flux.pos_embed(torch.cat(all_ids))
        for i in range(len(self.flux.transformer_blocks)):
            streams = self._double_block(i, streams, emb, rotary)
        for i in range(len(self.flux.single_transformer_blocks)):
            streams = self._single_block(i, streams, emb, rotary)
        return self.flux.proj_out(self.flux.norm_out(streams["image"], temb))

    def _time(self, t_B: Tensor, pooled_BP: Tensor, guidance_B: Tensor | None) -> Tensor:
        told = [] if guidance_B is None else [guidance_B * 1000]
        return self.flux.time_text_embed(t_B * 1000, *told, pooled_BP)

    def _adapted(self, path: str, x: Tensor, stream: str) -> Tensor:
        y = self.flux.get_submodule(path)(x)
        if self.flux.mask_adapters is not None:
            y = y + (1.0 if stream == "mask" else 0.0) * self.flux.mask_adapters(path, x)
        return y

    def _attention(self, heads: dict[str, list[Tensor]], rotary: tuple[Tensor, Tensor]) -> Streams:
        q, k, v = (torch.cat(parts, dim=1) for parts in zip(*heads.values(), strict=True))
        q, k, v = (x.transpose(1, 2) for x in (rotated(q, *rotary), rotated(k, *rotary), v))
        attended = scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        sizes = [of_stream[0].shape[1] for of_stream in heads.values()]
        return dict(zip(heads, attended.split(sizes, dim=1), strict=True))

    def _heads(self, path: str, x_BTD: Tensor, stream: str) -> list[Tensor]:
        attn = self.flux.get_submodule(f"{path}.attn")
        q, k, v = (
            self._adapted(f"{path}.attn.{name}", x_BTD, stream).unflatten(-1, (attn.heads, -1))
            for name in ("to_q", "to_k", "to_v")
        )
        return [attn.norm_q(q), attn.norm_k(k), v]

    def _text_heads(self, path: str, x_BLD: Tensor) -> list[Tensor]:
        attn = self.flux.get_submodule(f"{path}.attn")
        q, k, v = (
            getattr(attn, name)(x_BLD).unflatten(-1, (attn.heads, -1))
            for name in ("add_q_proj", "add_k_proj", "add_v_proj")
        )
        return [attn.norm_added_q(q), attn.norm_added_k(k), v]

    def _double_block(
        self, index: int, streams: Streams, emb: Streams, rotary: tuple[Tensor, Tensor]
    ) -> Streams:
        path, block = f"transformer_blocks.{index}", self.flux.transformer_blocks[index]
        modulation, heads = {}, {}
        for stream, x in streams.items():
            if stream == "text":
                made = block.norm1_context.linear(emb[stream])
                normed = block.norm1_context.norm(x)
            else:
                made = self._adapted(f"{path}.norm1.linear", emb[stream], stream)
                normed = block.norm1.norm(x)
            modulation[stream] = shift, scale, *_ = made[:, None].chunk(6, dim=-1)
            normed = normed * (1 + scale) + shift
            heads[stream] = (
                self._text_heads(path, normed) if stream == "text" else self._heads(path, normed, stream)
            )
        attended, after = self._attention(heads, rotary), {}
        for stream, x in streams.items():
            _, _, gate, mlp_shift, mlp_scale, mlp_gate = modulation[stream]
            if stream == "text":
                x = x + gate * block.attn.to_add_out(attended[stream])
                normed = block.norm2_context(x) * (1 + mlp_scale) + mlp_shift
                after[stream] = x + mlp_gate * block.ff_context(normed)
            else:
                x = x + gate * self._adapted(f"{path}.attn.to_out.0", attended[stream], stream)
                normed = block.norm2(x) * (1 + mlp_scale) + mlp_shift
                hidden = block.ff.net[0](normed)
                after[stream] = x + mlp_gate * self._adapted(f"{path}.ff.net.2", hidden, stream)
        return after

    def _single_block(
        self, index: int, streams: Streams, emb: Streams, rotary: tuple[Tensor, Tensor]
    ) -> Streams:
        path, block = f"single_transformer_blocks.{index}", self.flux.single_transformer_blocks[index]
        gates, hidden, heads = {}, {}, {}
        for stream, x in streams.items():
            made = self._adapted(f"{path}.norm.linear", emb[stream], stream)
            shift, scale, gates[stream] = made[:, None].chunk(3, dim=-1)
            normed = block.norm.norm(x) * (1 + scale) + shift
            hidden[stream] = block.act_mlp(self._adapted(f"{path}.proj_mlp", normed, stream))
            heads[stream] = self._heads(path, normed, stream)
        attended = self._attention(heads, rotary)
        return {
            stream: x
            + gates[stream]
            * self._adapted(f"{path}.proj_out", torch.cat([attended[stream], hidden[stream]], dim=-1), stream)
            for stream, x in streams.items()
        }


def rotated(x_BTHW: Tensor, cos_TW: Tensor, sin_TW: Tensor) -> Tensor:
    """x cos + (x turned by a right angle) sin, for every two neighbouring features."""
    first, second = x_BTHW.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([-second, first], dim=-1).flatten(-2)
    return x_BTHW * cos_TW[:, None] + turned * sin_TW[:, None]
