"""Recipes: strict files, sensible ranges, and what makes two runs the same run."""

import math
from pathlib import Path

import pytest

from facemogle.training.recipe import (
    FluxRecipe,
    GeneratorRecipe,
    Schedule,
    read_recipe,
    recipe_from,
)

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = """
kind = "generator"
[data]
cache = "cache"
[schedule]
steps = 100
batch_size = 8
"""


def written(tmp_path, text: str = SMALL):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_file_with_changes(tmp_path):
    recipe = read_recipe(written(tmp_path), ["schedule.steps=7", "optimizer.name=prodigy", "seed=3"])
    assert isinstance(recipe, GeneratorRecipe)
    assert (recipe.schedule.steps, recipe.schedule.batch_size, recipe.optimizer.name) == (7, 8, "prodigy")
    assert recipe.seed == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SMALL + "\n[objective]\ncaptoin_drop = 0.1",
            "recipe.toml: objective.captoin_drop: unknown setting, did you",
        ),
        (SMALL + "\n[objective]\nplane_drop = 1.5", "objective: plane_drop is 1.5, must be between 0 and 1"),
        (SMALL + "\n[objective]\nmask_drop = 0.7\nboth_drop = 0.6", "mask_drop + both_drop is 1.29"),
        (SMALL + "accumulate = 3", "batch_size 8 must be divisible by accumulate 3"),
        (SMALL + "\n[log]\nkeep = 1", "keep is 1, must be at least 2"),
        (SMALL + "\n[average]\nhalf_lives = [5, 5]", "half_lives are"),
        (SMALL + "\n[model]\nhead_width = 40", "head_width is 40, must be divisible by 16"),
        (SMALL.replace("generator", "gan"), "kind is 'gan', must be one of autoencoder, generator, flux"),
        (SMALL + "steps = 3", "no TOML file"),
        (SMALL.replace("cache = ", "store = "), "data.store: unknown setting"),
        ('kind = "generator"\n[schedule]\nsteps = 1\nbatch_size = 1', "data.cache: missing"),
    ],
)
def test_bad_files_are_explained(tmp_path, text, message):
    with pytest.raises(ValueError, match=r"recipe\.toml") as caught:
        read_recipe(written(tmp_path, text))
    assert message in str(caught.value)


def test_a_frozen_base_cannot_learn_without_masks():
    flux = {"kind": "flux", "data": {"cache": "c"}, "schedule": {"steps": 1, "batch_size": 1}}
    flux["model"] = {"flux": "FLUX.1-dev"}
    with pytest.raises(ValueError, match=r"model\.dtype 'bfloat16' needs precision\.autocast"):
        recipe_from(flux)
    flux["precision"] = {"autocast": "bfloat16"}
    assert isinstance(recipe_from(flux), FluxRecipe)
    with pytest.raises(
        ValueError, match=r"mask_drop is 0\.1, must be 0\.0: adapters act on mask tokens alone"
    ):
        recipe_from(flux | {"objective": {"mask_drop": 0.1}})


def test_released_weights_are_no_ablation():
    flux = {"kind": "flux", "data": {"cache": "c"}, "schedule": {"steps": 1, "batch_size": 1}}
    model = {"flux": "FLUX.1-dev", "variant": "static_gate", "start_mogle": "mogle.pt", "dtype": "float32"}
    with pytest.raises(ValueError, match="variant is 'static_gate', must be 'full' with start_mogle"):
        recipe_from(flux | {"model": model})
    recipe = recipe_from(flux | {"model": model | {"start_mogle": ""}})
    assert isinstance(recipe, FluxRecipe)
    assert recipe.model.variant == "static_gate"


def test_how_a_mask_is_read_may_change_with_fresh_weights_only(tmp_path):
    path = written(tmp_path)
    fresh = ["model.start=mini", "model.fresh_mask=true", "model.variant=spade"]
    recipe = read_recipe(path, fresh)
    assert isinstance(recipe, GeneratorRecipe)
    assert recipe.model.variant == "spade"
    with pytest.raises(ValueError, match="variant is 'spade': with a start, whose own counts"):
        read_recipe(path, ["model.start=mini", "model.variant=spade"])
    with pytest.raises(ValueError, match="fresh_mask is true, must be false without a start"):
        read_recipe(path, ["model.fresh_mask=true"])


def test_identity_leaves_out_how_a_run_is_watched_and_divided(tmp_path):
    path = written(tmp_path)
    one = read_recipe(path).identity()
    watched = ["log.every=1", "validation.faces=3", "schedule.accumulate=2", "data.cache=elsewhere"]
    assert read_recipe(path, [*watched, "hardware.sharding=fsdp2"]).identity() == one
    other = read_recipe(path, ["objective.time_shift=1.5"]).identity()
    assert {name for name in one if one[name] != other[name]} == {"objective.time_shift"}
    assert {"seed", "schedule.steps", "optimizer.betas", "model.variant"} < one.keys()


class TestSchedule:
    def test_warms_up_holds_and_cools_down_in_a_line(self):
        plan = Schedule(steps=100, batch_size=1, warmup_steps=10, decay_share=0.2)
        assert [plan.rate(step) for step in (0, 4, 9, 50, 79)] == pytest.approx([0.1, 0.5, 1.0, 1.0, 1.0])
        assert plan.rate(90) == pytest.approx(0.5)
        assert plan.rate(99) == pytest.approx(0.05)

    def test_cosine_and_constant(self):
        plan = Schedule(steps=100, batch_size=1, warmup_steps=0, decay="cosine", decay_share=1.0)
        expected = [(1 + math.cos(math.pi * step / 100)) / 2 for step in (0, 25, 50, 99)]
        assert [plan.rate(step) for step in (0, 25, 50, 99)] == pytest.approx(expected)
        assert Schedule(steps=100, batch_size=1, warmup_steps=0, decay="constant").rate(99) == 1.0


def test_every_shipped_recipe_is_read():
    recipes = [path for path in RECIPES.glob("*.toml") if path.stem != "ablation"]  # that is a plan of many
    assert len(recipes) >= 5
    kinds = {path.stem: read_recipe(path).kind for path in recipes}
    assert kinds["mini"] == kinds["finetune"] == "generator"
    assert kinds["flux-80gb"] == kinds["flux-24gb"] == "flux"
