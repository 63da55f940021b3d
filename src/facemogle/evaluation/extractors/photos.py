"""Pictures as the transformers of CLIP and DINO take them, without torchvision. H height, W width."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def with_shorter_side(photo: Image.Image, side: int) -> Image.Image:
    """Resized, bicubic and smoothed, so that its shorter side has `side` pixels and it keeps its shape."""
    shorter = min(photo.size)
    size = (side * photo.width // shorter, side * photo.height // shorter)  # whole pixels, rounded down
    return photo if size == photo.size else photo.resize(size, Image.Resampling.BICUBIC)


def middle(photo: Image.Image, side: int) -> Image.Image:
    """The square of `side` pixels in the middle."""
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return photo.crop((left, top, left + side, top + side))


def unit_range(photo: Image.Image) -> Tensor:
    """3 x H x W in [0, 1]."""
    return torch.from_numpy(np.array(photo, dtype=np.float32)).movedim(-1, 0) / 255


def standardised(pixels_3HW: Tensor, *, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Less the channels' mean, in units of their standard deviation."""
    return (pixels_3HW - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
