"""The passes of a guided step: which rows go through the transformer, and what each counts for.

Shapes: K rows of a pass, M images with a mask among them, R planes, N tokens, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.mogle import MoGLE
from facemogle.models.streams import Moment, RequestContext

_ROWS_AT_ONCE = 64  # of moments: so many cost a CPU hardly more than one


@dataclass(frozen=True)
class Row:
    """The velocity of one image under a caption, and its weight in the image's guided velocity.

    leads: the first row of its image, which has all of the image's conditions.
    """

    image: int
    caption: str
    weight: float
    leads: bool = False


@dataclass(frozen=True)
class Experts:
    """What the mixture reads, once an image; row k of the pass belongs to image `which_K[k]` of them."""

    image_M: Tensor
    which_K: Tensor
    expert_MRNC: Tensor
    global_MNC: Tensor


@dataclass(frozen=True)
class Pass:
    """Rows that share one pass of the transformer; `experts` where their mask has tokens."""

    image_K: Tensor
    weight_K: Tensor
    lead_K: Tensor  # 1 for the row that leads its image, else 0
    context: RequestContext
    experts: Experts | None = None

    def leading(self) -> Pass | None:
        """The rows that lead their images, if there are any."""
        row_J = self.lead_K.nonzero()[:, 0]
        if not len(row_J):
            return None
        experts = self.experts
        if experts is not None:
            experts = replace(experts, which_K=experts.which_K[row_J])
        parts = (self.image_K[row_J], self.weight_K[row_J], self.lead_K[row_J])
        return Pass(*parts, self.context.of_rows(row_J), experts)

    def condition(self, mogle: MoGLE, x_BNC: Tensor, t_B: Tensor) -> tuple[Tensor, Tensor]:
        """Mask tokens K x N x C and the gate's weights M x N x R, which an image's rows share."""
        assert self.experts is not None
        of_images = self.experts.image_M
        gate_MNR = mogle.gate(self.experts.global_MNC, x_BNC[of_images], t_B[of_images])
        return mogle.mix(self.experts.expert_MRNC, gate_MNR)[self.experts.which_K], gate_MNR


class Moments:
    """The moments of all steps of a pass, made for several steps at once when the first of them is due."""

    def __init__(self, transformer: FaceMoGLETransformer, context: RequestContext, t_S: Tensor):
        self.transformer, self.context, self.t_S = transformer, context, t_S
        self.at_once = max(1, _ROWS_AT_ONCE // len(context.pooled_BP))
        self._first, self._made = 0, list[Moment]()

    def __getitem__(self, step: int) -> Moment:
        if not self._first <= step < self._first + len(self._made):
            self._first = step
            self._made = self.transformer.moments(self.t_S[step : step + self.at_once], self.context)
        return self._made[step - self._first]


def rows_of_request(
    prompts: Sequence[str],
    masked: Sequence[bool],
    *,
    guidance: float,
    caption_guidance: float,
    told: bool,
) -> tuple[list[Row], list[Row]]:
    """Rows with and without a mask.

    told: the transformer is told the guidance scale g, one row an image. Else an image follows v(-, -)
    + g (v(-, mask) - v(-, -)) + g k (v(caption, mask) - v(-, mask)), with k the caption guidance.
    """
    with_mask: list[Row] = []
    without: list[Row] = []
    for image, (prompt, has_mask) in enumerate(zip(prompts, masked, strict=True)):
        of_mask = guidance if has_mask else 0.0
        of_caption = guidance * caption_guidance if prompt else 0.0
        own = with_mask if has_mask else without
        weighed = [(own, prompt, of_caption)]
        if has_mask:
            weighed.append((with_mask, "", of_mask - of_caption))
        weighed.append((without, "", 1 - (of_mask if has_mask else of_caption)))
        if told:
            weighed = [(own, prompt, 1.0)]
        used = [each for each in weighed if each[2]]
        for place, (rows, caption, weight) in enumerate(used):
            rows.append(Row(image, caption, weight, leads=place == 0))
    return with_mask, without
