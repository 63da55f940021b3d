"""The guided velocity of a batch, step by step: the passes run, and what may be kept between steps.

Shapes: B images, K rows of a pass, M images with a mask, N tokens, C channels, R planes, S steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.injection import MaskInjection
from facemogle.models.mogle import MoGLE
from facemogle.models.passes import Moments, Pass
from facemogle.models.streams import MaskMemory


@dataclass(frozen=True, eq=False)
class _Part:
    """A pass with its moments; `whole`, if it has the leading rows of another one alone."""

    rows: Pass
    moments: Moments
    whole: _Part | None = None


class GuidedVelocity:
    """Velocities of one request at its times t_S, asked for in their order.

    guidance_reuse: steps for which the difference is kept between the guided velocity and that of the leading
    row of each image, under its own caption and mask; in between, only these rows are computed.
    mask_reuse: steps for which the mask stream is kept, where it attends to itself alone (`models.dit`).
    """

    def __init__(
        self,
        transformer: FaceMoGLETransformer,
        mogle: MoGLE | MaskInjection,
        passes: Sequence[Pass],
        t_S: Tensor,
        *,
        guidance_reuse: int = 1,
        mask_reuse: int = 1,
    ):
        self.transformer, self.mogle, self.t_S = transformer, mogle, t_S
        self._dtype = transformer.dtype  # diffusers looks through all modules for it, milliseconds each time
        self.guidance_reuse, self.mask_reuse = guidance_reuse, mask_reuse
        self._full = [_Part(each, Moments(transformer, each.context, t_S)) for each in passes]
        self._leading = []
        for whole in self._full if guidance_reuse > 1 else []:
            if (some := whole.rows.leading()) is not None:
                self._leading.append(_Part(some, Moments(transformer, some.context, t_S), whole))
        self._memories: dict[int, MaskMemory] = {}
        self._kept: tuple[bool, Tensor] | None = None

    def __call__(self, x_BNC: Tensor, step: int, *, mask_acts: bool) -> tuple[Tensor, Tensor]:
        """Velocity B x N x C, and gate weights B x N x R, zero for images whose mask does not act."""
        if step % self.mask_reuse == 0:
            self._memories = {}
        if self._kept is None or self._kept[0] != mask_acts or step % self.guidance_reuse == 0:
            velocity, lead, gate_BNR = self._sums(self._full, x_BNC, step, mask_acts)
            if self.guidance_reuse > 1:
                self._kept = mask_acts, velocity - lead
            return velocity, gate_BNR
        _, lead, gate_BNR = self._sums(self._leading, x_BNC, step, mask_acts)
        return lead + self._kept[1], gate_BNR

    def _sums(
        self, parts: list[_Part], x_BNC: Tensor, step: int, mask_acts: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of all rows by their weights, of the leading rows, and the gate's weights."""
        velocity, lead = torch.zeros_like(x_BNC), torch.zeros_like(x_BNC)
        gate_BNR = x_BNC.new_zeros(*x_BNC.shape[:2], self.mogle.num_regions)
        seen_BNC, t_B = x_BNC.to(self._dtype), self.t_S[step].float().expand(len(x_BNC))
        for part in parts:
            each = part.rows
            context, condition, memory = each.context, None, None
            if not mask_acts:
                context = context.without_mask()
            elif each.experts is not None:
                assert isinstance(self.mogle, MoGLE)
                condition, gate_MNR = each.condition(self.mogle, seen_BNC, t_B)
                gate_BNR[each.experts.image_M] = gate_MNR.float()
                if self.transformer.config["mask_attention"] == "self":
                    memory, condition = self._memory(part, condition), None
            made = self.transformer(
                seen_BNC[each.image_K], part.moments[step], context, condition, memory
            ).float()
            velocity.index_add_(0, each.image_K, made * each.weight_K[:, None, None])
            lead.index_add_(0, each.image_K, made * each.lead_K[:, None, None])
        return velocity, lead, gate_BNR

    def _memory(self, part: _Part, condition_KNC: Tensor) -> MaskMemory:
        """The mask stream of this step, or of an earlier one if kept; leading rows share the whole's."""
        if id(part) not in self._memories:
            if part.whole is not None and id(part.whole) in self._memories:
                row_J = part.whole.rows.lead_K.nonzero()[:, 0]
                whole = self._memories[id(part.whole)]
                self._memories[id(part)] = tuple((keys[row_J], values[row_J]) for keys, values in whole)
            else:
                self._memories[id(part)] = self.transformer.remember(condition_KNC, part.rows.context)
        return self._memories[id(part)]
