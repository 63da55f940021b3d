"""Captions to embeddings, through the two text encoders of FLUX or the one of the mini model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import CLIPTextModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast, T5EncoderModel

from facemogle.core.learnt_words import in_learnt_words
from facemogle.models.tokenizer import truncated_words, unknown_words

UNHEEDED = {
    "unknown_words": "does not know",
    "truncated_words": "has no room for",
    "doubtful_negations": "may show in spite of the negation",
}
"""What of a caption a model may not heed: fields of `Reading`, and how they are told."""


@dataclass(frozen=True)
class Reading:
    """A caption as a model reads it.

    text: what is encoded. unknown_words, truncated_words, doubtful_negations: words that the model does not
    know, words for which it has no room, things that the caption denies in a way that the model never learnt.
    """

    text: str
    unknown_words: list[str] = field(default_factory=list)
    truncated_words: list[str] = field(default_factory=list)
    doubtful_negations: list[str] = field(default_factory=list)


@torch.no_grad()
def encode_captions(
    captions: Sequence[str],
    *,
    text_encoder_2: T5EncoderModel,
    tokenizer_2: PreTrainedTokenizerBase,
    text_encoder: CLIPTextModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    max_sequence_length: int = 512,
) -> tuple[Tensor, Tensor]:
    """Token embeddings B x L x X and one pooled embedding B x P a caption.

    As in FLUX, tokens come from the T5 encoder over a padded sequence (L is max_sequence_length, at most what
    the tokenizer was made for) and the pooled embedding from CLIP. Without CLIP, as in the mini model, the
    pooled embedding is the mean over the caption's own tokens.
    """
    ids, attended = tokenize(tokenizer_2, captions, max_sequence_length)
    tokens_BLX = text_encoder_2(ids.to(text_encoder_2.device))[0]
    if text_encoder is None or tokenizer is None:
        return tokens_BLX, masked_mean(tokens_BLX, attended.to(tokens_BLX.device))
    clip_ids, _ = tokenize(tokenizer, captions, tokenizer.model_max_length)
    return tokens_BLX, text_encoder(clip_ids.to(text_encoder.device)).pooler_output


def read_caption(caption: str, tokenizer: PreTrainedTokenizerFast, max_length: int) -> Reading:
    """The caption in words that the mini model learnt, as far as there are some."""
    text, doubtful = in_learnt_words(caption)
    unread = unknown_words(tokenizer, text), truncated_words(tokenizer, text, max_length)
    return Reading(text, *unread, doubtful)


def tokenize(
    tokenizer: PreTrainedTokenizerBase, captions: Sequence[str], max_length: int
) -> tuple[Tensor, Tensor]:
    """Ids and attention mask, both B x L, padded and cut to one fixed length."""
    length = min(max_length, tokenizer.model_max_length)
    encoded = tokenizer(
        list(captions), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
    return encoded.input_ids, encoded.attention_mask


def masked_mean(tokens_BLX: Tensor, attended_BL: Tensor) -> Tensor:
    """Mean over the tokens that are not padding."""
    weight_BL1 = attended_BL.unsqueeze(-1).to(tokens_BLX.dtype)
    return (tokens_BLX * weight_BL1).sum(1) / weight_BL1.sum(1).clamp(min=1)
