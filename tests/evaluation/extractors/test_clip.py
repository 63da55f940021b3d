"""CLIP: pictures as its own preprocessing makes them, captions cut, both of unit length in any batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize
from transformers import CLIPConfig, CLIPModel

from facemogle.evaluation.extractors import MissingWeights, open_clip
from facemogle.models.tokenizer import build_tokenizer

NAME = "clip-vit-base-patch16"
CAPTIONS = ["a young woman", "an old man with a hat and a smiling old man", ""]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of two layers and 10 tokens with random weights, and the mini model's tokenizer."""
    folder = tmp_path_factory.mktemp("weights")
    words = "a an the old young woman man with and hat smiling"
    tokenizer = build_tokenizer(words.split(" "), max_length=99)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={
            **size,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 10,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={**size, "image_size": 32, "patch_size": 8},
        projection_dim=12,
    )
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder / NAME)
    tokenizer.save_pretrained(folder / NAME)
    return folder


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(0)
    sizes = ((32, 32), (40, 64), (90, 50))
    return [Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


@pytest.mark.parametrize(("encoder", "inputs"), [("images", pictures()), ("texts", CAPTIONS)])
def test_features_have_unit_length_and_do_not_depend_on_the_batch(encoder: str, inputs: list, weights: Path):
    encode = getattr(open_clip(NAME, weights=weights), encoder)
    together = encode(inputs)
    assert together.shape == (3, 12)
    torch.testing.assert_close(together.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(encode(inputs, batch_size=2), together, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.cat([encode([x]) for x in inputs]), together, atol=1e-5, rtol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-3
    assert encode([]).shape == (0, 12)


def test_a_picture_of_its_size_goes_in_as_it_is(weights: Path):
    picture = pictures()[0]
    mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    pixels = torch.from_numpy(((np.asarray(picture) / 255 - mean) / std).astype(np.float32)).movedim(-1, 0)
    model = CLIPModel.from_pretrained(weights / NAME).eval()
    with torch.inference_mode():
        expected = model.visual_projection(model.vision_model(pixels[None]).pooler_output)
    found = open_clip(NAME, weights=weights).images([picture])
    torch.testing.assert_close(found, normalize(expected, dim=-1), atol=1e-5, rtol=1e-5)


def test_what_is_not_square_is_cut_to_its_middle(weights: Path):
    clip = open_clip(NAME, weights=weights)
    square = pictures()[0].resize((64, 64))
    wide = Image.new("RGB", (128, 64), "red")
    wide.paste(square, (32, 0))
    high = Image.new("RGB", (64, 128), "red")
    high.paste(square, (0, 32))
    found = clip.images([square, wide, high])
    # Only the smoothing at the sides sees what was cut off.
    assert (found[1:] @ found[0]).min() > 0.99
    assert (clip.images([wide.resize((32, 32)), high.resize((32, 32))]) @ found[0]).max() < 0.98


def test_captions_are_cut_at_the_models_tokens(weights: Path):
    clip = open_clip(NAME, weights=weights)
    long = "a man with a hat and a smiling man"
    assert len(long.split()) == 9  # and the end is ten
    torch.testing.assert_close(clip.texts([long + " with an old young hat"]), clip.texts([long]))
    assert (clip.texts([long]) - clip.texts(["a woman with a hat and a smiling man"])).abs().max() > 1e-3


def test_what_is_missing_is_said(weights: Path):
    with pytest.raises(MissingWeights, match=r"CMMD needs clip-vit-large-patch14-336/model\.safetensors in"):
        open_clip("clip-vit-large-patch14-336", weights=weights)
    with pytest.raises(ValueError, match="unknown CLIP model 'clip'"):
        open_clip("clip", weights=weights)
