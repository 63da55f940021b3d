"""A small network that tells a face's attributes from a photograph, and keeps silent where it is unsure.

Shapes: B pictures, A numbers of the attribute code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from PIL import Image
from torch import Tensor, nn

from facemogle.core.photo import read_photo
from facemogle.models.attribute_code import ANGLES, CHOICES, NUM_CODES, PLACES, SCALES, decode
from facemogle.models.squeezenet import SqueezeNetFeatures

Photo: TypeAlias = "Image.Image | np.ndarray | str | Path"
SIZE = 128
"""Pixels of a side of what the network sees."""
_GRID = SIZE // 16


class AttributePredictor(ModelMixin, ConfigMixin):
    """Attributes of faces that are aligned as in FFHQ, in the form of a face service's answer.

    sure: how sure it has to be of what it says, as `attribute_code.decode` reads it; by default 0.9 where
    that is a probability, a spread of 0.12 of the age, 3 degrees.
    """

    @register_to_config
    def __init__(self, sure: dict[str, list[float]] | None = None):
        super().__init__()
        self.backbone = SqueezeNetFeatures(stages=(9,), padding=3)
        for layer in self.backbone.modules():
            if isinstance(layer, nn.Conv2d):  # torch's own start fades to nothing over so many layers
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.head = nn.Sequential(  # keeps places apart: where the nose lies tells the pose
            nn.Conv2d(512, 64, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(64 * _GRID * _GRID, 128),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(128, NUM_CODES),
        )

    @classmethod
    def mini(cls, *, judge: bool = False) -> AttributePredictor:
        """The embedded predictor, or the one that judges captions: it learnt from other photographs."""
        return cls.read(str(files("facemogle") / "assets" / ("judge" if judge else "attributes")))

    @classmethod
    def read(cls, folder: str | Path) -> AttributePredictor:
        """What `facemogle train attributes` wrote, in float32; ValueError if the folder holds none."""
        config = Path(folder) / "config.json"
        if not config.is_file() or json.loads(config.read_text()).get("_class_name") != cls.__name__:
            raise ValueError(f"{folder}: holds no predictor; `facemogle train attributes` makes one")
        return cls.from_pretrained(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True)

    def logits(self, images_B3HW: Tensor) -> Tensor:
        """B x A for pictures in [-1, 1]; angles come as they are, in the unit of the code."""
        (features,) = self.backbone(images_B3HW)
        return self.head(features / 64)  # about the root mean square of ImageNet's features here

    @torch.inference_mode()
    def codes(self, photos: Sequence[Photo], batch_size: int = 64) -> Tensor:
        """The attribute code of every photograph, N x A, probabilities and angles, on the CPU.

        Raises ValueError and OSError as `core.photo.read_photo` does.
        """
        found = [torch.zeros(0, NUM_CODES)]
        for first in range(0, len(photos), batch_size):
            pixels = np.stack([_pixels(photo) for photo in photos[first : first + batch_size]])
            images = torch.from_numpy(pixels).movedim(-1, 1).to(self.device, self.dtype) / 127.5 - 1
            found.append(probabilities(self.logits(images).float()).cpu())
        return torch.cat(found)

    def forward(self, photos: Sequence[Photo], batch_size: int = 64) -> list[dict[str, Any]]:
        """What is sure about each face: `captions_from_attributes` writes it; what is unsure is left out."""
        return [decode(code, self.sure) for code in self.codes(photos, batch_size)]

    @property
    def sure(self) -> dict[str, list[float]]:
        return self.config["sure"] or default_sure()


def default_sure() -> dict[str, list[float]]:
    """How sure a predictor has to be before anybody measured how often it is right."""
    sure = {name: [0.9] * len(scale.said) for name, scale in SCALES.items()}
    sure |= {name: [0.9] * len(options) for name, options in CHOICES.items()}
    return sure | {"age": [0.12]} | {name: [3.0] * len(ranges) for name, ranges in ANGLES.items()}


def probabilities(logits_BA: Tensor) -> Tensor:
    """The attribute code: chances of cuts and knots, shares of options, angles unchanged."""
    code = logits_BA.sigmoid()
    for name in CHOICES:
        code[:, PLACES[name]] = logits_BA[:, PLACES[name]].softmax(-1)
    for name in ANGLES:
        code[:, PLACES[name]] = logits_BA[:, PLACES[name]]
    return code


def _pixels(photo: Photo) -> np.ndarray:
    return np.asarray(read_photo(photo).resize((SIZE, SIZE), Image.Resampling.LANCZOS))
