"""Training the attribute predictor on photographs with a face service's answers.

Shapes: N photographs, B of a batch, A numbers of the attribute code.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import (
    affine_grid,
    binary_cross_entropy_with_logits,
    grid_sample,
    interpolate,
    smooth_l1_loss,
)

from facemogle.models.attribute_code import ANGLES, CHOICES, PLACES, encode
from facemogle.models.attributes import AttributePredictor
from facemogle.training.attribute_figures import headline_figures
from facemogle.training.loop import Draw

Half = Literal["captions", "judge"]
_MOST_WEIGHT = 3.0  # of a rare value against a common one
_SHARES = {"age": 4.0, "yaw": 4.0, "pitch": 2.0}  # of losses that are small numbers; the others have 1


def half_of(photo_bytes: bytes) -> Half:
    """Which of two predictors may learn from a photograph: a bit of its hash that splits do not look at."""
    return "judge" if hashlib.sha256(photo_bytes).digest()[8] % 2 else "captions"


class AttributeTask:
    """Photographs, distorted at random, and what a service said of them.

    photos_N3HW and held_out_M3HW are uint8; what the attributes lack is not learnt from.
    """

    def __init__(
        self,
        model: AttributePredictor,
        photos_N3HW: Tensor,
        attributes: Sequence[Mapping[str, Any]],
        held_out_M3HW: Tensor,
        held_out_attributes: Sequence[Mapping[str, Any]],
        *,
        bfloat16: bool = False,
    ):
        self.model, self.bfloat16 = model, bfloat16
        self.photos, self.held_out = photos_N3HW, held_out_M3HW
        self.code_NA = torch.stack([encode(face) for face in attributes])
        self.held_out_attributes = held_out_attributes
        self.weights = _rarity(self.code_NA)

    def samples(self, draw: Draw) -> list[str]:
        return []  # drawn with replacement from tensors without names

    def loss(self, draw: Draw) -> dict[str, Tensor]:
        generator, batch_size = draw.generator(), draw.batch_size
        chosen = torch.randint(len(self.photos), (batch_size,), generator=generator)
        images, mirrored = distorted(self.photos[chosen], generator)
        code = torch.where(mirrored[:, None], mirror_code(self.code_NA[chosen]), self.code_NA[chosen])
        device = self.model.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
            images = images.to(device, memory_format=torch.channels_last)  # nearly twice as fast on CPUs
            logits = self.model.logits(images).float()
        terms = code_losses(logits, code.to(device), self.weights.to(device))
        total = torch.stack([_SHARES.get(name, 1.0) * term for name, term in terms.items()]).sum()
        return {**terms, "loss": total}

    @torch.no_grad()
    def validate(self, model: AttributePredictor) -> dict[str, float]:
        """Accuracies and mean absolute errors on held-out faces, and the sum of the losses."""
        model.eval()
        photos = [*self.held_out.movedim(1, -1).numpy()]
        codes = model.codes(photos)
        return headline_figures(codes, torch.stack([encode(face) for face in self.held_out_attributes]))


def code_losses(logits_BA: Tensor, code_BA: Tensor, weights_A: Tensor) -> dict[str, Tensor]:
    """The mean loss of every attribute over the faces where it is known.

    Rare values weigh more, and the logits are moved by the logarithm of the weight while they learn (Menon
    et al. 2021, arXiv:2007.07314), so that what the network says are the true chances.
    """
    known = ~code_BA.isnan()
    target = code_BA.nan_to_num()
    binary = binary_cross_entropy_with_logits(
        logits_BA + weights_A.log(), target, pos_weight=weights_A, reduction="none"
    )
    losses = {}
    for name, place in PLACES.items():
        if name in CHOICES:
            chances = (logits_BA[:, place] + weights_A[place].log()).log_softmax(-1)
            errors = -(target[:, place] * weights_A[place] * chances).sum(-1, keepdim=True)
        elif name in ANGLES:
            errors = smooth_l1_loss(logits_BA[:, place], target[:, place], reduction="none", beta=0.2)
        else:
            errors = binary[:, place]
        mask = known[:, place][:, : errors.shape[1]]
        losses[name] = (errors * mask).sum() / mask.sum().clamp(min=1)
    return losses


def _rarity(code_NA: Tensor) -> Tensor:
    """A weights: the root of how much rarer yes is than no, or an option than the average one."""
    share = code_NA.nanmean(0).nan_to_num(0.5).clamp(1e-4, 1 - 1e-4)
    weights = ((1 - share) / share).sqrt()
    for name, options in CHOICES.items():
        weights[PLACES[name]] = (1 / len(options) / share[PLACES[name]]).sqrt()
    for name in (*ANGLES, "age"):
        weights[PLACES[name]] = 1.0
    return weights.clamp(1 / _MOST_WEIGHT, _MOST_WEIGHT)


def mirror_code(code_BA: Tensor) -> Tensor:
    """The code of the mirrored face: it turns to the other side."""
    mirrored = code_BA.clone()
    mirrored[:, PLACES["yaw"]] *= -1
    return mirrored


def distorted(photos_B3HW: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """uint8 photographs mirrored, moved, recoloured, blurred and made noisy at random.

    Returns B x 3 x H x W in [-1, 1] and which were mirrored.
    """
    B, _, H, W = photos_B3HW.shape

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(B, *shape, generator=generator)

    mirrored = draw(0, 1) < 0.5
    angle, zoom = draw(-6, 6) * math.pi / 180, draw(0.88, 1.12)
    side = torch.where(mirrored, -1.0, 1.0)
    top = torch.stack([zoom * angle.cos() * side, -zoom * angle.sin(), draw(-0.1, 0.1)], -1)
    bottom = torch.stack([zoom * angle.sin() * side, zoom * angle.cos(), draw(-0.1, 0.1)], -1)
    grid = affine_grid(torch.stack([top, bottom], 1), [B, 3, H, W], align_corners=False)
    pixels = photos_B3HW.float() / 127.5 - 1
    pixels = grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    grey = pixels.mean(1, keepdim=True)
    pixels = grey + (pixels - grey) * draw(0.75, 1.25, 1, 1, 1)
    pixels = pixels * draw(0.8, 1.2, 1, 1, 1) + draw(-0.15, 0.15, 1, 1, 1) + draw(-0.04, 0.04, 3, 1, 1)
    fewer = int(torch.randint(H // 3, H, (), generator=generator))
    small = interpolate(pixels, size=(fewer, fewer), mode="bilinear", antialias=True)
    coarse = interpolate(small, size=(H, W), mode="bilinear")
    pixels = torch.where(draw(0, 1, 1, 1, 1) < 0.3, coarse, pixels)
    noise = torch.randn(pixels.shape, generator=generator) * draw(-0.1, 0.1, 1, 1, 1).clamp(min=0)
    return (pixels + noise).clamp(-1, 1), mirrored
