"""Training the generator: rectified flow on cached latents under caption and mask, each dropped at random.

Source: Zou et al. 2025, arXiv:2509.00428, section 5. Shapes: B batch, S rows of it that show a mask, R
planes, N tokens, C channels, L caption tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import T5EncoderModel

from facemogle.core.flow import draw_times, noised, velocity_target
from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.injection import MaskInjection
from facemogle.models.mogle import MoGLE
from facemogle.models.text import masked_mean
from facemogle.training.cache import CachedSplit, FaceCache
from facemogle.training.loop import Draw
from facemogle.training.order import EpochOrder, dealt
from facemogle.training.recipe import GeneratorObjective

_GUIDANCE = 1.0  # what a transformer with guidance embeddings is told in training
_BINS = 10  # of the times in validation
_VALIDATED_AT_ONCE = 8  # more would need gigabytes with FLUX

Captions = Mapping[str, Tensor]


class GeneratorModel(nn.Module):
    """Everything a step runs through, under one roof: caption encoder, MoGLE and transformer.

    Without a caption encoder, captions come as its outputs (`tokens`, `pooled`), else as `ids`, `attended`.
    """

    def __init__(
        self,
        text_encoder_2: T5EncoderModel | None,
        mogle: MoGLE | MaskInjection,
        transformer: FaceMoGLETransformer,
    ):
        super().__init__()
        self.text_encoder_2, self.mogle, self.transformer = text_encoder_2, mogle, transformer
        self._passed: Callable[..., Tensor] = self._pass

    def compile_passes(self) -> None:
        """Compile what a step runs through: a slow start, then faster."""
        self._passed = torch.compile(self._pass)

    def forward(
        self, noisy_BNC: Tensor, t_B: Tensor, captions: Captions, planes_SRNC: Tensor, rows: int
    ) -> Tensor:
        """Velocity B x N x C; the first S rows show their mask, the others go apart, without mask tokens."""
        S = len(planes_SRNC)
        parts = []
        for part, planes in ((slice(0, S), planes_SRNC), (slice(S, len(t_B)), None)):
            if len(t_B[part]):
                shown = {name: tensor[part] for name, tensor in captions.items()}
                parts.append(self._passed(noisy_BNC[part], t_B[part], shown, planes, rows))
        velocity_BNC = torch.cat(parts)
        if torch.is_grad_enabled():
            # Averaging gradients waits for every parameter; rows without masks and ablations leave some out.
            velocity_BNC = velocity_BNC + 0.0 * sum(p.sum() for p in self.mogle.parameters())
        return velocity_BNC

    def _pass(
        self, noisy_BNC: Tensor, t_B: Tensor, captions: Captions, planes_BRNC: Tensor | None, rows: int
    ) -> Tensor:
        if self.text_encoder_2 is None:
            tokens_BLX, pooled_BX = captions["tokens"], captions["pooled"]
        else:
            tokens_BLX = self.text_encoder_2(captions["ids"])[0]
            pooled_BX = masked_mean(tokens_BLX, captions["attended"])
        told = torch.full_like(t_B, _GUIDANCE) if self.transformer.config["guidance_embeds"] else None
        context = self.transformer.prepare(
            tokens_BLX,
            pooled_BX,
            told,
            rows=rows,
            columns=noisy_BNC.shape[1] // rows,
            mask=planes_BRNC is not None and isinstance(self.mogle, MoGLE),
        )
        condition = None
        if planes_BRNC is not None:
            if isinstance(self.mogle, MoGLE):
                condition = self.mogle(planes_BRNC, noisy_BNC, t_B)
            else:
                context = self.mogle.inject(context, planes_BRNC)
        return self.transformer(noisy_BNC, t_B, context, condition)


@dataclass(frozen=True)
class Shown:
    """Rows of a batch as the model sees them, the first S with their mask; of the whole batch num_shown."""

    face_B: Tensor
    clean_BNC: Tensor
    noise_BNC: Tensor
    t_B: Tensor
    captions: Captions
    planes_SRNC: Tensor
    num_shown: int


class GeneratorTask:
    """A step shows `masked_share` of its batch faces that have a mask; every face comes once an epoch.

    How many rows show a mask is dealt by the step's number, not drawn, so that shapes stay the same.
    """

    def __init__(
        self,
        model: GeneratorModel,
        cache: FaceCache,
        *,
        objective: GeneratorObjective,
        seed: int = 0,
        validation_faces: int = 256,
        bfloat16: bool = False,
        forward: Callable[..., Tensor] | None = None,
    ):
        """forward: what to call in place of the model, say to average gradients over processes."""
        self.model, self.cache, self.objective, self.bfloat16 = model, cache, objective, bfloat16
        self.faces, self.held_out = cache.split("train"), cache.split("validation")
        self.num_validated = min(validation_faces, len(self.held_out))
        self.rows = round(self.faces.latents(torch.tensor([0])).shape[1] ** 0.5)
        self._forward = forward or model
        pools = (self.faces.with_mask, self.faces.without_mask)
        self._masked, self._plain = (
            EpochOrder(pool, seed=2 * seed + number) for number, pool in enumerate(pools)
        )
        both = len(pools[0]) and len(pools[1])
        self._masked_share = objective.masked_share if both else float(len(pools[0]) > 0)

    @property
    def device(self) -> torch.device:
        # diffusers' own property looks through all modules for hooks, 7 ms each time and ten times a step.
        return next(self.model.transformer.parameters()).device

    def draw(self, draw: Draw) -> Shown:
        """The rows of a part of a step: faces, noise, times and conditions, all by the step's number."""
        drops, generator, B = self.objective, draw.generator(), draw.batch_size
        masked_before, num_masked = dealt(draw.step, B * self._masked_share)
        hidden = drops.mask_drop + drops.both_drop
        shown_before, num_shown = (
            dealt(n, 1 - hidden)[0] for n in (masked_before, masked_before + num_masked)
        )
        num_shown -= shown_before
        plain = self._plain.at(draw.step * B - masked_before, B - num_masked)
        face_B = torch.cat([self._masked.at(masked_before, num_masked), plain])
        t_B = draw_times(B, generator, mean=drops.time_mean, std=drops.time_std, shift=drops.time_shift)
        chance_B = torch.full((B,), drops.caption_drop)
        chance_B[num_shown:num_masked] = drops.both_drop / hidden if hidden else 0.0
        chance_B[num_masked:] += drops.both_drop
        empty_B = torch.rand(B, generator=generator) < chance_B
        which_B = torch.rand(B, generator=generator)
        blank_SR = torch.rand(num_shown, self.model.mogle.num_regions, generator=generator) < drops.plane_drop
        blank_SR[:, 0] = False
        # On the model's device, for a large batch on a GPU would wait for noise drawn on the CPU.
        clean = self.faces.latents(face_B[:1])
        noise_BNC = torch.randn(
            B, *clean.shape[1:], generator=draw.generator(self.device, stream=1), device=self.device
        )
        rows_B = torch.arange(draw.part, B, draw.num_parts)
        own_S = rows_B[rows_B < num_shown]
        return self._shown(
            self.faces,
            face_B[rows_B],
            noise_BNC[rows_B.to(self.device)],
            t_B[rows_B],
            empty_B[rows_B],
            which_B[rows_B],
            blank_SR[own_S],
            num_shown,
        )

    def _shown(
        self,
        split: CachedSplit,
        face_B: Tensor,
        noise_BNC: Tensor,
        t_B: Tensor,
        empty_B: Tensor,
        which_B: Tensor,
        blank_SR: Tensor,
        num_shown: int,
    ) -> Shown:
        """which_B in [0, 1) chooses among a face's captions."""
        caption_BK = split.caption_rows(face_B).cpu().long()
        chosen_B = (which_B * caption_BK.shape[1]).long()
        caption_B = caption_BK.gather(1, chosen_B[:, None])[:, 0].masked_fill(empty_B, 0)
        planes_SRNC = split.planes(face_B[: len(blank_SR)]).to(self.device).float()
        planes_SRNC[blank_SR.to(self.device)] = self.cache.blank_NC.to(self.device).float()
        captions = {
            name: tensor.to(self.device, torch.float32 if tensor.is_floating_point() else None)
            for name, tensor in self.cache.captions(caption_B).items()
        }
        clean_BNC = split.latents(face_B).to(self.device).float()
        return Shown(face_B, clean_BNC, noise_BNC, t_B.to(self.device), captions, planes_SRNC, num_shown)

    def samples(self, draw: Draw) -> list[str]:
        return self.faces.keys(self.draw(draw).face_B)

    def loss(self, draw: Draw) -> dict[str, Tensor]:
        """Mean squared velocity error of the rows drawn, as their share of the batch's mean."""
        shown, B = self.draw(draw), draw.batch_size
        error_B, S = self._errors(self._forward, shown), len(shown.planes_SRNC)
        # Parts of a batch may differ in rows; a row counts the same in each, and all have the same terms.
        whole_S = shown.num_shown
        terms = {"loss": error_B.sum() * (draw.num_parts / B)}
        if whole_S:
            terms["loss_mask"] = error_B[:S].detach().sum() * (draw.num_parts / whole_S)
        if whole_S < B:
            terms["loss_no_mask"] = error_B[S:].detach().sum() * (draw.num_parts / (B - whole_S))
        return terms

    def _errors(self, forward: Callable[..., Tensor], shown: Shown) -> Tensor:
        noisy = noised(shown.clean_BNC, shown.noise_BNC, shown.t_B)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            velocity = forward(noisy, shown.t_B, shown.captions, shown.planes_SRNC, self.rows)
        error = velocity.float() - velocity_target(shown.clean_BNC, shown.noise_BNC)
        return error.square().mean(dim=(1, 2))

    @torch.no_grad()
    def validate(self, model: GeneratorModel) -> dict[str, float]:
        """Errors on held-out faces with their captions, with and without their mask, and by bins of t.

        Times are spread evenly over (0, 1), a few faces in each bin; noise and times are the same each time
        and in each run, so runs can be compared, whatever times they were trained on.
        """
        count = self.num_validated
        face_F = torch.linspace(0, len(self.held_out) - 1, count).long()
        generator = torch.Generator().manual_seed(0)
        t_F = (torch.randperm(count, generator=generator) + 0.5) / count
        has_mask = torch.isin(face_F, self.held_out.with_mask.cpu())
        errors: dict[str, list[tuple[Tensor, Tensor]]] = {"validation_mask": [], "validation_no_mask": []}
        for rows in torch.arange(count).split(_VALIDATED_AT_ONCE):
            shape = (len(rows), *self.held_out.latents(face_F[:1]).shape[1:])
            noise = torch.randn(shape, generator=generator)
            which = torch.rand(len(rows), generator=generator)
            for name, wanted in (("validation_mask", has_mask[rows]), ("validation_no_mask", None)):
                kept = torch.ones(len(rows), dtype=torch.bool) if wanted is None else wanted
                if not kept.any():
                    continue
                num_masks = 0 if wanted is None else int(kept.sum())
                shown = self._shown(
                    self.held_out,
                    face_F[rows[kept]],
                    noise[kept].to(self.device),
                    t_F[rows[kept]],
                    torch.zeros(int(kept.sum()), dtype=torch.bool),
                    which[kept],
                    torch.zeros(num_masks, self.model.mogle.num_regions, dtype=torch.bool),
                    num_masks,
                )
                # Its batches differ in size, and each size would be compiled anew.
                with torch.compiler.set_stance("force_eager"):
                    errors[name].append((shown.t_B.cpu(), self._errors(model, shown).cpu()))
        figures: dict[str, float] = {}
        for name, found in errors.items():
            if found:
                t, error = (torch.cat(parts) for parts in zip(*found, strict=True))
                figures[name] = error.mean().item()
                for number in range(_BINS):
                    inside = (t * _BINS).long() == number
                    if inside.any():
                        figures[f"{name}_t{number}"] = error[inside].mean().item()
        main = [figures[name] for name in errors if name in figures]
        return {"validation_loss": sum(main) / len(main), **figures}
