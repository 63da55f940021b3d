"""How well people would like a picture for its caption (Xu et al. 2023, arXiv:2304.05977)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from facemogle.core.photo import read_photo
from facemogle.evaluation.extractors.weights import MissingWeights, find


class ImageReward:
    """The reward of the `ImageReward` package, about normal with mean 0 over its own training pictures."""

    name = "image-reward"

    def __init__(self, model: Any):
        self._model = model

    @torch.inference_mode()
    def __call__(self, captions: Sequence[str], photos: Sequence[Image.Image]) -> Tensor:
        """N float32 for N captions and their pictures, one after another as the package does."""
        if len(captions) != len(photos):
            raise ValueError(f"needs a caption a picture, got {len(captions)} and {len(photos)}")
        return torch.tensor([self._reward(*pair) for pair in zip(captions, photos, strict=True)])

    def _reward(self, caption: str, photo: Image.Image) -> float:
        file = io.BytesIO()  # the package opens what it is given
        read_photo(photo).save(file, "PNG")
        file.seek(0)
        return float(self._model.score(caption, file))


def open_image_reward(*, weights: Path, device: str | torch.device = "cpu") -> ImageReward:
    """ImageReward v1.0, whose checkpoint and `med_config.json` lie in the folder. Raises MissingWeights.

    The package takes the tokenizer `bert-base-uncased` from the Hugging Face cache, where it must be.
    """
    checkpoint = find("image-reward", weights)
    # Not the package's own loader: that would ask the network for the second file even if it is here.
    if not (sizes := weights / "med_config.json").is_file():
        raise MissingWeights(
            f"ImageReward needs {sizes.name} in {weights}, which lies beside {checkpoint.name}"
        )
    from ImageReward.ImageReward import (  # pyright: ignore[reportMissingImports]
        ImageReward as PublishedImageReward,
    )

    model = PublishedImageReward(device=device, med_config=str(sizes))
    other = model.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True), strict=False)
    # Buffers that newer versions of transformers count anew are in old checkpoints alone.
    if other.missing_keys:
        raise ValueError(f"{checkpoint}: not ImageReward's weights; {other.missing_keys[0]!r} is not in it")
    return ImageReward(model.to(device).eval())
