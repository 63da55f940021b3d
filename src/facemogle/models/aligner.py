"""The aligner: from a rough crop of a face to the frame in which FFHQ would show it.

Shapes: B batch, S = 48 pixels of a crop, C channels.
"""

from __future__ import annotations

from importlib.resources import files

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

CROP = 48
# A crop shows so much of the frame's side. Below 1, the crop of a well-placed frame needs nothing that lies
# outside of it, so that aligned faces, which have nothing there, are enough to learn from.
CONTEXT = 0.85
PASSES = 3  # moves after which frames have come to rest


class FaceAligner(ModelMixin, ConfigMixin):
    """A small network that tells how a frame must move to be FFHQ's, and whether a face is in it.

    It is meant to be applied `PASSES` times, each time to the crop of the frame moved by the answer
    before.
    """

    @register_to_config
    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 128), head_width: int = 128):
        super().__init__()
        stages, channels, side = [], 3, CROP
        for width in widths:
            stages += [_Downsample(channels, width), _Residual(width)]
            channels, side = width, side // 2
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * side * side, head_width), nn.SiLU(), nn.Linear(head_width, 5)
        )

    @classmethod
    def mini(cls) -> FaceAligner:
        """The embedded aligner, in float32; needs no network."""
        folder = str(files("facemogle") / "assets" / "aligner")
        return cls.from_pretrained(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True)

    def forward(self, crop_B3SS: Tensor) -> tuple[Tensor, Tensor]:
        """Moves B x 4 and logits B of a face being there, for crops in [-1, 1].

        A move is (dx, dy, log_scale, turn) as `Frame.moved` of core/frame.py takes it, of the frame whose
        crop, its middle `CONTEXT` of the side, was given.
        """
        answer = self.head(self.stages(crop_B3SS))
        return answer[:, :4], answer[:, 4]


class _Downsample(nn.Module):
    """Half the side, other channels."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 4, stride=2, padding=1)
        self.norm = nn.GroupNorm(8, width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return nn.functional.silu(self.norm(self.conv(x_BCHW)))


class _Residual(nn.Module):
    """x + conv(silu(norm(conv(x))))."""

    def __init__(self, width: int):
        super().__init__()
        self.conv_in = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.GroupNorm(8, width)
        self.conv_out = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW + self.conv_out(nn.functional.silu(self.norm(self.conv_in(x_BCHW))))
