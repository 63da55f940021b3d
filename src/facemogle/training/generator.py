"""Training the generator: rectified flow on cached latents under caption and mask, each dropped at random.

Shapes: B batch, R planes, N tokens, C channels, L caption tokens, K captions a face.
"""

from __future__ import annotations

from collections.abc import Callable
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
    """How conditions are dropped, which times are drawn, and the precision of the products.

    Of the faces that have a mask, `mask_drop` are shown without it and `both_drop` without mask and caption;
    `caption_drop` of all captions become empty; each local plane is made blank with `plane_drop`.
    `time_shift` leans times towards noise, where a face's large structure is decided (`core.flow.shifted`).
    """

    caption_drop: float = 0.15
    mask_drop: float = 0.15
    both_drop: float = 0.1
    plane_drop: float = 0.1
    time_shift: float = 3.0
    masked_share: float = 0.5
    bfloat16: bool = False


@dataclass(frozen=True)
class LatentFaces:
    """Faces as the generator learns them.

    latents_FNC of every face (mirrored ones are faces of their own); ids_FKL and attended_FKL of K captions
    each, or empty captions; plane_of_F gives the row in planes_MRNC of a face's mask, or -1.
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
        self,
        noisy_BNC: Tensor,
        t_B: Tensor,
        ids_BL: Tensor,
        attended_BL: Tensor,
        planes_BRNC: Tensor | None,
        rows: int,
    ) -> Tensor:
        tokens_BLX = self.text_encoder_2(ids_BL)[0]
        pooled_BX = masked_mean(tokens_BLX, attended_BL)
        context = self.transformer.prepare(
            tokens_BLX,
            pooled_BX,
            None,
            rows=rows,
            columns=noisy_BNC.shape[1] // rows,
            mask=planes_BRNC is not None,
        )
        condition = None if planes_BRNC is None else self.mogle(planes_BRNC, noisy_BNC, t_B)
        return self.transformer(noisy_BNC, t_B, context, condition)


class GeneratorTask:
    """A step draws `masked_share` of its batch from faces with a mask, the rest from the others.

    How many rows show a mask is fixed by the batch size, not drawn: rows with and without mask go through the
    model apart, so that the latter cost no mask tokens and shapes stay the same from step to step.
    """

    def __init__(
        self,
        model: GeneratorModel,
        faces: LatentFaces,
        held_out: LatentFaces,
        *,
        objective: GeneratorObjective,
        compiled: bool = False,
    ):
        self.model = model
        self.faces, self.held_out, self.objective = faces, held_out, objective
        self.rows = round(faces.latents_FNC.shape[1] ** 0.5)
        self._forward = torch.compile(model) if compiled else model

    def loss(self, generator: torch.Generator, batch_size: int) -> dict[str, Tensor]:
        """Mean squared velocity error of a drawn batch, Zou et al. 2025, arXiv:2509.00428, section 5."""
        share = self.objective.masked_share
        if not len(self.faces.with_mask) or not len(self.faces.without_mask):
            share = float(len(self.faces.with_mask) > 0)  # there is one kind of face only
        num_masked = round(batch_size * share)
        pools = ((self.faces.with_mask, num_masked), (self.faces.without_mask, batch_size - num_masked))
        picked = [
            pool[torch.randint(len(pool), (count,), generator=generator)] for pool, count in pools if count
        ]
        errors, num_shown = self._errors(self._forward, self.faces, torch.cat(picked), num_masked, generator)
        kinds = {"loss_no_mask": errors[num_shown:], "loss_mask": errors[:num_shown]}
        parts = {name: part.detach().mean() for name, part in kinds.items() if len(part)}
        return {"loss": errors.mean(), **parts}

    def _errors(
        self,
        model: Callable[..., Tensor],
        faces: LatentFaces,
        picked: Tensor,
        num_masked: int,
        generator: torch.Generator,
    ) -> tuple[Tensor, int]:
        """Squared error of each picked face, those with a mask first; and how many of them were shown it."""
        drops = self.objective
        B, hidden = len(picked), drops.mask_drop + drops.both_drop
        num_shown = round(num_masked * (1 - hidden))
        clean = faces.latents_FNC[picked].float()
        noise = torch.randn(clean.shape, generator=generator)
        t_B = draw_times(B, generator, shift=drops.time_shift)
        noisy = noised(clean, noise, t_B)
        caption_drop = torch.full((B,), drops.caption_drop)
        caption_drop[num_shown:num_masked] = drops.both_drop / hidden if hidden else 0.0
        caption_drop[num_masked:] += drops.both_drop
        empty = (torch.rand(B, generator=generator) < caption_drop)[:, None]
        which = torch.randint(faces.ids_FKL.shape[1], (B,), generator=generator)
        ids = torch.where(empty, faces.empty_ids_L, faces.ids_FKL[picked, which])
        attended = torch.where(empty, faces.empty_attended_L, faces.attended_FKL[picked, which])
        planes = faces.planes_MRNC[faces.plane_of_F[picked[:num_shown]]].float()
        blank = torch.rand(planes.shape[:2], generator=generator) < drops.plane_drop
        blank[:, 0] = False
        planes[blank] = faces.blank_NC.float()
        device, velocity = self.model.transformer.device, []
        for part, shown in ((slice(0, num_shown), planes), (slice(num_shown, B), None)):
            if len(t_B[part]):
                inputs = (noisy[part], t_B[part], ids[part], attended[part], shown)
                on_device = (None if value is None else value.to(device) for value in inputs)
                with torch.autocast(device.type, torch.bfloat16, enabled=drops.bfloat16):
                    velocity.append(model(*on_device, self.rows))
        error = torch.cat(velocity).float() - velocity_target(clean, noise).to(device)
        return error.square().mean(dim=(1, 2)), num_shown

    @torch.no_grad()
    def validate(self, model: GeneratorModel) -> dict[str, float]:
        """Loss on held-out faces at fixed noise, times and drops."""
        generator = torch.Generator().manual_seed(0)
        sums: dict[str, list[Tensor]] = {"validation_mask": [], "validation_no_mask": []}
        for pool, masked in ((self.held_out.with_mask, True), (self.held_out.without_mask, False)):
            for picked in pool.split(64) if len(pool) else ():
                errors, shown = self._errors(model, self.held_out, picked, len(picked) * masked, generator)
                sums["validation_mask"].append(errors[:shown])
                sums["validation_no_mask"].append(errors[shown:])
        return {name: torch.cat(parts).mean().item() for name, parts in sums.items() if any(map(len, parts))}
