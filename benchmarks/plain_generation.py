"""A request as the equations read it: what the pipeline is timed and checked against.

All 20 planes of a mask go through the encoder, every expert runs in a loop, and all of that anew in every
step; the branches of guidance that have a mask share a pass. As the planes' encodings alone would then
outweigh a small transformer, `planes_once` makes the harder rival, which encodes them once a request.
Shapes: B batch, R planes, N tokens, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mogle_step import PlainMoGLE
from plain_transformer import PlainTransformer
from torch import Tensor

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.core.label_map import region_planes
from facemogle.core.latents import PATCH, pack, start_noise, unpack
from facemogle.models.autoencoder import decode, downscale, encode, latent_channels
from facemogle.models.text import encode_captions


class PlainPipeline:
    """The same pictures as a FaceMoGLEPipeline's, of masked requests with captions; on a CPU in float32."""

    def __init__(self, pipe: FaceMoGLEPipeline, *, planes_once: bool):
        self.pipe: Any = pipe
        self.planes_once = planes_once
        self.transformer, self.mogle = PlainTransformer(pipe.transformer), PlainMoGLE(pipe.mogle)

    @torch.no_grad()
    def __call__(
        self,
        prompts: Sequence[str],
        *,
        mask: Sequence[LabelMap],
        seed: Sequence[int],
        size: int,
        steps: int,
        guidance: float,
        max_sequence_length: int,
    ) -> Tensor:
        """Pictures B x 3 x H x W in [0, 1]."""
        pipe, patch = self.pipe, downscale(self.pipe.vae) * PATCH
        grid = {"rows": size // patch, "columns": size // patch}
        x_BNC = start_noise(seed, channels=latent_channels(pipe.vae) * PATCH**2, **grid)
        told, empty = (self._captions(texts, max_sequence_length) for texts in (prompts, [""] * len(prompts)))
        pipe.scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), device="cpu")
        plane_BRNC = self._planes(mask, size) if self.planes_once else None
        for index, timestep in enumerate(pipe.scheduler.timesteps):
            t_B = torch.full((len(x_BNC),), min(1.0, float(pipe.scheduler.sigmas[index])))
            planes = self._planes(mask, size) if plane_BRNC is None else plane_BRNC

            condition = self.mogle(planes, x_BNC, t_B)
            if pipe.transformer.config["guidance_embeds"]:
                made = self.transformer(x_BNC, t_B, *told, torch.full_like(t_B, guidance), condition, **grid)
            else:
                nothing = self.transformer(x_BNC, t_B, *empty, None, None, **grid)
                rows = [torch.cat([part, part]) for part in (x_BNC, t_B)]
                captions = [torch.cat(pair) for pair in zip(empty, told, strict=True)]
                masked = self.transformer(*rows, *captions, None, torch.cat([condition, condition]), **grid)
                mask_alone, both = masked.chunk(2)
                of_caption = guidance * pipe.config["caption_guidance"]
                made = nothing + guidance * (mask_alone - nothing) + of_caption * (both - mask_alone)
            x_BNC = pipe.scheduler.step(made, timestep, x_BNC, return_dict=False)[0]
        return (decode(pipe.vae, unpack(x_BNC, **grid)) / 2 + 0.5).clamp(0, 1)

    def _captions(self, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        parts = {"text_encoder_2": self.pipe.text_encoder_2, "tokenizer_2": self.pipe.tokenizer_2}
        return encode_captions(texts, **parts, max_sequence_length=length)

    def _planes(self, masks: Sequence[LabelMap], size: int) -> Tensor:
        encoded = []
        for mask in masks:
            planes_1R3HW, _ = region_planes([mask], height=size, width=size)
            encoded.append(pack(encode(self.pipe.vae, planes_1R3HW[0])))
        return torch.stack(encoded)
