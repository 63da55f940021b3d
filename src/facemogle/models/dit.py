"""The diffusion transformer: FLUX with a third stream of mask tokens beside its text and image tokens.

Source: Zou et al. 2025, arXiv:2509.00428, section 4, on the blocks and weights of diffusers' FLUX.
Shapes: B batch, L caption tokens, N image tokens, M mask tokens (0 or N), T = L + N + M, C channels, D width,
G runs of equally many tokens that are modulated alike, H heads, W = 2P width of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal, cast, get_args

import torch
from diffusers import FluxTransformer2DModel, ModelMixin  # noqa: F401 - diffusers looks here for how to load us
from diffusers.configuration_utils import register_to_config
from diffusers.models.transformers.transformer_flux import (
    FluxAttention,
    FluxSingleTransformerBlock,
    FluxTransformerBlock,
)
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn
from torch.nn.functional import silu

from facemogle.core.latents import position_ids
from facemogle.models.lora import MaskAdapters
from facemogle.models.streams import (
    KeysAndValues,
    MaskMemory,
    Moment,
    RequestContext,
    added,
    attention,
    attention_bias,
    kept,
    modulated,
    modulation,
    normed,
    of_tokens,
)

MaskAttention = Literal["joint", "self"]
_DOUBLE_ADAPTED = ("norm1.linear", "attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "ff.net.2")
_SINGLE_ADAPTED = ("norm.linear", "attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp", "proj_out")


class FaceMoGLETransformer(FluxTransformer2DModel):
    """FLUX whose image-side weights also carry the tokens of a mask, with adapters for those tokens alone.

    Mask tokens share the position ids of their image tokens, are modulated with time 0, and pass through
    every layer in the same matrix product as the image tokens. Without a mask and adapters this is FLUX
    itself. `mask_lora_rank` 0 means no adapters.

    mask_attention: "joint", all streams attend to each other, as in the paper; "self", mask tokens attend to
    mask tokens alone, so that they cost nothing in steps that keep their keys and values (`remember`).
    """

    @register_to_config
    def __init__(
        self,
        patch_size: int = 1,
        in_channels: int = 64,
        out_channels: int | None = None,
        num_layers: int = 19,
        num_single_layers: int = 38,
        attention_head_dim: int = 128,
        num_attention_heads: int = 24,
        joint_attention_dim: int = 4096,
        pooled_projection_dim: int = 768,
        guidance_embeds: bool = False,
        axes_dims_rope: tuple[int, int, int] = (16, 56, 56),
        mask_lora_rank: int = 0,
        mask_attention: MaskAttention = "joint",
    ):
        super().__init__(
            patch_size=patch_size,
            in_channels=in_channels,
            out_channels=out_channels,
            num_layers=num_layers,
            num_single_layers=num_single_layers,
            attention_head_dim=attention_head_dim,
            num_attention_heads=num_attention_heads,
            joint_attention_dim=joint_attention_dim,
            pooled_projection_dim=pooled_projection_dim,
            guidance_embeds=guidance_embeds,
            axes_dims_rope=axes_dims_rope,
        )
        if mask_attention not in get_args(MaskAttention):
            raise ValueError(f"mask_attention is {mask_attention!r}, must be 'joint' or 'self'")
        self.mask_adapters: MaskAdapters | None = None
        if mask_lora_rank:
            self.add_mask_adapters(mask_lora_rank)

    def add_mask_adapters(self, rank: int) -> None:
        """Give the mask stream fresh adapters, which add nothing until trained or loaded."""
        self.mask_adapters = MaskAdapters(self.adapted_layers(), rank).to(self.device, self.dtype)
        self.register_to_config(mask_lora_rank=rank)

    def adapted_layers(self) -> Iterator[tuple[str, nn.Linear]]:
        """The layers that adapters go with, by their paths."""
        paths = ["x_embedder"]
        paths += [
            f"transformer_blocks.{i}.{p}"
            for i in range(len(self.transformer_blocks))
            for p in _DOUBLE_ADAPTED
        ]
        paths += [
            f"single_transformer_blocks.{i}.{p}"
            for i in range(len(self.single_transformer_blocks))
            for p in _SINGLE_ADAPTED
        ]
        for path in paths:
            yield path, cast(nn.Linear, self.get_submodule(path))

    # -- once per request ------------------------------------------------------------------------------------

    @apply_forward_hook  # an offloaded transformer comes to the device for this, not for `forward` alone
    def prepare(
        self,
        prompt_BLX: Tensor,
        pooled_BP: Tensor,
        guidance_B: Tensor | None,
        *,
        rows: int,
        columns: int,
        mask: bool,
        mask_weight_BN: Tensor | None = None,
    ) -> RequestContext:
        """Do the time-free work: caption tokens, rotary tables, modulation of mask tokens, attention bias.

        mask_weight_BN >= 0 scales how strongly each mask token and all other tokens attend to one another;
        its logarithm is added to their attention scores, both ways. 0 cuts a token off.
        """
        ids = position_ids(rows, columns).to(prompt_BLX.device)
        text_ids = ids.new_zeros(prompt_BLX.shape[1], 3)
        cos_TW, sin_TW = self.pos_embed(torch.cat([text_ids, ids, ids] if mask else [text_ids, ids]))
        # FLUX's tables hold every angle twice, once for each feature of the pair that it turns.
        rotary_T1P2 = torch.stack([cos_TW[:, None, ::2], sin_TW[:, None, ::2]], dim=-1)
        context = RequestContext(self.context_embedder(prompt_BLX), pooled_BP, guidance_B, rotary_T1P2)
        if not mask:
            return context
        emb_BD = silu(self._time_embedding(torch.zeros_like(pooled_BP[:, 0]), context))
        made = {
            path: self.get_submodule(path)(emb_BD) + self._adapter(path, emb_BD)
            for path in self._modulating_layers()
            if "context" not in path
        }
        bias = None
        if mask_weight_BN is not None:
            num_other = text_ids.shape[0] + len(ids)
            bias = attention_bias(mask_weight_BN.log(), num_other=num_other)
            if self.config["mask_attention"] == "self":
                bias = bias[:, :, :num_other]
        return replace(context, num_mask_tokens=len(ids), mask_modulation=made, attention_bias=bias)

    @apply_forward_hook
    def moments(self, t_S: Tensor, context: RequestContext) -> list[Moment]:
        """What each of several times in [0, 1] means to a request, for `forward` in place of the time.

        A layer reads its weights once for all of them: with few rows, that is what takes the time.
        """
        times, rows = len(t_S), len(context.pooled_BP)
        told = None if context.guidance_B is None else context.guidance_B.repeat(times)
        spread = replace(context, pooled_BP=context.pooled_BP.repeat(times, 1), guidance_B=told)
        return self._moment(t_S.repeat_interleave(rows), spread).split(rows)

    # -- every step ------------------------------------------------------------------------------------------

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - conditions come prepared, see above
        self,
        latents_BNC: Tensor,
        t_B: Tensor | Moment,
        context: RequestContext,
        condition_BNC: Tensor | None = None,
        memory: MaskMemory | None = None,
    ) -> Tensor:
        """Velocity B x N x C of packed latents at t in [0, 1]; condition_BNC are the mask tokens, if any.

        t_B: times, or what `moments` made of one.

        memory: what `remember` made of them, in their place. ValueError if condition tokens are given
        without, or missing with, a context prepared for a mask.
        """
        if (condition_BNC is None and memory is None) != (context.mask_modulation is None):
            raise ValueError("condition tokens and a context prepared with mask=True go together")
        if condition_BNC is not None and self.config["mask_attention"] == "self":
            memory, condition_BNC = self.remember(condition_BNC, context), None
        if memory is not None:
            context = context.remembering()
        num_mask, num_image = context.num_mask_tokens, latents_BNC.shape[1]
        x_BND = latents_BNC if condition_BNC is None else torch.cat([latents_BNC, condition_BNC], dim=1)
        x_BND = self._linear("x_embedder", x_BND, num_mask)
        if context.image_addend_BND is not None:
            x_BND = x_BND + context.image_addend_BND
        moment = t_B if isinstance(t_B, Moment) else self._moment(t_B, context)
        num_text = context.text_BLD.shape[1]
        image = slice(num_text, num_text + num_image)
        image_BND, _ = self._blocks(context.text_BLD, x_BND, moment, context, memory, asking=image)
        return self.proj_out(self.norm_out(image_BND, moment.temb_BD))

    @apply_forward_hook
    def remember(self, condition_BNC: Tensor, context: RequestContext) -> MaskMemory:
        """Keys and values of mask tokens that attend to themselves alone; ValueError if they do not."""
        if self.config["mask_attention"] != "self":
            raise ValueError("mask_attention is 'joint', must be 'self' for mask tokens to be remembered")
        # Only the mask's modulation is read, which the context has; no text takes part, but has its place.
        nothing_BD = context.text_BLD.new_zeros(len(context.text_BLD), self.inner_dim)
        of_text = {path: nothing_BD.repeat(1, 6) for path in self._modulating_layers() if "context" in path}
        moment = Moment(nothing_BD, of_text)
        x_BMD = self._linear("x_embedder", condition_BNC, context.num_mask_tokens)
        _, memory = self._blocks(context.text_BLD[:, :0], x_BMD, moment, context.mask_alone())
        return memory

    def _blocks(
        self,
        text_BLD: Tensor,
        x_BND: Tensor,
        moment: Moment,
        context: RequestContext,
        memory: MaskMemory | None = None,
        asking: slice | None = None,
    ) -> tuple[Tensor, MaskMemory]:
        """All tokens after the last block, and of every block the keys and values of its image-side tokens.

        The latter only of a pass of mask tokens alone: kept, they would undo gradient checkpointing. asking:
        which tokens are wanted; the last block then makes nothing of the others but keys and values.
        """
        made, num_double, num_single = [], len(self.transformer_blocks), len(self.single_transformer_blocks)
        for i in range(num_double):
            more = None if memory is None else memory[i]
            text_BLD, x_BND, own = self._run(self._double_block, i, text_BLD, x_BND, moment, context, more)
            made.append(own)
        tokens_BTD = torch.cat([text_BLD, x_BND], dim=1)
        for i in range(num_single):
            more = None if memory is None else memory[num_double + i]
            wanted = asking if i == num_single - 1 else None
            tokens_BTD, own = self._run(self._single_block, i, tokens_BTD, moment, context, more, wanted)
            made.append(own)
        if asking is not None and not num_single:
            tokens_BTD = tokens_BTD[:, asking]
        return tokens_BTD, tuple(made)

    def _modulating_layers(self) -> Iterator[str]:
        for i in range(len(self.transformer_blocks)):
            yield f"transformer_blocks.{i}.norm1.linear"
            yield f"transformer_blocks.{i}.norm1_context.linear"
        for i in range(len(self.single_transformer_blocks)):
            yield f"single_transformer_blocks.{i}.norm.linear"

    def _moment(self, t_B: Tensor, context: RequestContext) -> Moment:
        temb_BD = self._time_embedding(t_B, context)
        emb_BD = silu(temb_BD)
        return Moment(temb_BD, {path: self.get_submodule(path)(emb_BD) for path in self._modulating_layers()})

    def _time_embedding(self, t_B: Tensor, context: RequestContext) -> Tensor:
        # The one place that counts time in 0..1000, as FLUX's embeddings expect it.
        pooled = context.pooled_BP
        times = [t_B.to(pooled.dtype) * 1000]
        if context.guidance_B is not None:
            times.append(context.guidance_B.to(pooled.dtype) * 1000)
        return self.time_text_embed(*times, pooled)

    def _run(self, block: Callable[..., Any], *args: Any) -> Any:
        if torch.is_grad_enabled() and self.gradient_checkpointing:
            return cast(Callable[..., Any], self._gradient_checkpointing_func)(block, *args)
        return block(*args)

    def _adapter(self, path: str, x: Tensor) -> Tensor | float:
        return 0.0 if self.mask_adapters is None else self.mask_adapters(path, x)

    def _linear(self, path: str, x_BTD: Tensor, num_mask: int) -> Tensor:
        """A layer on all tokens in one product; its adapter, if any, on the last num_mask tokens."""
        y_BTD = self.get_submodule(path)(x_BTD)
        if num_mask and self.mask_adapters is not None:
            y_BTD[:, -num_mask:] += self._adapter(path, x_BTD[:, -num_mask:])
        return y_BTD

    def _heads(
        self, block_path: str, x_BTD: Tensor, num_mask: int, asking_BAD: Tensor | None = None
    ) -> list[Tensor]:
        """q of the tokens that ask, none of them a mask's, or of all, and k and v of all."""
        attn = cast(FluxAttention, self.get_submodule(f"{block_path}.attn"))
        q = (x_BTD, num_mask) if asking_BAD is None else (asking_BAD, 0)
        sources = {"to_q": q, "to_k": (x_BTD, num_mask), "to_v": (x_BTD, num_mask)}
        q, k, v = (
            self._linear(f"{block_path}.attn.{name}", *source).unflatten(-1, (attn.heads, -1))
            for name, source in sources.items()
        )
        return [normed(attn.norm_q, q), normed(attn.norm_k, k), v]

    def _double_block(
        self,
        index: int,
        text_BLD: Tensor,
        x_BND: Tensor,
        moment: Moment,
        context: RequestContext,
        memory: KeysAndValues | None,
    ) -> tuple[Tensor, Tensor, KeysAndValues | None]:
        path, num_mask = f"transformer_blocks.{index}", context.num_mask_tokens
        block = cast(FluxTransformerBlock, self.transformer_blocks[index])
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = modulation(
            f"{path}.norm1.linear", moment, context, x_BND.shape[1]
        )
        text_modulation = moment.modulation[f"{path}.norm1_context.linear"][:, None, None]
        t_shift, t_scale, t_gate, t_mlp_shift, t_mlp_scale, t_mlp_gate = text_modulation.chunk(6, dim=-1)

        attn, text_norm = block.attn, modulated(block.norm1_context.norm(text_BLD), t_shift, t_scale)
        heads = self._heads(path, modulated(block.norm1.norm(x_BND), shift, scale), num_mask)
        text_q, text_k, text_v = (
            project(text_norm).unflatten(-1, (attn.heads, -1))
            for project in (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
        )
        text_heads = [normed(attn.norm_added_q, text_q), normed(attn.norm_added_k, text_k), text_v]
        joint = [torch.cat(pair, dim=1) for pair in zip(text_heads, heads, strict=True)]
        attended, own = attention(joint, context, memory)
        text_attended, attended = attended[:, : text_BLD.shape[1]], attended[:, text_BLD.shape[1] :]

        x_BND = added(x_BND, gate, self._linear(f"{path}.attn.to_out.0", attended, num_mask))
        hidden = block.ff.net[0](modulated(block.norm2(x_BND), mlp_shift, mlp_scale))
        x_BND = added(x_BND, mlp_gate, self._linear(f"{path}.ff.net.2", hidden, num_mask))

        text_BLD = added(text_BLD, t_gate, attn.to_add_out(text_attended))
        text_hidden = modulated(block.norm2_context(text_BLD), t_mlp_shift, t_mlp_scale)
        text_BLD = added(text_BLD, t_mlp_gate, block.ff_context(text_hidden))
        return text_BLD, x_BND, kept(own, context)

    def _single_block(
        self,
        index: int,
        tokens_BTD: Tensor,
        moment: Moment,
        context: RequestContext,
        memory: KeysAndValues | None,
        asking: slice | None,
    ) -> tuple[Tensor, KeysAndValues | None]:
        path, num_mask = f"single_transformer_blocks.{index}", context.num_mask_tokens
        block = cast(FluxSingleTransformerBlock, self.single_transformer_blocks[index])
        num_tokens = tokens_BTD.shape[1]
        shift, scale, gate = modulation(f"{path}.norm.linear", moment, context, num_tokens)
        normed_BTD = modulated(block.norm.norm(tokens_BTD), shift, scale)
        asking_BAD = None if asking is None else normed_BTD[:, asking]
        attended, own = attention(
            self._heads(path, normed_BTD, num_mask, asking_BAD), context, memory, asking
        )
        if asking is not None:
            tokens_BTD, normed_BTD, num_mask = tokens_BTD[:, asking], normed_BTD[:, asking], 0
            gate = of_tokens(gate, asking, num_tokens)
        hidden = block.act_mlp(self._linear(f"{path}.proj_mlp", normed_BTD, num_mask))
        made = self._linear(f"{path}.proj_out", torch.cat([attended, hidden], dim=-1), num_mask)
        return added(tokens_BTD, gate, made), kept(own, context)
