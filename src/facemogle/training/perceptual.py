"""Perceptual distance on SqueezeNet features, Zhang et al. 2018 (arXiv:1801.03924), uniform weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, normalize, relu

# SqueezeNet v1.0 (Iandola et al. 2016): fire modules 2..9, pooled after conv1, fire4 and fire8.
_FIRE_CHANNELS = {
    2: (96, 16, 64),
    3: (128, 16, 64),
    4: (128, 32, 128),
    5: (256, 32, 128),
    6: (256, 48, 192),
    7: (384, 48, 192),
    8: (384, 64, 256),
    9: (512, 64, 256),
}
_POOLED_BEFORE = (2, 5, 9)
_BGR_MEAN = (104.0, 117.0, 123.0)


class _Fire(nn.Module):
    def __init__(self, in_channels: int, squeeze: int, expand: int):
        super().__init__()
        self.conv1x1_1 = nn.Conv2d(in_channels, squeeze, 1)
        self.conv1x1_2 = nn.Conv2d(squeeze, expand, 1)
        self.conv3x3_2 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        squeezed = relu(self.conv1x1_1(x_BCHW))
        return relu(torch.cat([self.conv1x1_2(squeezed), self.conv3x3_2(squeezed)], dim=1))


class PerceptualDistance(nn.Module):
    """Mean squared distance of channel-normalised features of two image batches, B x 3 x H x W in [-1, 1]."""

    bgr_mean: Tensor

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, stride=2)
        for index, channels in _FIRE_CHANNELS.items():
            self.add_module(f"fire{index}", _Fire(*channels))
        self.conv_final = nn.Conv2d(512, 1000, 1)
        self.register_buffer("bgr_mean", torch.tensor(_BGR_MEAN).view(1, 3, 1, 1), persistent=False)

    @classmethod
    def load(cls, path: str | Path) -> PerceptualDistance:
        """Read ImageNet weights from a safetensors file, frozen."""
        model = cls()
        model.load_state_dict(load_file(path), strict=True)
        return model.requires_grad_(False).eval()

    def features(self, images_B3HW: Tensor) -> list[Tensor]:
        x = (images_B3HW.flip(1) + 1) * 127.5 - self.bgr_mean
        x = relu(self.conv1(x))
        stages = [x]
        for index in _FIRE_CHANNELS:
            if index in _POOLED_BEFORE:
                x = max_pool2d(x, 3, 2, ceil_mode=True)
            x = getattr(self, f"fire{index}")(x)
            if index in (3, 4, 7, 8):
                stages.append(x)
        return stages

    def forward(self, made_B3HW: Tensor, real_B3HW: Tensor) -> Tensor:
        with torch.no_grad():
            real = self.features(real_B3HW)
        pairs = zip(self.features(made_B3HW), real, strict=True)
        return torch.stack([(normalize(a) - normalize(b)).square().sum(1).mean() for a, b in pairs]).sum()
