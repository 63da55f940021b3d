"""The embedded model as it ships: complete, small, in float32, and obedient to caption and mask."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.core.regions import region_id

WEIGHTS_LIMIT = 60_000_000


@pytest.fixture(scope="module")
def folder(assets: Path) -> Path:
    if not (assets / "mini" / "model_index.json").is_file():
        pytest.skip("needs the embedded model: it is not in this checkout")
    return assets / "mini"


@pytest.fixture(scope="module")
def mini(folder) -> FaceMoGLEPipeline:
    pipe = FaceMoGLEPipeline.mini()
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_ships_with_card_and_terms_below_the_limit(folder, assets):
    assert (folder / "MODEL_CARD.md").is_file()
    assert "non-commercial" in (folder / "LICENSE.md").read_text()
    assert not [path for path in assets.rglob("*") if path.suffix in (".pt", ".bin", ".ckpt", ".pkl")]
    assert sum(path.stat().st_size for path in assets.rglob("*") if path.is_file()) < WEIGHTS_LIMIT


def test_is_float32_in_all_parts_though_stored_in_half(mini):
    parts = (mini.vae, mini.text_encoder_2, mini.transformer, mini.mogle)
    assert {parameter.dtype for part in parts for parameter in part.parameters()} == {torch.float32}


@pytest.mark.slow
def test_hair_takes_the_color_of_the_caption_where_the_mask_has_it(mini, assets):
    label_map = LabelMap.read(assets / "examples" / "long_hair.png").resize(height=128, width=128)
    hair = label_map.ids == region_id("hair")
    seeds = [1, 2, 3]

    def brightness(color: str) -> float:
        images = mini(f"a young woman with {color} hair", mask=label_map, seed=seeds).images
        return float(np.mean([np.asarray(image.convert("L"))[hair].mean() for image in images]))

    assert brightness("blond") > brightness("black") + 30


@pytest.mark.slow
def test_two_masks_give_two_outlines_and_two_seeds_two_faces(mini, assets):
    """The same hair is dark where its own mask has it and not where another face's mask has none."""
    maps = [
        LabelMap.read(assets / "examples" / f"{name}.png").resize(height=128, width=128)
        for name in ("long_hair", "bald")
    ]
    only_long = (maps[0].ids == region_id("hair")) & (maps[1].ids == region_id("background"))
    images = mini("a person with black hair", mask=[*maps, maps[0]], seed=[5, 5, 6]).images
    long_hair, bald, other = (np.asarray(image.convert("L")).astype(float) for image in images)
    assert long_hair[only_long].mean() < bald[only_long].mean() - 20
    assert np.abs(long_hair - other).mean() > 5


def test_every_word_of_the_examples_is_known(mini, assets):
    prompts = [example["prompt"] for example in json.loads((assets / "examples/captions.json").read_text())]
    known = mini([prompt or "" for prompt in prompts], num_inference_steps=1, output_type="latent", seed=0)
    assert known.unknown_words == [[] for _ in prompts]
