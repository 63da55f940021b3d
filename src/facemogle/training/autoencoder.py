"""Training the mini autoencoder: photographs and mask planes to 16 channels at 1/8 size, and back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import AutoencoderDC
from torch import Tensor, nn

from facemogle.core.label_map import LabelMap, region_planes
from facemogle.models.autoencoder import decode, encode
from facemogle.training.cache import FaceCache
from facemogle.training.loop import Draw
from facemogle.training.order import EpochOrder, dealt
from facemogle.training.perceptual import PerceptualDistance
from facemogle.training.recipe import AutoencoderObjective


class _RoundTrip(nn.Module):
    """Latents of pixels, and pixels of those latents under noise: one call for processes to share."""

    def __init__(self, vae: AutoencoderDC):
        super().__init__()
        self.vae = vae

    def forward(self, pixels_B3HW: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        latents = encode(self.vae, pixels_B3HW).float()
        return latents, decode(self.vae, latents + noise).float()


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
        perceptual: PerceptualDistance | None,
        seed: int = 0,
        validation_faces: int = 256,
        bfloat16: bool = False,
        spread: Callable[[nn.Module], Callable[..., tuple[Tensor, Tensor]]] = lambda model: model,
    ):
        """spread: makes what to call in place of the model, say to average gradients over processes."""
        if objective.crop > cache.size:
            raise ValueError(f"crop is {objective.crop}, the cache holds faces of {cache.size} px")
        self.model, self.objective, self.perceptual, self.bfloat16 = model, objective, perceptual, bfloat16
        self.photos, self.held_out = cache.split("train"), cache.split("validation")
        self.num_validated = min(validation_faces, len(self.held_out))
        self._order = EpochOrder(torch.arange(len(self.photos)), seed=seed)
        self._share = objective.plane_share if len(self.photos.with_mask) else 0.0
        self._forward = spread(_RoundTrip(model))

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
        crops = []
        for row in range(draw.part, len(face_B), draw.num_parts):
            face = face_B[row : row + 1]
            if row < num_planes:
                ids = self.photos.label_ids(face)[0].cpu().numpy()
                planes, present = region_planes([LabelMap.from_array(ids)], height=len(ids), width=len(ids))
                drawn = planes[present]
                source = drawn[int(which_B[row] * len(drawn))]
            else:
                source = self.photos.pixels(face)[0].cpu().float() / 127.5 - 1
            top, left = place_B2[row].tolist()
            crop = source[:, top : top + size, left : left + size]
            crops.append(crop.flip(-1) if mirrored_B[row] else crop)
        return torch.stack(crops)

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
            latents, made = self._forward(pixels, noise.to(device) * weights.latent_noise)
            terms = {"l1": (made - pixels).abs().mean()}
            if self.perceptual is not None:
                terms["perceptual"] = self.perceptual(made, pixels)
        # Of each crop by itself, so that the parts of a batch add up to it.
        terms["latent"] = latents.square().mean(dim=(2, 3)).sub(1).square().mean()
        terms["loss"] = (
            terms["l1"] + weights.perceptual * terms.get("perceptual", 0.0) + weights.latent * terms["latent"]
        )
        weight = len(pixels) * draw.num_parts / draw.batch_size  # parts may differ in rows
        return {name: value * weight for name, value in terms.items()}

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
