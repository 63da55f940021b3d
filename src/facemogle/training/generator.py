"""Training the generator: rectified flow on cached latents under caption and mask, each dropped at random.

Shapes: B batch, R planes, N tokens, C channels, L caption tokens, K captions a face.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import T5EncoderModel

from facemogle.core.flow import draw_times, noised, velocity_target
from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.mogle import MoGLE
from facemogle.models.text import masked_mean


@dataclass(frozen=True)
class GeneratorObjective:
    """Probabilities of leaving a condition out, shift of the drawn times, and the precision of the products.

    With `mask_drop` the whole mask is left out, with `plane_drop` each local plane is made blank, with
    `caption_drop` the caption becomes empty, with `both_drop` mask and caption go.
    """

    caption_drop: float = 0.15
    mask_drop: float = 0.15
    both_drop: float = 0.1
    plane_drop: float = 0.1
    time_shift: float = 1.0
    masked_share: float = 0.5
    bfloat16: bool = False


@dataclass(frozen=True)
class LatentFaces:
    """Faces as the generator learns them.

    latents_FNC of every face (mirrored ones are faces of their own); ids_FKL and attended_FKL of K captions each,
    or empty captions; plane_of_F gives the row in planes_MRNC of a face's mask, or -1.
    """

    latents_FNC: Tensor
    ids_FKL: Tensor
    attended_FKL: Tensor
    plane_of_F: Tensor
    planes_MRNC: Tensor
    blank_NC: Tensor
    empty_ids_L: Tensor
    empty_attended_L: Tensor

    @property
    def with_mask(self) -> Tensor:
        """Indices of the faces that have a mask."""
        return (self.plane_of_F >= 0).nonzero()[:, 0]

    @property
    def without_mask(self) -> Tensor:
        """Indices of the faces that have none."""
        return (self.plane_of_F < 0).nonzero()[:, 0]


class GeneratorModel(nn.Module):
    """Everything the run learns, under one roof: caption encoder, MoGLE and transformer."""

    def __init__(self, text_encoder_2: T5EncoderModel, mogle: MoGLE, transformer: FaceMoGLETransformer):
        super().__init__()
        self.text_encoder_2, self.mogle, self.transformer = text_encoder_2, mogle, transformer

    def forward(
        self, noisy_BNC: Tensor, t_B: Tensor, ids_BL: Tensor, attended_BL: Tensor, planes_BRNC: Tensor | None, rows: int
    ) -> Tensor:
        tokens_BLX = self.text_encoder_2(ids_BL)[0]
        pooled_BX = masked_mean(tokens_BLX, attended_BL)
        context = self.transformer.prepare(
            tokens_BLX, pooled_BX, None, rows=rows, columns=noisy_BNC.shape[1] // rows, mask=planes_BRNC is not None
        )
        condition = None if planes_BRNC is None else self.mogle(planes_BRNC, noisy_BNC, t_B)
        return self.transformer(noisy_BNC, t_B, context, condition)


class GeneratorTask:
    """A step draws `masked_share` of its batch from faces with a mask, the rest from the others.

    Rows that keep their mask and rows that do not go through the model apart, so that the latter cost no mask
    tokens.
    """

    def __init__(
        self, model: GeneratorModel, faces: LatentFaces, held_out: LatentFaces, *, objective: GeneratorObjective
    ):
        self.model: nn.Module = model
        self.faces, self.held_out, self.objective = faces, held_out, objective
        self.rows = round(faces.latents_FNC.shape[1] ** 0.5)

    def loss(self, generator: torch.Generator, batch_size: int) -> dict[str, Tensor]:
        num_masked = round(batch_size * self.objective.masked_share)
        pools = ((self.faces.with_mask, num_masked), (self.faces.without_mask, batch_size - num_masked))
        picked = torch.cat(
            [pool[torch.randint(len(pool), (count,), generator=generator)] for pool, count in pools if count]
        )
        errors, masked = self._errors(self.model, self.faces, picked, generator)
        terms = {"loss": errors.mean()}
        terms |= {"loss_mask": errors[masked].mean().detach(), "loss_no_mask": errors[~masked].mean().detach()}
        return terms

    def _errors(
        self, model: nn.Module, faces: LatentFaces, picked: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mean squared error of each picked face and whether its mask was shown."""
        weights = self.objective
        B = len(picked)
        clean = faces.latents_FNC[picked].float()
        noise = torch.randn(clean.shape, generator=generator)
        t_B = draw_times(B, generator, shift=weights.time_shift)
        which = torch.randint(faces.ids_FKL.shape[1], (B,), generator=generator)
        both, caption, mask = torch.rand(3, B, generator=generator)
        no_caption = (both < weights.both_drop) | (caption < weights.caption_drop)
        masked = (faces.plane_of_F[picked] >= 0) & (both >= weights.both_drop) & (mask >= weights.mask_drop)
        ids = torch.where(no_caption[:, None], faces.empty_ids_L, faces.ids_FKL[picked, which])
        attended = torch.where(no_caption[:, None], faces.empty_attended_L, faces.attended_FKL[picked, which])
        noisy = noised(clean, noise, t_B)
        velocity = torch.empty_like(clean)
        for rows in (masked, ~masked):
            if not rows.any():
                continue
            planes = None
            if rows is masked:
                planes = faces.planes_MRNC[faces.plane_of_F[picked[rows]]].float()
                dropped = torch.rand(planes.shape[:2], generator=generator) < weights.plane_drop
                dropped[:, 0] = False
                planes[dropped] = faces.blank_NC
            with torch.autocast("cpu", torch.bfloat16, enabled=weights.bfloat16):
                made = model(noisy[rows], t_B[rows], ids[rows], attended[rows], planes, self.rows)
            velocity[rows] = made.float()
        return (velocity - velocity_target(clean, noise)).square().mean(dim=(1, 2)), masked

    @torch.no_grad()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss on held-out faces at fixed noise, times and drops."""
        generator = torch.Generator().manual_seed(0)
        indices = torch.arange(len(self.held_out.latents_FNC))
        errors, masked = zip(
            *(self._errors(model, self.held_out, chunk, generator) for chunk in indices.split(64)), strict=True
        )
        error, mask = torch.cat(errors), torch.cat(masked)
        return {"validation_mask": error[mask].mean().item(), "validation_no_mask": error[~mask].mean().item()}
