"""SqueezeNet v1.0 without its classifier (Iandola et al. 2016, arXiv:1602.07360): features of pictures."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

# Fire modules 2..9: channels in, squeezed, of each expansion; pooled after conv1, fire4 and fire8.
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
_CLASSIFIER = "conv_final."


class _Fire(nn.Module):
    def __init__(self, in_channels: int, squeeze: int, expand: int):
        super().__init__()
        self.conv1x1_1 = nn.Conv2d(in_channels, squeeze, 1)
        self.conv1x1_2 = nn.Conv2d(squeeze, expand, 1)
        self.conv3x3_2 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        squeezed = relu(self.conv1x1_1(x_BCHW))
        return relu(torch.cat([self.conv1x1_2(squeezed), self.conv3x3_2(squeezed)], dim=1))


class SqueezeNetFeatures(nn.Module):
    """The activations of chosen layers for B x 3 x H x W pictures in [-1, 1], RGB.

    stages: numbers of fire modules whose output is given; 1 is the first convolution. padding: of that
    convolution; 0 as published, 3 gives stages of exactly 1/2, 1/4, 1/8 and 1/16 of a side that 16 divides.
    Channels: 96 (1), 128 (2, 3), 256 (4, 5), 384 (6, 7), 512 (8, 9).
    """

    bgr_mean: Tensor

    def __init__(self, *, stages: tuple[int, ...], padding: int = 0):
        super().__init__()
        self.stages = stages
        self.conv1 = nn.Conv2d(3, 96, 7, stride=2, padding=padding)
        for index, channels in _FIRE_CHANNELS.items():
            if index <= max(stages):
                self.add_module(f"fire{index}", _Fire(*channels))
        self.register_buffer("bgr_mean", torch.tensor(_BGR_MEAN).view(1, 3, 1, 1), persistent=False)

    def load(self, path: str | Path) -> None:
        """Take ImageNet weights from a safetensors file, all but the layers this network does not have."""
        with safe_open(path, "pt") as file:
            mine = self.state_dict()
            later = tuple(f"fire{index}." for index in _FIRE_CHANNELS if index > max(self.stages))
            names = [name for name in file.keys() if not name.startswith((_CLASSIFIER, *later))]  # noqa: SIM118
            if missing := sorted(mine.keys() ^ set(names)):
                raise ValueError(f"{path}: not SqueezeNet v1.0's weights; {missing[0]!r} is in one alone")
            self.load_state_dict({name: file.get_tensor(name) for name in names}, strict=True)

    def forward(self, images_B3HW: Tensor) -> list[Tensor]:
        x = (images_B3HW.flip(1) + 1) * 127.5 - self.bgr_mean
        x = relu(self.conv1(x))
        found = [x] if 1 in self.stages else []
        for index in range(2, max(self.stages) + 1):
            if index in _POOLED_BEFORE:
                x = max_pool2d(x, 3, 2, ceil_mode=True)
            x = getattr(self, f"fire{index}")(x)
            if index in self.stages:
                found.append(x)
        return found
