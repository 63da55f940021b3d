"""Pictures to rows of features, which distances of sets are taken from. B batch, N pictures, D features."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from facemogle.core.photo import read_photo
from facemogle.evaluation.extractors.inception import Inception, resized_as_tensorflow, resized_cleanly
from facemogle.evaluation.extractors.weights import find
from facemogle.models.attributes import SIZE as JUDGE_SIZE
from facemogle.models.attributes import AttributePredictor
from facemogle.models.squeezenet import SqueezeNetFeatures

FEATURES = ("inception", "inception-clean", "squeezenet", "judge")
_INCEPTION_RESIZED = {"inception": resized_as_tensorflow, "inception-clean": resized_cleanly}
_SQUEEZENET_SIZE = 227
"""Pixels of a side of what SqueezeNet learnt from."""
_LEVEL = 64
"""About the root mean square of SqueezeNet's features. KID's kernel is not free of scale: features should be
of about one, as Inception's are, for it to weigh all of the first three moments."""


class Extractor(Protocol):
    """Features of pictures; `name` is part of every measure taken through it: "fid/squeezenet"."""

    @property
    def name(self) -> str: ...

    def __call__(self, photos: Sequence[Image.Image], *, batch_size: int = 32) -> Tensor:
        """N x D float32 on the CPU; a picture's features do not depend on its batch."""
        ...


class NetworkFeatures:
    """What a network finds in pictures that `pixels` makes H x W x 3, all of one size."""

    def __init__(
        self,
        name: str,
        network: Callable[[Tensor], Tensor],
        *,
        pixels: Callable[[Image.Image], np.ndarray],
        device: str | torch.device,
    ):
        self.name = name
        self._network, self._pixels, self._device = network, pixels, device

    @torch.inference_mode()
    def __call__(self, photos: Sequence[Image.Image], *, batch_size: int = 32) -> Tensor:
        if not photos:
            raise ValueError(f"{self.name}: no pictures to take features of")
        found = []
        for first in range(0, len(photos), batch_size):
            batch = [self._pixels(read_photo(photo)) for photo in photos[first : first + batch_size]]
            pixels_B3HW = torch.from_numpy(np.stack(batch)).movedim(-1, 1).to(self._device).float()
            found.append(self._network(pixels_B3HW).float().cpu())
        return torch.cat(found)


def open_features(name: str, *, weights: Path, device: str | torch.device = "cpu") -> Extractor:
    """One of FEATURES, in float32 on any torch device.

    inception: FID's Inception v3, 2048 numbers; pictures resized as TensorFlow 1 did, as torch-fidelity and
    torchmetrics keep it. inception-clean: the same resized as clean-fid does.
    squeezenet: SqueezeNet v1.0's last layer before its classifier, ImageNet weights, 512 numbers.
    judge: the same layer of the embedded judge of attributes, so it knows faces; always there.
    Raises MissingWeights, and ValueError for an unknown name or a file of other weights.
    """
    if name in _INCEPTION_RESIZED:
        network = Inception()
        network.load(find(name, weights))
        return NetworkFeatures(
            name, network.to(device).eval(), pixels=_INCEPTION_RESIZED[name], device=device
        )
    if name == "squeezenet":
        network = SqueezeNetFeatures(stages=(9,))
        network.load(find(name, weights))
        return _squeezenet(name, network, size=_SQUEEZENET_SIZE, device=device)
    if name == "judge":
        return _squeezenet(name, AttributePredictor.mini(judge=True).backbone, size=JUDGE_SIZE, device=device)
    guess = "".join(f", did you mean {near!r}?" for near in difflib.get_close_matches(name, FEATURES, n=1))
    raise ValueError(f"unknown features {name!r}, known are {', '.join(FEATURES)}{guess}")


def _squeezenet(
    name: str, network: SqueezeNetFeatures, *, size: int, device: str | torch.device
) -> NetworkFeatures:
    network = network.to(device).eval()

    def mean_over_places(pixels_B3HW: Tensor) -> Tensor:
        (features_BDHW,) = network(pixels_B3HW / 127.5 - 1)
        return features_BDHW.mean((-2, -1)) / _LEVEL

    def pixels(photo: Image.Image) -> np.ndarray:
        return np.asarray(photo.resize((size, size), Image.Resampling.LANCZOS))

    return NetworkFeatures(name, mean_over_places, pixels=pixels, device=device)
