"""Mixture of global and local experts: condition tokens from the planes of a mask.

Source: Zou et al. 2025, arXiv:2509.00428, section 3. Shapes: B batch, R planes (0 the whole mask, then one
per region), N tokens, C channels, E expert width.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn
from torch.nn.functional import relu

Variant = Literal[
    "full",
    "global_only",
    "local_only",
    "static_gate",
    "scalar_gate",
    "expert_mean",
    "gate_only",
    "plane_mean",
]
_TIME_FEATURES = 64


class MoGLE(ModelMixin, ConfigMixin):
    """Experts that read the planes once, and a gate that weighs them for every token and step.

    variant selects an ablation of the paper: `full`; `global_only` (plane 0 and its expert, no gate);
    `local_only` (the gate chooses among the local experts); `static_gate` (the gate sees neither noise nor
    time); `scalar_gate` (one weight per expert and step, shared by all tokens, from token-averaged features);
    `expert_mean` (experts without gate, averaged); `gate_only` (the gate weighs the planes themselves);
    `plane_mean` (neither: the planes averaged).

    gate_time_scale multiplies t in [0, 1] before the gate's embedding: 1 for weights trained here, 1000 for
    what the released sampling code feeds (see the docstring of `FaceMoGLEPipeline.from_flux`).
    """

    frequencies: Tensor

    @register_to_config
    def __init__(
        self,
        channels: int = 64,
        num_regions: int = 20,
        expert_width: int = 32,
        gate_width: int = 64,
        gate_time_scale: float = 1.0,
        variant: Variant = "full",
    ):
        super().__init__()
        if variant not in get_args(Variant):
            raise ValueError(f"variant is {variant!r}, must be one of {', '.join(get_args(Variant))}")
        self.num_regions, self.variant, self.gate_time_scale = num_regions, variant, gate_time_scale
        # Fan-in scales that give the even mixture of experts unit variance for unit-variance planes.
        num_mixed = {"global_only": 1, "local_only": num_regions - 1}.get(variant, num_regions)
        in_scale, out_scale = math.sqrt(2 / channels), math.sqrt(num_mixed / expert_width)
        self.expert_in_RCE = nn.Parameter(torch.randn(num_regions, channels, expert_width) * in_scale)
        self.expert_in_bias_R1E = nn.Parameter(torch.zeros(num_regions, 1, expert_width))
        self.expert_out_REC = nn.Parameter(torch.randn(num_regions, expert_width, channels) * out_scale)
        self.expert_out_bias_R1C = nn.Parameter(torch.zeros(num_regions, 1, channels))
        self.noise_proj = nn.Linear(channels, channels)
        # Rounded as diffusers rounds it: at 1000 radians the last bits of a frequency show.
        exponent = -math.log(10_000) * torch.arange(_TIME_FEATURES // 2, dtype=torch.float32)
        self.register_buffer("frequencies", torch.exp(exponent / (_TIME_FEATURES // 2)), persistent=False)
        self.time_embedding = TimestepEmbedding(_TIME_FEATURES, channels)
        self.gate_in = nn.Linear(channels, gate_width)
        self.gate_out = nn.Linear(gate_width, num_regions)

    @property
    def num_used_parameters(self) -> int:
        """Of the weights, which are the same for all variants, those that this variant reads."""
        R, used = self.num_regions, 0
        if self.variant not in ("gate_only", "plane_mean"):
            num_experts = {"global_only": 1, "local_only": R - 1}.get(self.variant, R)
            used += num_experts * sum(
                p[0].numel() for n, p in self.named_parameters() if n.startswith("expert_")
            )
        if self.variant not in ("global_only", "expert_mean", "plane_mean"):
            parts: list[nn.Module] = [self.gate_in, self.gate_out]
            if self.variant != "static_gate":
                parts += [self.noise_proj, self.time_embedding]
            used += sum(parameter.numel() for part in parts for parameter in part.parameters())
        if self.variant == "local_only":
            used -= self.gate_out.in_features + 1  # the global expert's score
        return used

    @apply_forward_hook  # offloaded modules come to the device for this, not for `forward` alone
    def experts(self, plane_BRNC: Tensor) -> Tensor:
        """What the mixture draws from, B x R x N x C: free of time and noise, so once per request.

        All experts run as two batched products over R. ValueError if R is not `num_regions`.
        """
        B, R, N, C = plane_BRNC.shape
        if self.num_regions != R:
            raise ValueError(f"got {R} planes, this MoGLE has {self.num_regions} experts")
        if self.variant in ("gate_only", "plane_mean"):
            return _laid_out_for_mix(plane_BRNC.transpose(1, 2))
        plane_RMC = plane_BRNC.transpose(0, 1).reshape(R, B * N, C)
        hidden = relu(torch.baddbmm(self.expert_in_bias_R1E, plane_RMC, self.expert_in_RCE))
        mixed = torch.baddbmm(self.expert_out_bias_R1C, hidden, self.expert_out_REC)
        return _laid_out_for_mix(mixed.view(R, B, N, C).permute(1, 2, 0, 3))

    @apply_forward_hook
    def gate(self, global_BNC: Tensor, latents_BNC: Tensor, t_B: Tensor) -> Tensor:
        """Weights of the experts, B x N x R, summing to 1 over R; t in [0, 1].

        softmax(W2 relu(W1 (C_global + P z_t + E(t)))); global_BNC is plane 0.
        """
        B, N, _ = global_BNC.shape
        if self.variant == "global_only":
            weights = torch.zeros(self.num_regions, device=global_BNC.device, dtype=global_BNC.dtype)
            weights[0] = 1
            return weights.expand(B, N, -1)
        if self.variant in ("expert_mean", "plane_mean"):
            return global_BNC.new_full((B, N, self.num_regions), 1 / self.num_regions)
        features = global_BNC
        if self.variant != "static_gate":
            angle = (t_B * self.gate_time_scale)[:, None].float() * self.frequencies
            time = torch.cat([angle.cos(), angle.sin()], dim=-1).to(global_BNC.dtype)
            features = features + self.noise_proj(latents_BNC) + self.time_embedding(time)[:, None]
        if self.variant == "scalar_gate":
            features = features.mean(dim=1, keepdim=True).expand(B, N, -1)
        scores = self.gate_out(relu(self.gate_in(features)))
        if self.variant == "local_only":
            scores = torch.cat([torch.full_like(scores[..., :1], -torch.inf), scores[..., 1:]], dim=-1)
        return scores.softmax(dim=-1)

    @staticmethod
    def mix(expert_BRNC: Tensor, gate_BNR: Tensor) -> Tensor:
        """Condition tokens sum_r gate_r expert_r, B x N x C."""
        return torch.matmul(gate_BNR[:, :, None], expert_BRNC.transpose(1, 2))[:, :, 0]

    def forward(self, plane_BRNC: Tensor, latents_BNC: Tensor, t_B: Tensor) -> Tensor:
        """Condition tokens of planes at once, B x N x C, as training needs them."""
        return self.mix(self.experts(plane_BRNC), self.gate(plane_BRNC[:, 0], latents_BNC, t_B))


def _laid_out_for_mix(expert_BNRC: Tensor) -> Tensor:
    """B x R x N x C whose memory runs B, N, R, C: what a step's product reads, so no step copies it."""
    return expert_BNRC.contiguous().transpose(1, 2)
