"""`facemogle ablate`: plans, the table's arithmetic, and a whole ablation of the smallest parts."""

import json
import math
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from facemogle.apps import cli
from facemogle.apps.ablate.plan import differences, read_plan
from facemogle.apps.ablate.table import (
    combined,
    face_differences,
    order_of,
    rank_correlation,
    ranks,
    write_table,
)
from facemogle.evaluation.intervals import Figure
from facemogle.models.mogle import MoGLE
from facemogle.training.recipe import GeneratorRecipe

SHIPPED = Path(__file__).parents[2] / "recipes" / "ablation.toml"
RECIPE = """
kind = "generator"
[data]
cache = "cache"
[schedule]
steps = 2
batch_size = 4
"""
PLAN = """
recipe = "small.toml"
[each]
model.start = "mini"
model.fresh_mask = true
[variants.full]
[variants.spade]
model.variant = "spade"
[evaluation]
data = "faces"
"""


def written(folder: Path, text: str = PLAN, recipe: str = RECIPE) -> Path:
    (folder / "small.toml").write_text(recipe)
    (folder / "plan.toml").write_text(text)
    return folder / "plan.toml"


class TestPlan:
    def test_the_shipped_one_has_every_variant_of_the_paper_and_both_baselines(self):
        plan = read_plan(SHIPPED)
        assert set(plan.published) < set(plan.variants)
        assert len(plan.variants) == 11
        recipes = {name: plan.recipe(name, 0, Path("base")) for name in plan.variants}
        unlike = {path for settings in differences(recipes).values() for path in settings}
        assert unlike == {"model.variant", "model.mask_attention"}
        for recipe in recipes.values():
            assert isinstance(recipe, GeneratorRecipe)
            assert recipe.model.start == "base"
            assert recipe.model.fresh_mask
        start = plan.start_recipe()
        assert isinstance(start, GeneratorRecipe)
        assert start.objective.mask_drop + start.objective.both_drop == 1

    def test_tables_change_the_recipe_from_the_common_to_the_particular(self, tmp_path):
        plan = read_plan(written(tmp_path), ["each.schedule.steps=7", "variants.spade.schedule.steps=9"])
        full, spade = (plan.recipe(name, 3, None) for name in ("full", "spade"))
        assert (full.schedule.steps, spade.schedule.steps) == (7, 9)
        assert full.schedule.batch_size == 4
        assert full.seed == 3
        assert plan.start_recipe() is None

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ("each.model.heds=3", "variants.full: model.heds: unknown setting, did you mean 'heads'?"),
            (
                "variants.spade.model.variant=spode",
                "variants.spade: model.variant: is 'spode', must be one of",
            ),
            ("eval.steps=3", "eval: unknown, known are recipe, seeds"),
            ("variants.Two=1", "variants.Two: a name has small letters"),
            ("seeds=[1, 1]", "seeds: is [1, 1], must be a list of different whole numbers"),
            ("evaluation.task=all", "evaluation.task: is 'all', must be one of"),
            ("evaluation.faces=0", "faces is 0, must be at least 1"),
            ("published.none.FID=3", "published.none: no such variant, known are full, spade"),
            ('published.full.FID="low"', "published.full.FID: is 'low', must be a number"),
            ("published.full.LPIPS=1", "published.full.LPIPS: unknown metric, known are FID"),
            ("recipe=none.toml", "none.toml"),
            ("each.kind=autoencoder", "variants.full: model.fresh_mask: unknown setting"),
        ],
    )
    def test_mistakes_are_named(self, tmp_path, change, message):
        with pytest.raises((ValueError, OSError)) as caught:
            read_plan(written(tmp_path), [change])
        assert message in str(caught.value)


