"""Pictures and captions in the space that CLIP has for both (Radford et al. 2021, arXiv:2103.00020).

N pictures or captions, D numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize
from transformers import AutoTokenizer, CLIPModel

from facemogle.core.photo import read_photo
from facemogle.evaluation.extractors.photos import middle, standardised, unit_range, with_shorter_side
from facemogle.evaluation.extractors.pretrained import read_model
from facemogle.evaluation.extractors.weights import find
from facemogle.models.text import tokenize

CLIPS = ("clip-vit-base-patch16", "clip-vit-large-patch14-336")
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ClipModel:
    """CLIP's two encoders; both give N x D float32 of unit length, on the CPU, the same in any batch."""

    def __init__(self, name: str, folder: Path, *, device: str | torch.device):
        self.name, self._device = name, torch.device(device)
        self._model = read_model(CLIPModel, folder, device=device)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._size = self._model.config.vision_config.image_size
        self._num_tokens = self._model.config.text_config.max_position_embeddings

    @torch.inference_mode()
    def images(self, photos: Sequence[Image.Image], *, batch_size: int = 32) -> Tensor:
        """Shorter side to the model's size, then its middle: nothing is lost of a square picture."""
        found = [torch.zeros(0, self._model.config.projection_dim)]
        for first in range(0, len(photos), batch_size):
            batch = torch.stack([self._pixels(photo) for photo in photos[first : first + batch_size]])
            pooled = self._model.vision_model(pixel_values=batch.to(self._device)).pooler_output
            found.append(normalize(self._model.visual_projection(pooled), dim=-1).cpu())
        return torch.cat(found)

    @torch.inference_mode()
    def texts(self, captions: Sequence[str], *, batch_size: int = 32) -> Tensor:
        """Captions are cut at the model's number of tokens, 77 with start and end."""
        found = [torch.zeros(0, self._model.config.projection_dim)]
        for first in range(0, len(captions), batch_size):
            batch = captions[first : first + batch_size]
            ids, attended = (
                each.to(self._device) for each in tokenize(self._tokenizer, batch, self._num_tokens)
            )
            pooled = self._model.text_model(input_ids=ids, attention_mask=attended).pooler_output
            found.append(normalize(self._model.text_projection(pooled), dim=-1).cpu())
        return torch.cat(found)

    def _pixels(self, photo: Image.Image) -> Tensor:
        square = middle(with_shorter_side(read_photo(photo), self._size), self._size)
        return standardised(unit_range(square), mean=_MEAN, std=_STD)


def open_clip(name: str, *, weights: Path, device: str | torch.device = "cpu") -> ClipModel:
    """One of CLIPS: the base model is the CLIP score's, the large one CMMD's.

    Raises MissingWeights, and ValueError for an unknown name.
    """
    if name not in CLIPS:
        raise ValueError(f"unknown CLIP model {name!r}, known are {', '.join(CLIPS)}")
    return ClipModel(name, find(name, weights).parent, device=device)
