"""Keys of DINO's last layer, which hold a picture's structure. T tokens, D width.

Caron et al. 2021, arXiv:2104.14294; keys as in Tumanyan et al. 2022, arXiv:2201.00424.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import ViTModel

from facemogle.core.photo import read_photo
from facemogle.evaluation.extractors.photos import standardised, unit_range, with_shorter_side
from facemogle.evaluation.extractors.pretrained import read_model
from facemogle.evaluation.extractors.weights import find

Protocol = Literal["correct", "paper"]
_SIDE = 224
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_KEY_NAMES = ("key", "k_proj")
"""Of the layer that makes keys: transformers has renamed it."""


class DinoKeys:
    """For every picture the keys of all its tokens, class token first, all heads joined: T x D, on the CPU.

    protocol correct: shorter side to 224 pixels, bicubic, ImageNet's mean and deviation, as DINO learnt.
    paper: pictures at their own size in [0, 1], as the released evaluation of Face-MoGLE feeds them; only
    pictures of one size can be compared, and memory grows with the fourth power of the side.
    """

    name = "dino-vitb8"

    def __init__(self, folder: Path, *, device: str | torch.device):
        self._device = torch.device(device)
        self._model = read_model(ViTModel, folder, device=device, add_pooling_layer=False)
        makers = [
            layer
            for name, layer in self._model.named_modules()
            if isinstance(layer, nn.Linear) and name.rpartition(".")[2] in _KEY_NAMES
        ]
        makers[-1].register_forward_hook(self._keep)
        self._keys_BTD: Tensor | None = None

    def __call__(self, photos: Iterable[Image.Image], *, protocol: Protocol) -> Iterator[Tensor]:
        """One picture at a time, for a set's keys need not fit into memory. ValueError for other names."""
        if protocol not in ("correct", "paper"):
            raise ValueError(f"protocol must be 'correct' or 'paper', got {protocol!r}")
        return (self._keys(read_photo(photo), protocol) for photo in photos)

    @torch.inference_mode()
    def _keys(self, photo: Image.Image, protocol: Protocol) -> Tensor:
        if protocol == "correct":
            pixels = standardised(unit_range(with_shorter_side(photo, _SIDE)), mean=_MEAN, std=_STD)
        else:
            pixels = unit_range(photo)
        self._model(pixel_values=pixels[None].to(self._device), interpolate_pos_encoding=True)
        assert self._keys_BTD is not None
        return self._keys_BTD[0].cpu()

    def _keep(self, _layer: nn.Module, _inputs: tuple[Tensor, ...], keys_BTD: Tensor) -> None:
        self._keys_BTD = keys_BTD


def open_dino(*, weights: Path, device: str | torch.device = "cpu") -> DinoKeys:
    """DINO ViT-B/8. Raises MissingWeights."""
    return DinoKeys(find("dino-vitb8", weights).parent, device=device)
