"""Captions to embeddings: padding, cutting, and the pooled embedding of both kinds of model."""

import pytest
import torch
from diffusers import FluxPipeline

from facemogle.models.text import encode_captions, masked_mean, tokenize

CAPTIONS = ["an old man with a hat", "", "young woman"]


def test_masked_mean_by_hand():
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]], [[5.0, 5.0], [7.0, 7.0], [9.0, 9.0]]])
    attended = torch.tensor([[1, 1, 0], [0, 0, 0]])
    assert masked_mean(tokens, attended).tolist() == [[2.0, 4.0], [0.0, 0.0]]


class TestMini:
    @pytest.fixture
    def parts(self, tiny_pipe) -> dict:
        return {"text_encoder_2": tiny_pipe.text_encoder_2, "tokenizer_2": tiny_pipe.tokenizer_2}

    def test_tokens_are_those_of_the_padded_sequence(self, parts):
        tokens, pooled = encode_captions(CAPTIONS, **parts, max_sequence_length=10)
        assert tokens.shape == (3, 10, 32)
        for row, caption in enumerate(CAPTIONS):
            ids = parts["tokenizer_2"](caption).input_ids
            padded = torch.tensor([ids + [0] * (10 - len(ids))])
            with torch.no_grad():
                expected = parts["text_encoder_2"](padded)[0]
            torch.testing.assert_close(tokens[row : row + 1], expected)
            torch.testing.assert_close(pooled[row], expected[0, : len(ids)].mean(0))

    def test_an_empty_caption_is_its_end_alone(self, parts):
        tokens, pooled = encode_captions([""], **parts)
        torch.testing.assert_close(pooled, tokens[:, 0])

    def test_a_caption_does_not_see_the_batch(self, parts):
        tokens, pooled = encode_captions(CAPTIONS, **parts)
        for row, caption in enumerate(CAPTIONS):
            alone = encode_captions([caption], **parts)
            torch.testing.assert_close((tokens[row : row + 1], pooled[row : row + 1]), alone)

    def test_length_is_at_most_the_tokenizers(self, parts):
        limit = parts["tokenizer_2"].model_max_length
        assert encode_captions(["old"], **parts, max_sequence_length=512)[0].shape[1] == limit
        assert encode_captions(["old"], **parts, max_sequence_length=5)[0].shape[1] == 5

    def test_long_captions_are_cut_and_keep_their_end(self, parts):
        ids, attended = tokenize(parts["tokenizer_2"], ["old " * 50], 6)
        assert ids.shape == attended.shape == (1, 6)
        assert ids[0, -1] == parts["tokenizer_2"].eos_token_id
        assert attended.all()

    def test_no_gradient(self, parts):
        assert not any(embedding.requires_grad for embedding in encode_captions(["old"], **parts))


def test_flux_embeddings_are_those_of_its_pipeline(reference):
    flux = FluxPipeline.from_pretrained(reference / "flux")
    captions = ["a man with a beard", ""]
    with torch.no_grad():
        tokens, pooled, _ = flux.encode_prompt(captions, None, max_sequence_length=16)
    ours = encode_captions(
        captions,
        text_encoder=flux.text_encoder,
        tokenizer=flux.tokenizer,
        text_encoder_2=flux.text_encoder_2,
        tokenizer_2=flux.tokenizer_2,
        max_sequence_length=16,
    )
    torch.testing.assert_close(ours, (tokens, pooled), atol=1e-6, rtol=0)
