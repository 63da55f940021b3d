"""How far pictures are apart as frozen networks see them: an ImageNet classifier and the face parser.

Sources: Zhang et al. 2018, arXiv:1801.03924 (with uniform weights); Chen et al. 2021, arXiv:2009.08709, for
parsed regions as what a restored face must keep.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, kl_div, log_softmax, normalize

from facemogle.models.parser_network import ParserNetwork
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


class RegionDistance(nn.Module):
    """How differently a parser divides two batches of square face pictures, B x 3 x H x W in [-1, 1].

    The Kullback-Leibler divergence of the regions found in the first from those in the second, in nats, mean
    over the pixels of the parser's map. The pictures are whole aligned faces, as a parser expects them.
    """

    def __init__(self, network: ParserNetwork):
        super().__init__()
        self.network = network.requires_grad_(False).eval()

    def forward(self, made_B3HW: Tensor, real_B3HW: Tensor) -> Tensor:
        with torch.no_grad():
            real = self._log_shares(real_B3HW)
        made = self._log_shares(made_B3HW)
        return kl_div(made, real, reduction="none", log_target=True).sum(1).mean()

    def _log_shares(self, pictures_B3HW: Tensor) -> Tensor:
        size = (self.network.size, self.network.size)
        seen = interpolate(pictures_B3HW, size=size, mode="bicubic", align_corners=False)
        return log_softmax(self.network(seen).float(), dim=1)
