"""Inception v3 as the evaluation of FID has it, in the names of its PyTorch conversions; 2048 features.

Szegedy et al. 2016, arXiv:1512.00567, with what the TensorFlow graph of 2015-12-05 does otherwise: averages
leave padding out, and the last block takes a maximum where the paper has an average. B batch, C channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

SIZE = 299


class _Layer(NamedTuple):
    suffix: str
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


_Stages = list[tuple[_Layer, ...]]
"""One layer after another; several layers of one stage see the same and are joined."""


class _Convolution(nn.Module):
    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], *, stride: int = 1, padded: bool = True
    ):
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if padded else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return relu(self.bn(self.conv(x_BCHW)))


class _Mixed(nn.Module):
    """Branches side by side, the pooled input last; `pooled` channels after it, all if None.

    pool: mean and max keep the size; halve is a maximum with stride 2, as all layers of stride 2 unpadded.
    """

    def __init__(self, inputs: int, branches: dict[str, _Stages], *, pool: str, pooled: int | None = None):
        super().__init__()
        self._pool = pool
        if pooled is not None:
            branches = {**branches, "branch_pool": [(_Layer("", pooled),)]}
        self._names = {
            branch: [[branch + layer.suffix for layer in stage] for stage in stages]
            for branch, stages in branches.items()
        }
        self.outputs = inputs if pooled is None else 0
        for branch, stages in branches.items():
            width = inputs
            for stage in stages:
                for suffix, outputs, kernel, stride in stage:
                    layer = _Convolution(width, outputs, kernel, stride=stride, padded=stride == 1)
                    self.add_module(branch + suffix, layer)
                width = sum(layer.outputs for layer in stage)
            self.outputs += width

    def forward(self, x_BCHW: Tensor) -> Tensor:
        found = []
        for branch, stages in self._names.items():
            branch_x = _pooled(x_BCHW, self._pool) if branch == "branch_pool" else x_BCHW
            for names in stages:
                branch_x = torch.cat([getattr(self, name)(branch_x) for name in names], dim=1)
            found.append(branch_x)
        if "branch_pool" not in self._names:
            found.append(_pooled(x_BCHW, self._pool))
        return torch.cat(found, dim=1)


def _pooled(x_BCHW: Tensor, pool: str) -> Tensor:
    if pool == "mean":
        return avg_pool2d(x_BCHW, 3, stride=1, padding=1, count_include_pad=False)
    return max_pool2d(x_BCHW, 3, stride=1, padding=1) if pool == "max" else max_pool2d(x_BCHW, 3, stride=2)


def _chain(*layers: _Layer) -> _Stages:
    return [(layer,) for layer in layers]


def _block_a(inputs: int, pooled: int) -> _Mixed:
    branches = {
        "branch1x1": _chain(_Layer("", 64)),
        "branch5x5": _chain(_Layer("_1", 48), _Layer("_2", 64, (5, 5))),
        "branch3x3dbl": _chain(_Layer("_1", 64), _Layer("_2", 96, (3, 3)), _Layer("_3", 96, (3, 3))),
    }
    return _Mixed(inputs, branches, pool="mean", pooled=pooled)


def _block_b(inputs: int) -> _Mixed:
    branches = {
        "branch3x3": _chain(_Layer("", 384, (3, 3), 2)),
        "branch3x3dbl": _chain(_Layer("_1", 64), _Layer("_2", 96, (3, 3)), _Layer("_3", 96, (3, 3), 2)),
    }
    return _Mixed(inputs, branches, pool="halve")


def _block_c(inputs: int, inner: int) -> _Mixed:
    wide, high = (1, 7), (7, 1)
    branches = {
        "branch1x1": _chain(_Layer("", 192)),
        "branch7x7": _chain(_Layer("_1", inner), _Layer("_2", inner, wide), _Layer("_3", 192, high)),
        "branch7x7dbl": _chain(
            _Layer("_1", inner),
            _Layer("_2", inner, high),
            _Layer("_3", inner, wide),
            _Layer("_4", inner, high),
            _Layer("_5", 192, wide),
        ),
    }
    return _Mixed(inputs, branches, pool="mean", pooled=192)


def _block_d(inputs: int) -> _Mixed:
    branches = {
        "branch3x3": _chain(_Layer("_1", 192), _Layer("_2", 320, (3, 3), 2)),
        "branch7x7x3": _chain(
            _Layer("_1", 192),
            _Layer("_2", 192, (1, 7)),
            _Layer("_3", 192, (7, 1)),
            _Layer("_4", 192, (3, 3), 2),
        ),
    }
    return _Mixed(inputs, branches, pool="halve")


def _block_e(inputs: int, pool: str) -> _Mixed:
    def fork(number: int) -> tuple[_Layer, ...]:
        return _Layer(f"_{number}a", 384, (1, 3)), _Layer(f"_{number}b", 384, (3, 1))

    branches = {
        "branch1x1": _chain(_Layer("", 320)),
        "branch3x3": [*_chain(_Layer("_1", 384)), fork(2)],
        "branch3x3dbl": [*_chain(_Layer("_1", 448), _Layer("_2", 384, (3, 3))), fork(3)],
    }
    return _Mixed(inputs, branches, pool=pool, pooled=192)


class Inception(nn.Module):
    """B x 2048 features of B x 3 x 299 x 299 pictures in 0..255, after the last average over places."""

    def __init__(self) -> None:
        super().__init__()
        three = (3, 3)
        self.Conv2d_1a_3x3 = _Convolution(3, 32, three, stride=2, padded=False)
        self.Conv2d_2a_3x3 = _Convolution(32, 32, three, padded=False)
        self.Conv2d_2b_3x3 = _Convolution(32, 64, three)
        self.Conv2d_3b_1x1 = _Convolution(64, 80, (1, 1))
        self.Conv2d_4a_3x3 = _Convolution(80, 192, three, padded=False)
        self.Mixed_5b = _block_a(192, 32)
        self.Mixed_5c = _block_a(256, 64)
        self.Mixed_5d = _block_a(288, 64)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b = _block_c(768, 128)
        self.Mixed_6c = _block_c(768, 160)
        self.Mixed_6d = _block_c(768, 160)
        self.Mixed_6e = _block_c(768, 192)
        self.Mixed_7a = _block_d(768)
        self.Mixed_7b = _block_e(1280, "mean")
        self.Mixed_7c = _block_e(2048, "max")

    def forward(self, pixels_B3HW: Tensor) -> Tensor:
        x = (pixels_B3HW - 128) / 128
        for name, layer in self.named_children():
            if name in ("Conv2d_3b_1x1", "Mixed_5b"):
                x = max_pool2d(x, 3, stride=2)
            x = layer(x)
        return x.mean((-2, -1))

    def load(self, path: Path) -> None:
        """Take the weights that pytorch-fid and torch-fidelity publish, all but those of the 1008 classes.

        Raises ValueError for a file with other names or shapes.
        """
        state = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
        counters = {name: value for name, value in self.state_dict().items() if name.endswith(_COUNTER)}
        taken = {name: value for name, value in state.items() if not name.startswith("fc.")}
        taken = counters | taken  # some files have these counts of training steps, which nothing reads here
        if other := sorted(taken.keys() ^ self.state_dict().keys()):
            raise ValueError(f"{path}: not the weights of FID's Inception v3; {other[0]!r} is in one alone")
        try:
            self.load_state_dict(taken, strict=True)
        except RuntimeError as error:
            raise ValueError(f"{path}: not the weights of FID's Inception v3; {error}") from error


_COUNTER = ".num_batches_tracked"


def resized_as_tensorflow(photo: Image.Image) -> np.ndarray:
    """299 x 299 x 3 float32 in 0..255: bilinear as in TensorFlow 1, places i · (old / new), no smoothing."""
    pixels_HW3 = np.asarray(photo, dtype=np.float32)
    for axis in (1, 0):
        length = pixels_HW3.shape[axis]
        place = np.arange(SIZE, dtype=np.float32) * np.float32(length / SIZE)
        low = place.astype(np.int64)
        high = np.minimum(low + 1, length - 1)
        share = (place - low.astype(np.float32)).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        below, above = pixels_HW3.take(low, axis), pixels_HW3.take(high, axis)
        pixels_HW3 = below + (above - below) * share
    return pixels_HW3


def resized_cleanly(photo: Image.Image) -> np.ndarray:
    """299 x 299 x 3 float32 about 0..255: bicubic and smoothed, never rounded or cut (Parmar et al. 2022).

    arXiv:2104.11222; values overshoot at edges, and its released code leaves them so.
    """
    channels = np.asarray(photo, dtype=np.float32).transpose(2, 0, 1)
    bicubic = Image.Resampling.BICUBIC
    resized = [np.asarray(Image.fromarray(channel).resize((SIZE, SIZE), bicubic)) for channel in channels]
    return np.stack(resized, axis=-1)
