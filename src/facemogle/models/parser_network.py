"""The network of the embedded face parser: pictures to logits of the 19 regions at half their size.

Shapes: B batch, C channels, H height, W width, N tokens, 19 labels.
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from facemogle.core.regions import NUM_LABELS
from facemogle.models.squeezenet import SqueezeNetFeatures

STRIDE = 16


class ParserNetwork(ModelMixin, ConfigMixin):
    """A pyramid over SqueezeNet's stages, with attention at the coarsest so that every part sees the face.

    size: side of the pictures in pixels, divisible by 16; aligned faces have parts at expected places, so
    positions are learnt. widths: channels of the pyramid at 1/16, 1/8, 1/4 and 1/2 of the side.
    """

    @register_to_config
    def __init__(
        self,
        size: int = 256,
        widths: tuple[int, int, int, int] = (192, 128, 64, 32),
        num_attention_layers: int = 2,
        num_attention_heads: int = 4,
    ):
        super().__init__()
        if size % STRIDE:
            raise ValueError(f"size is {size}, must be divisible by {STRIDE}")
        self.size = size
        self.features = SqueezeNetFeatures(stages=(1, 4, 8, 9), padding=3)
        coarse = size // STRIDE
        self.reduce = _lateral(512, widths[0])
        self.positions_1NC = nn.Parameter(torch.randn(1, coarse**2, widths[0]) * 0.02)
        layer = nn.TransformerEncoderLayer(
            widths[0],
            num_attention_heads,
            dim_feedforward=2 * widths[0],
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.context = nn.TransformerEncoder(layer, num_attention_layers, enable_nested_tensor=False)
        self.laterals = nn.ModuleList(
            _lateral(channels, width) for channels, width in zip((512, 256, 96), widths[1:], strict=True)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(above, width, 1) for above, width in pairwise(widths))
        self.blocks = nn.ModuleList(_Block(width) for width in widths[1:])
        self.head = nn.Conv2d(widths[3], NUM_LABELS, 1)

    def forward(self, photos_B3HW: Tensor) -> Tensor:
        """Logits B x 19 x H/2 x W/2 of RGB pictures in [-1, 1], H = W = size."""
        *fine, coarse = self.features(photos_B3HW)
        x_BCHW = self.reduce(coarse)
        tokens_BNC = self.context(x_BCHW.flatten(2).mT + self.positions_1NC)
        x_BCHW = tokens_BNC.mT.reshape(x_BCHW.shape)
        for stage, lateral, narrow, block in zip(
            reversed(fine), self.laterals, self.narrow, self.blocks, strict=True
        ):
            above = interpolate(narrow(x_BCHW), scale_factor=2, mode="bilinear", align_corners=False)
            x_BCHW = block(above + lateral(stage))
        return self.head(x_BCHW)


def _lateral(channels: int, width: int) -> nn.Sequential:
    """Normalised first: SqueezeNet has no normalisation, its activations reach hundreds."""
    return nn.Sequential(nn.GroupNorm(8, channels), nn.Conv2d(channels, width, 1))


class _Block(nn.Module):
    """Two 3 x 3 convolutions around a skip."""

    def __init__(self, width: int):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.conv1, self.conv2 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        inner = self.conv1(relu(self.norm1(x_BCHW)))
        return x_BCHW + self.conv2(relu(self.norm2(inner)))


def read_network(folder: str | os.PathLike[str]) -> ParserNetwork:
    """The network that `facemogle train parser` wrote, in float32; ValueError if the folder has none."""
    config = Path(folder) / "config.json"
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("_class_name")
    except (OSError, ValueError, AttributeError):
        kind = None
    if kind != ParserNetwork.__name__ or not any(Path(folder).glob("*.safetensors")):
        raise ValueError(f"{os.fspath(folder)}: holds no parser; `facemogle train parser` makes one")
    return ParserNetwork.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
