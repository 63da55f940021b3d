"""Perceptual distance on SqueezeNet features, Zhang et al. 2018 (arXiv:1801.03924), uniform weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from facemogle.models.squeezenet import SqueezeNetFeatures


class PerceptualDistance(nn.Module):
    """Mean squared distance of channel-normalised features of two image batches, B x 3 x H x W in [-1, 1]."""

    def __init__(self):
        super().__init__()
        self.features = SqueezeNetFeatures(stages=(1, 3, 4, 7, 8))

    @classmethod
    def load(cls, path: str | Path) -> PerceptualDistance:
        """Read ImageNet weights from a safetensors file, frozen. ValueError if it holds others."""
        model = cls()
        model.features.load(path)
        return model.requires_grad_(False).eval()

    def forward(self, made_B3HW: Tensor, real_B3HW: Tensor) -> Tensor:
        with torch.no_grad():
            real = self.features(real_B3HW)
        pairs = zip(self.features(made_B3HW), real, strict=True)
        return torch.stack([(normalize(a) - normalize(b)).square().sum(1).mean() for a, b in pairs]).sum()
