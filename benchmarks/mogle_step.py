"""MoGLE in one step against the equations written down plainly: a loop over the experts, run anew every step.

Both compute the same condition tokens from the same weights, which is checked before anything is timed.
"""

from __future__ import annotations

import torch
from table import Row, median_seconds
from torch import Tensor, nn

from facemogle.models.mogle import MoGLE


class PlainMoGLE(nn.Module):
    """Zou et al. 2025, arXiv:2509.00428, section 3, as it reads: one network an expert, a weighted sum."""

    def __init__(self, mogle: MoGLE):
        super().__init__()
        self.mogle = mogle
        R, C, E = mogle.expert_in_RCE.shape
        layers = []
        with torch.no_grad():
            for r in range(R):
                first, last = nn.Linear(C, E), nn.Linear(E, C)
                first.weight.copy_(mogle.expert_in_RCE[r].T)
                first.bias.copy_(mogle.expert_in_bias_R1E[r, 0])
                last.weight.copy_(mogle.expert_out_REC[r].T)
                last.bias.copy_(mogle.expert_out_bias_R1C[r, 0])
                layers.append(nn.Sequential(first, nn.ReLU(), last))
        self.experts = nn.ModuleList(layers)

    def forward(self, plane_BRNC: Tensor, latents_BNC: Tensor, t_B: Tensor) -> Tensor:
        gate_BNR = self.mogle.gate(plane_BRNC[:, 0], latents_BNC, t_B)
        condition = torch.zeros_like(latents_BNC)
        for r, expert in enumerate(self.experts):
            condition = condition + gate_BNR[..., r : r + 1] * expert(plane_BRNC[:, r])
        return condition


@torch.no_grad()
def rows() -> list[Row]:
    torch.manual_seed(0)
    mogle = MoGLE().eval()
    plain = PlainMoGLE(mogle).eval()
    made = []
    for B, size in ((1, 128), (8, 128), (1, 512), (8, 512)):
        N = (size // 16) ** 2
        planes, latents, t = torch.randn(B, 20, N, 64), torch.randn(B, N, 64), torch.rand(B)
        experts = mogle.experts(planes)

        def ours(experts=experts, planes=planes, latents=latents, t=t) -> Tensor:
            return mogle.mix(experts, mogle.gate(planes[:, 0], latents, t))

        def theirs(planes=planes, latents=latents, t=t) -> Tensor:
            return plain(planes, latents, t)

        torch.testing.assert_close(ours(), theirs(), atol=1e-4, rtol=1e-4)
        fast, slow = median_seconds([ours, theirs], repeats=60 if size == 128 else 20)
        what = f"MoGLE a step, {B} x {size} px: ours against a loop over 20 experts"
        made.append(Row(what, f"{fast * 1e3:.2f} ms against {slow * 1e3:.2f} ms, {slow / fast:.1f} x", "5 x"))
    return made
