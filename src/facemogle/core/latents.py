"""Latents as tokens: 2 x 2 packing, position ids and start noise. Shapes: B batch, C channels, N tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

PATCH = 2


def pack(latents_BCHW: Tensor) -> Tensor:
    """Fold every 2 x 2 patch of latents into one token: B x C x H x W -> B x (H/2 * W/2) x 4C, row-major."""
    B, C, H, W = latents_BCHW.shape
    if H % PATCH or W % PATCH:
        raise ValueError(f"latents of {H} x {W} cannot be packed: both sides must be even")
    patches = latents_BCHW.view(B, C, H // PATCH, PATCH, W // PATCH, PATCH)
    return patches.permute(0, 2, 4, 1, 3, 5).reshape(B, (H // PATCH) * (W // PATCH), C * PATCH * PATCH)


def unpack(tokens_BNC: Tensor, *, rows: int, columns: int) -> Tensor:
    """Undo `pack`: B x (rows * columns) x 4C -> B x C x 2 rows x 2 columns."""
    B, N, C = tokens_BNC.shape
    if rows * columns != N:
        raise ValueError(f"{N} tokens do not fill a grid of {rows} x {columns}")
    patches = tokens_BNC.view(B, rows, columns, C // PATCH**2, PATCH, PATCH)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(B, C // PATCH**2, rows * PATCH, columns * PATCH)


def position_ids(rows: int, columns: int) -> Tensor:
    """Ids (0, row, column) of the tokens of a grid, N x 3, as FLUX counts them."""
    ids = torch.zeros(rows, columns, 3)
    ids[..., 1] = torch.arange(rows)[:, None]
    ids[..., 2] = torch.arange(columns)[None, :]
    return ids.reshape(rows * columns, 3)


def start_noise(seeds: Sequence[int], *, channels: int, rows: int, columns: int) -> Tensor:
    """Packed standard normal noise, B x N x C; each image has its own CPU generator, whatever the batch."""
    shape = (1, channels // PATCH**2, rows * PATCH, columns * PATCH)
    drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return pack(torch.cat(drawn))
