"""Training the mini autoencoder: photographs and mask planes to 16 channels at 1/8 size, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderDC
from torch import Tensor

from facemogle.models.autoencoder import decode, encode
from facemogle.training.perceptual import PerceptualDistance


@dataclass(frozen=True)
class AutoencoderObjective:
    """Weights of the terms (L1 has 1): perceptual, pull of latents to unit scale; noise on decoded latents.

    With `decoder_only` the encoder stays as it is, so that latents cached from it keep their meaning.
    """

    perceptual: float = 0.1
    latent: float = 1e-3
    latent_noise: float = 0.05
    crop: int = 64
    plane_share: float = 1 / 16
    decoder_only: bool = False
    bfloat16: bool = False


class AutoencoderTask:
    """Random crops of photographs, with a small share of flat mask planes, reconstructed.

    photos_N3HW and planes_M3HW are uint8; crops are mirrored at random.
    """

    def __init__(
        self,
        model: AutoencoderDC,
        photos_N3HW: Tensor,
        planes_M3HW: Tensor,
        held_out_N3HW: Tensor,
        *,
        objective: AutoencoderObjective,
        perceptual: PerceptualDistance | None,
    ):
        self.model = model
        self.photos, self.planes, self.held_out = photos_N3HW, planes_M3HW, held_out_N3HW
        self.objective, self.perceptual = objective, perceptual
        if objective.decoder_only:
            model.encoder.requires_grad_(False)

    def draw(self, generator: torch.Generator, batch_size: int) -> Tensor:
        """B x 3 x crop x crop in [-1, 1]."""
        num_planes = round(batch_size * self.objective.plane_share) if len(self.planes) else 0
        crops = [
            self._crop(source, generator)
            for source, count in ((self.planes, num_planes), (self.photos, batch_size - num_planes))
            for _ in range(count)
        ]
        return torch.stack(crops).float() / 127.5 - 1

    def _crop(self, source: Tensor, generator: torch.Generator) -> Tensor:
        size = self.objective.crop
        index, top, left, mirrored = (
            int(torch.randint(high, (), generator=generator))
            for high in (len(source), source.shape[2] - size + 1, source.shape[3] - size + 1, 2)
        )
        crop = source[index, :, top : top + size, left : left + size]
        return crop.flip(-1) if mirrored else crop

    def loss(self, generator: torch.Generator, batch_size: int) -> dict[str, Tensor]:
        device, weights = self.model.device, self.objective
        pixels = self.draw(generator, batch_size).to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=weights.bfloat16):
            with torch.set_grad_enabled(not weights.decoder_only):
                latents = encode(self.model, pixels).float()
            noise = torch.randn(latents.shape, generator=generator).to(device) * weights.latent_noise
            made = decode(self.model, latents + noise).float()
            terms = {"l1": (made - pixels).abs().mean()}
            if self.perceptual is not None:
                terms["perceptual"] = self.perceptual(made, pixels)
        terms["latent"] = latents.square().mean(dim=(0, 2, 3)).sub(1).square().mean()
        terms["loss"] = (
            terms["l1"] + weights.perceptual * terms.get("perceptual", 0.0) + weights.latent * terms["latent"]
        )
        return terms

    @torch.no_grad()
    def validate(self, model: AutoencoderDC) -> dict[str, float]:
        """PSNR in dB of whole held-out faces, from the mean squared error of each."""
        pixels = self.held_out.to(model.device).float() / 127.5 - 1
        made = torch.cat([decode(model, encode(model, chunk)) for chunk in pixels.split(32)])
        error = (made.clamp(-1, 1) - pixels).square().mean(dim=(1, 2, 3)) / 4
        return {"psnr_db": (-10 * error.log10()).mean().item()}


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