class TestArithmetic:
    def test_orders(self):
        metrics = ("fid/judge", "held-out loss", "masks/miou", "novelty/judge", "attributes/ratio/judge")
        assert [order_of(metric) for metric in metrics] == [-1, -1, 1, 0, 1]

    def test_ranks_and_their_correlation(self):
        low = ranks({"a": 1.0, "b": 3.0, "c": 2.0}, -1)
        assert low == {"a": 1, "b": 3, "c": 2}
        high = ranks({"a": 1.0, "b": 3.0, "c": 2.0}, 1)
        assert high == {"a": 3, "b": 1, "c": 2}
        assert rank_correlation(low, low) == 1
        assert rank_correlation(low, high) == -1
        assert math.isnan(rank_correlation({"a": 1}, {"a": 1}))

    def test_several_seeds_span_their_intervals(self):
        one, other = Figure(1.0, 0.8, 1.2, 10), Figure(2.0, 1.9, 2.3, 10)
        assert combined([one]) == one
        assert combined([one] * 4) == one
        assert combined([one, other]) == Figure(1.5, 0.8, 2.3, 10)

    def test_faces_are_compared_with_themselves(self):
        def report(**miou: float) -> dict:
            return {"faces": [{"stem": stem, "seed": 0, "miou": value} for stem, value in miou.items()]}

        first = [report(a=0.1, b=0.5, c=0.9)]
        found = face_differences([report(a=0.3, b=0.7, d=0.0)], first)
        assert found.keys() == {"miou"}
        assert found["miou"].count == 2
        assert found["miou"].value == pytest.approx(0.2)
        assert found["miou"].low == pytest.approx(0.2)  # of both faces alike, however far apart they are
        of_seeds = face_differences([report(a=0.1, b=0.5), report(a=0.3, b=0.5)], first)
        assert of_seeds["miou"].count == 2
        assert of_seeds["miou"].value == pytest.approx(0.05)


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli.app, ["ablate", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def small_plan(photographs, cache, tiny_mini, tmp_path_factory) -> Path:
    recipe = RECIPE.replace('"cache"', f'"{cache}"') + "[validation]\nevery = 2\npreviews = false\n"
    plan = f"""
    recipe = "small.toml"
    [start]
    model.start = "{tiny_mini}"
    schedule.steps = 1
    [each]
    model.fresh_mask = true
    average.half_lives = [1]
    [variants.full]
    [variants.spade]
    model.variant = "spade"
    [evaluation]
    data = "{photographs}"
    task = "mask"
    split = "validation"
    steps = 1
    metrics = ["masks", "fid"]
    weights = "nothing"
    [published.full]
    FID = 2
    [published.spade]
    FID = 1
    """
    return written(tmp_path_factory.mktemp("plan"), plan, recipe)


@pytest.fixture(scope="module")
def done(small_plan, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("ablation") / "out"
    run(small_plan, "--out", out, "--only", "spade")
    assert list(json.loads((out / "table.json").read_text())["variants"]) == ["spade"]
    said = run(small_plan, "--out", out)
    assert "step 2" in said
    return out


class TestWhole:
    def test_all_variants_are_measured_alike(self, done):
        table = json.loads((done / "table.json").read_text())["variants"]
        assert list(table) == ["full", "spade"]
        full, spade = (table[name]["figures"] for name in ("full", "spade"))
        assert full.keys() == spade.keys() > {"held-out loss", "fid/judge", "masks/miou"}
        assert full["held-out loss"]["value"] != spade["held-out loss"]["value"]
        assert table["full"]["mask_parameters"] == MoGLE().num_used_parameters
        text = (done / "table.md").read_text()
        assert "\n| photographs |  |  | – | " in text  # they have no loss
        assert "| published FID | place by held-out loss |" in text
        assert "| full | 2 (2) |" in text
        assert "## Beside full, face by face" in text
        assert table["spade"]["beside the first"]["miou"]["count"] == full["masks/miou-per-picture"]["count"]
        with Image.open(done / "sheet.png") as sheet:
            assert sheet.width > sheet.height  # two faces: mask and two variants

    def test_what_is_finished_is_not_done_again(self, done, small_plan):
        kept = {path: path.stat().st_mtime_ns for path in done.glob("*/*/*") if path.is_file()}
        assert "step" not in run(small_plan, "--out", done)
        assert kept == {path: path.stat().st_mtime_ns for path in kept}

    def test_another_plan_in_the_same_folder_is_refused(self, done, small_plan):
        said = run(small_plan, "--out", done, "--set", "each.schedule.steps=3", code=2)
        assert "full-0: begun with schedule.steps 2, now it is 3" in said
        said = run(small_plan, "--out", done, "--set", "start.schedule.steps=2", code=2)
        assert "run: begun with schedule.steps 1, now it is 2" in said
        said = run(small_plan, "--out", done, "--set", "evaluation.steps=2", code=2)
        assert "begun with steps 1, now it is 2" in said

    def test_another_start_in_its_place_is_noticed(self, done, small_plan, tmp_path):
        moved = shutil.copytree(done, tmp_path / "out")
        for path in (*moved.glob("runs/*.json"), moved / "start" / "run.json"):
            path.write_text(path.read_text().replace(str(done), str(moved)))
        config = moved / "start" / "model" / "model_index.json"
        config.write_text(config.read_text() + " ")
        said = run(small_plan, "--out", moved, code=2)
        assert "full-0: begun with model.start" in said

    def test_variants_measured_otherwise_do_not_share_a_table(self, done, small_plan, tmp_path):
        moved = shutil.copytree(done, tmp_path / "out")
        report = moved / "evaluations" / "spade-0" / "report.json"
        report.write_text(report.read_text().replace('"steps": 1', '"steps": 4'))
        with pytest.raises(ValueError, match=r"spade-0: measured with steps 4, .*full-0 with 1"):
            write_table(read_plan(small_plan), moved)

    def test_seeds_are_added_one_by_one(self, done, small_plan, tmp_path):
        moved = shutil.copytree(done, tmp_path / "out")
        run(small_plan, "--out", moved, "--only", "spade", "--set", "seeds=[1, 0]")
        variants = json.loads((moved / "table.json").read_text())["variants"]
        assert {name: own["seeds"] for name, own in variants.items()} == {"full": 1, "spade": 2}


def test_dry_run_tells_variants_apart(small_plan, tmp_path):
    assert run(small_plan, "--out", tmp_path / "out", "--dry-run").splitlines() == [
        "full: model.variant=full",
        "spade: model.variant=spade",
    ]
    assert not (tmp_path / "out").exists()
    assert "--only none: no such variant" in run(small_plan, "--only", "none", code=2)
