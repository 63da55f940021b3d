"""What encodes photographs and captions for a cache: the mini model's parts, or FLUX's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import AutoTokenizer, CLIPTextModel, PreTrainedTokenizerFast, T5EncoderModel

from facemogle.apps.model import find_device, model_folder
from facemogle.apps.train.options import read_autoencoder
from facemogle.data.captions import caption_words
from facemogle.models.autoencoder import Autoencoder
from facemogle.models.mini import SIZE
from facemogle.models.text import encode_captions, tokenize
from facemogle.models.tokenizer import build_tokenizer
from facemogle.training.checkpoint import file_hash

_FLUX_SIZE = 512
_CAPTIONS_AT_ONCE = 16  # through FLUX's text encoders


@dataclass(frozen=True)
class Encoders:
    """An autoencoder and a function from captions to tensors; `made_of` has the hashes of their weights."""

    vae: Autoencoder
    encode_captions: Callable[[list[str]], dict[str, Tensor]]
    made_of: dict[str, str]
    size: int
    dtype: torch.dtype
    captions_at_once: int
    tokenizer: PreTrainedTokenizerFast | None = None

    def save_words(self, folder: Path) -> None:
        """The tokenizer whose ids the cache holds, if it holds ids."""
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(folder / "tokenizer")


def weights_hash(folder: Path) -> str:
    """32 hex digits of all safetensors files of a folder. ValueError if there is none."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise ValueError(f"{folder}: holds no .safetensors weights")
    return hashlib.sha256("".join(map(file_hash, paths)).encode()).hexdigest()[:32]


def mini_encoders(model: str, autoencoder: Path | None, device: str | None) -> Encoders:
    """Those of a pipeline ("mini" or a folder), or an autoencoder with the words of face captions."""
    if autoencoder is None:
        folder = model_folder(model)
        vae_folder, index = folder / "vae", json.loads((folder / "model_index.json").read_text())
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer_2", local_files_only=True)
        size = index["default_size"]
    else:
        vae_folder, size = autoencoder, SIZE
        tokenizer = build_tokenizer(caption_words())
    vae = read_autoencoder(vae_folder).eval()
    vae.to(find_device(device), memory_format=torch.channels_last)  # pyright: ignore

    def ids(texts: list[str]) -> dict[str, Tensor]:
        found, attended = tokenize(tokenizer, texts, tokenizer.model_max_length)
        return {"ids": found.int(), "attended": attended.int()}

    words = hashlib.sha256(json.dumps(sorted(tokenizer.get_vocab().items())).encode()).hexdigest()[:32]
    made_of = {"autoencoder": weights_hash(vae_folder), "words": words}
    return Encoders(vae, ids, made_of, size, torch.float16, 1 << 20, tokenizer)


def flux_encoders(flux: Path, caption_tokens: int, device: str | None) -> Encoders:
    """FLUX.1-dev's autoencoder and text encoders; the latter are loaded when the former's work is done."""
    for part in ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"):
        if not (flux / part).is_dir():
            raise ValueError(f"--flux {flux}: no FLUX.1-dev is there (no {part}/)")
    target = find_device(device)
    dtype = torch.bfloat16 if target.type == "cuda" else torch.float32
    local: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
    vae = AutoencoderKL.from_pretrained(flux / "vae", dtype=dtype, **local).eval()
    vae.to(target)  # pyright: ignore[reportArgumentType] - diffusers hides the signature
    loaded: dict[str, Any] = {}

    def embeddings(texts: list[str]) -> dict[str, Tensor]:
        if not loaded:
            vae.to("cpu")  # pyright: ignore[reportArgumentType] - captions come last; T5 needs the room
            loaded["t5"] = T5EncoderModel.from_pretrained(flux / "text_encoder_2", dtype=dtype, **local)
            loaded["clip"] = CLIPTextModel.from_pretrained(flux / "text_encoder", dtype=dtype, **local)
            for encoder in loaded.values():
                encoder.to(target)
            for part in ("tokenizer", "tokenizer_2"):
                loaded[part] = AutoTokenizer.from_pretrained(flux / part, local_files_only=True)
        parts = [
            encode_captions(
                texts[i : i + _CAPTIONS_AT_ONCE],
                text_encoder_2=loaded["t5"],
                tokenizer_2=loaded["tokenizer_2"],
                text_encoder=loaded["clip"],
                tokenizer=loaded["tokenizer"],
                max_sequence_length=caption_tokens,
            )
            for i in range(0, len(texts), _CAPTIONS_AT_ONCE)
        ]
        tokens, pooled = (torch.cat(found).to("cpu", torch.bfloat16) for found in zip(*parts, strict=True))
        return {"tokens": tokens, "pooled": pooled}

    made_of = {
        "autoencoder": weights_hash(flux / "vae"),
        "text encoders": weights_hash(flux / "text_encoder_2")[:16]
        + weights_hash(flux / "text_encoder")[:16],
        "caption tokens": str(caption_tokens),
    }
    return Encoders(vae, embeddings, made_of, _FLUX_SIZE, torch.bfloat16, 64)
