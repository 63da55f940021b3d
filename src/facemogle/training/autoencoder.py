"""Training the mini autoencoder: photographs and mask planes to 16 channels at 1/8 size, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import AutoencoderDC
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from facemogle.core.label_map import LabelMap, region_planes
from facemogle.models.autoencoder import decode, encode
from facemogle.training.cache import FaceCache
from facemogle.training.loop import Draw
from facemogle.training.order import EpochOrder, dealt
from facemogle.training.perceptual import PerceptualDistance, RegionDistance
from facemogle.training.recipe import AutoencoderObjective


class _RoundTrip(nn.Module):
    """Latents of pixels, pixels of those latents under noise and, if asked for, pixels at half their size.

    One call for processes to share.
    """

    def __init__(self, vae: AutoencoderDC, *, coarse: bool):
        super().__init__()
        self.vae, self.coarse = vae, coarse

    def forward(self, pixels_B3HW: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        latents = encode(self.vae, pixels_B3HW).float()
        made = decode(self.vae, latents + noise).float()
        return latents, made, decode(self.vae, avg_pool2d(latents, 2)).float() if self.coarse else None


class AutoencoderTask:
    """Random crops of photographs, with a small share of flat mask planes, reconstructed.

    Every photograph comes once an epoch, its crop mirrored at random.
    """

    def __init__(
        self,
        model: AutoencoderDC,
        cache: FaceCache,
        *,
        objective: AutoencoderObjective,
        perceptual: PerceptualDistance | None = None,
        regions: RegionDistance | None = None,
        seed: int = 0,
        validation_faces: int = 256,
        bfloat16: bool = False,
        spread: Callable[[nn.Module], Callable[..., Any]] = lambda model: model,
    ):
        """spread: makes what to call in place of the model, say to average gradients over processes."""
        if objective.crop > cache.size:
            raise ValueError(f"crop is {objective.crop}, the cache holds faces of {cache.size} px")
        if regions is not None and objective.crop < cache.size:
            raise ValueError(
                f"regions needs whole faces: crop is {objective.crop}, must be the cache's {cache.size} px"
            )
        self.model, self.objective, self.bfloat16 = model, objective, bfloat16
        self.perceptual, self.regions = perceptual, regions
        self.photos, self.held_out = cache.split("train"), cache.split("validation")
        self.num_validated = min(validation_faces, len(self.held_out))
        self._order = EpochOrder(torch.arange(len(self.photos)), seed=seed)
        self._share = objective.plane_share if len(self.photos.with_mask) else 0.0
        self._forward = spread(_RoundTrip(model, coarse=objective.coarse > 0))

    def samples(self, draw: Draw) -> list[str]:
        return self.photos.keys(self._faces(draw)[0])

    def draw(self, draw: Draw) -> Tensor:
        """B x 3 x crop x crop in [-1, 1], of the rows of a part of a step."""
        (face_B, num_planes), size = self._faces(draw), self.objective.crop
        generator = draw.generator()
        room = self.photos.pixels(face_B[:1]).shape[-1] - size + 1
        place_B2 = torch.randint(room, (len(face_B), 2), generator=generator)
        mirrored_B = torch.rand(len(face_B), generator=generator) < 0.5
        which_B = torch.rand(len(face_B), generator=generator)
        own = slice(draw.part, None, draw.num_parts)
        source_B3HW = self.photos.pixels(face_B[own]).float() / 127.5 - 1
        for place, row in enumerate(range(*own.indices(num_planes))):
            ids = self.photos.label_ids(face_B[row : row + 1])[0].cpu().numpy()
            planes, present = region_planes([LabelMap.from_array(ids)], height=len(ids), width=len(ids))
            drawn = planes[present]
            source_B3HW[place] = drawn[int(which_B[row] * len(drawn))].to(source_B3HW.device)
        along_S = torch.arange(size)
        row_BS = place_B2[own, :1] + along_S
        column_BS = place_B2[own, 1:] + torch.where(mirrored_B[own, None], along_S.flip(0), along_S)
        picture_B = torch.arange(len(row_BS))
        crop = picture_B[:, None, None], slice(None), row_BS[:, :, None], column_BS[:, None]
        return source_B3HW[crop].movedim(-1, 1)  # what is picked comes first, channels last

    def _faces(self, draw: Draw) -> tuple[Tensor, int]:
        """The faces of a whole step, and how many of them, the first, show a plane of their mask."""
        before, num_planes = dealt(draw.step, draw.batch_size * self._share)
        masked = self.photos.with_mask.cpu()
        picked = torch.randint(max(1, len(masked)), (num_planes,), generator=draw.generator(stream=2))
        photos = self._order.at(draw.step * draw.batch_size - before, draw.batch_size - num_planes)
        return torch.cat([masked[picked], photos]), num_planes

    def loss(self, draw: Draw) -> dict[str, Tensor]:
        device, weights = self.model.device, self.objective
        pixels = self.draw(draw).to(device, memory_format=torch.channels_last)
        side = weights.crop // self.model.spatial_compression_ratio
        shape = (draw.batch_size, self.model.config["latent_channels"], side, side)
        noise = torch.randn(shape, generator=draw.generator(stream=1))[draw.part :: draw.num_parts]
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
            latents, made, coarse = self._forward(pixels, noise.to(device) * weights.latent_noise)
            terms = self._differences(made, pixels)
            if coarse is not None:
                half = self._differences(coarse, avg_pool2d(pixels, 2))
                terms["coarse"] = half["l1"] + weights.perceptual * half.get("perceptual", 0.0)
            if self.regions is not None:
                terms["regions"] = self.regions(made, pixels)
        # Of each crop by itself, so that the parts of a batch add up to it.
        terms["latent"] = latents.square().mean(dim=(2, 3)).sub(1).square().mean()
        named = ("perceptual", "coarse", "regions", "latent")
        terms["loss"] = terms["l1"] + sum(getattr(weights, name) * terms.get(name, 0.0) for name in named)
        weight = len(pixels) * draw.num_parts / draw.batch_size  # parts may differ in rows
        return {name: value * weight for name, value in terms.items()}

    def _differences(self, made: Tensor, pixels: Tensor) -> dict[str, Tensor]:
        terms = {"l1": (made - pixels).abs().mean()}
        if self.perceptual is not None:
            terms["perceptual"] = self.perceptual(made, pixels)
        return terms

    @torch.no_grad()
    def validate(self, model: AutoencoderDC) -> dict[str, float]:
        """PSNR in dB of whole held-out faces, from the mean squared error of each."""
        errors = []
        for rows in torch.arange(self.num_validated).split(32):
            pixels = self.held_out.pixels(rows).to(model.device).float() / 127.5 - 1
            made = decode(model, encode(model, pixels))
            errors.append((made.clamp(-1, 1) - pixels).square().mean(dim=(1, 2, 3)) / 4)
        return {"psnr_db": (-10 * torch.cat(errors).log10()).mean().item()}


@torch.no_grad()
def standardise(model: AutoencoderDC, photos_N3HW: Tensor) -> None:
    """Give every latent channel zero mean and unit variance over the photographs, by changing two layers.

    The encoder's last and the decoder's first convolution absorb the statistics, so reconstructions stay the
    same but for the decoder's zero padding at the border of the picture.
    """
    chunks = photos_N3HW.split(64)
    latents = torch.cat([encode(model, chunk.to(model.device).float() / 127.5 - 1) for chunk in chunks])
    std, mean = torch.std_mean(latents, dim=(0, 2, 3))
    last, first = model.encoder.conv_out, model.decoder.conv_in
    assert last.bias is not None
    assert first.bias is not None
    last.weight.div_(std[:, None, None, None])
    last.bias.sub_(mean).div_(std)
    first.bias.add_(torch.einsum("oihw,i->o", first.weight, mean))
    first.weight.mul_(std[None, :, None, None])
