"""DINO's keys: of the last layer and every token, at any size, with two ways of feeding pictures."""

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn.functional import layer_norm, linear
from transformers import ViTConfig, ViTModel

from facemogle.evaluation.extractors import DinoKeys, MissingWeights, open_dino
from facemogle.evaluation.structure import structure_distance


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer of two layers with random weights, for 224 pixels in patches of 32."""
    folder = tmp_path_factory.mktemp("weights")
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        patch_size=32,
        image_size=224,
    )
    torch.manual_seed(0)
    model = ViTModel(config)
    torch.nn.init.normal_(model.embeddings.position_embeddings, std=0.5)
    model.save_pretrained(folder / "dino-vitb8")
    return folder


@pytest.fixture(scope="module")
def dino(weights: Path) -> DinoKeys:
    return open_dino(weights=weights)


def picture(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def keys_by_hand(weights: Path, pixels_3HW: torch.Tensor) -> torch.Tensor:
    """Through the published formula: the last layer's key weights on what its first norm gives out."""
    model = ViTModel.from_pretrained(weights / "dino-vitb8").eval()
    with torch.no_grad():
        states = model(pixels_3HW[None], interpolate_pos_encoding=True, output_hidden_states=True)
    parameters = dict(model.named_parameters())
    (norm,) = [name[: -len(".weight")] for name in parameters if name.endswith("1.layernorm_before.weight")]
    key = [name[: -len(".weight")] for name in parameters if name.endswith(("key.weight", "k_proj.weight"))][
        -1
    ]
    assert ".1." in key or "layers.1" in key
    with torch.no_grad():
        weight, bias = parameters[f"{norm}.weight"], parameters[f"{norm}.bias"]
        normed = layer_norm(states.hidden_states[1][0], (16,), weight, bias, eps=model.config.layer_norm_eps)
        return linear(normed, parameters[f"{key}.weight"], parameters[f"{key}.bias"])


def test_keys_are_the_last_layers_of_every_token(dino: DinoKeys, weights: Path):
    photo = picture(224, 224)
    pixels = torch.from_numpy(np.array(photo, dtype=np.float32)).movedim(-1, 0) / 255
    (paper,) = dino([photo], protocol="paper")
    assert paper.shape == (1 + 7 * 7, 16)
    torch.testing.assert_close(paper, keys_by_hand(weights, pixels), atol=1e-5, rtol=1e-5)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    (correct,) = dino([photo], protocol="correct")
    torch.testing.assert_close(correct, keys_by_hand(weights, (pixels - mean) / std), atol=1e-5, rtol=1e-5)
    assert (paper - correct).abs().max() > 1e-2


def test_sizes_and_order(dino: DinoKeys):
    photos = [picture(64, 96), picture(300, 200), picture(96, 96)]
    assert [len(keys) for keys in dino(photos, protocol="paper")] == [1 + 2 * 3, 1 + 9 * 6, 1 + 3 * 3]
    correct = list(dino(photos, protocol="correct"))
    assert [len(keys) for keys in correct] == [1 + 7 * 10, 1 + 10 * 7, 1 + 7 * 7]
    (alone,) = dino([photos[1]], protocol="correct")
    torch.testing.assert_close(alone, correct[1], atol=1e-5, rtol=1e-5)


def test_structure_of_a_picture_and_itself_is_the_same_and_of_its_mirror_is_not(dino: DinoKeys):
    photo = picture(128, 128)
    mirror = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    same, again, other = dino([photo, photo.copy(), mirror], protocol="correct")
    assert structure_distance(same, again) == 0
    assert structure_distance(same, other) > 1e-4


def test_what_cannot_be_is_refused(dino: DinoKeys, tmp_path: Path):
    with pytest.raises(ValueError, match="protocol must be 'correct' or 'paper', got 'papers'"):
        dino([], protocol="papers")  # pyright: ignore[reportArgumentType]
    with pytest.raises(MissingWeights, match=r"structure needs dino-vitb8/model\.safetensors in"):
        open_dino(weights=tmp_path)


def test_weights_that_are_not_whole_are_refused(weights: Path, tmp_path: Path):
    """transformers would draw the missing ones at random."""
    copytree(weights / "dino-vitb8", tmp_path / "dino-vitb8")
    file = tmp_path / "dino-vitb8" / "model.safetensors"
    state = load_file(file)
    save_file({name: value for name, value in state.items() if "layernorm_before" not in name}, file)
    with pytest.raises(ValueError, match=r"not the weights of a ViTModel; .*layernorm_before"):
        open_dino(weights=tmp_path)
