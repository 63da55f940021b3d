"""Pixels to latents and back, for the autoencoder of FLUX and that of the mini model.

Latents leave here shifted and scaled to about unit variance. Shapes: B batch, R planes, N tokens, C channels.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderDC, AutoencoderKL
from torch import Tensor

from facemogle.core.latents import pack

Autoencoder = AutoencoderKL | AutoencoderDC


_PIXELS_AT_ONCE = {"cpu": 1 << 17, "else": 1 << 20}
"""Of planes in the encoder: CPUs are a quarter faster on what fits a cache; a batch of 512 px fills a GPU."""


def downscale(vae: Autoencoder) -> int:
    """Pixels per latent, along each side."""
    if isinstance(vae, AutoencoderDC):
        return vae.spatial_compression_ratio
    return 2 ** (len(vae.config["block_out_channels"]) - 1)


def latent_channels(vae: Autoencoder) -> int:
    """Channels of a latent before packing."""
    return vae.config["latent_channels"]


def encode(vae: Autoencoder, pixels_B3HW: Tensor) -> Tensor:
    """Latents B x C x H/8 x W/8 of pixels in [-1, 1]; a posterior's mode, so that nothing here is random."""
    encoded: Any = vae.encode(pixels_B3HW.to(vae.dtype))
    latents = encoded.latent if isinstance(vae, AutoencoderDC) else encoded.latent_dist.mode()
    return (latents - _shift(vae)) * vae.config["scaling_factor"]


def decode(vae: Autoencoder, latents_BCHW: Tensor) -> Tensor:
    """Pixels B x 3 x 8H x 8W, about [-1, 1] (not clamped)."""
    decoded: Any = vae.decode(latents_BCHW.to(vae.dtype) / vae.config["scaling_factor"] + _shift(vae))
    return decoded.sample


def encode_planes(vae: Autoencoder, planes_BR3HW: Tensor, present_BR: Tensor) -> Tensor:
    """Packed latents B x R x N x C of the planes of masks; all absent planes share one encoded blank.

    Source: Zou et al. 2025, arXiv:2509.00428, section 3 (each plane through the encoder of photographs).
    """
    blank = torch.full_like(planes_BR3HW[:1, 0], -1.0)
    planes = torch.cat([blank, planes_BR3HW[present_BR]])
    pixels = _PIXELS_AT_ONCE["cpu" if planes.device.type == "cpu" else "else"]
    chunks = planes.split(max(1, pixels // planes[0, 0].numel()))
    encoded = pack(torch.cat([encode(vae, chunk) for chunk in chunks]))
    tokens_BRNC = encoded[0].expand(*present_BR.shape, -1, -1).clone()
    tokens_BRNC[present_BR] = encoded[1:]
    return tokens_BRNC


def _shift(vae: Autoencoder) -> float:
    return vae.config.get("shift_factor") or 0.0
