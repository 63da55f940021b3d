"""Captions to embeddings, through the two text encoders of FLUX or the one of the mini model."""

from __future__ import annotations

from collections.abc import Sequence

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
"""What of a caption the mini model may not heed: kinds, and how they are told."""


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


def read_captions(
    captions: Sequence[str], tokenizer: PreTrainedTokenizerFast, max_length: int
) -> tuple[list[str], list[list[list[str]]]]:
    """The captions in words that the mini model learnt, and what of each it may not heed, as in UNHEEDED."""
    read = [in_learnt_words(caption) for caption in captions]
    learnt = [text for text, _ in read]
    return learnt, [
        [unknown_words(tokenizer, text) for text in learnt],
        [truncated_words(tokenizer, text, max_length) for text in learnt],
        [doubtful for _, doubtful in read],
    ]


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
