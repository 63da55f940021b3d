"""`facemogle ablate`: trains the variants of a plan, measures all, and writes one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facemogle.apps.generate import Device

if TYPE_CHECKING:
    from facemogle.apps.ablate.plan import Plan
    from facemogle.training.recipe import FluxRecipe, GeneratorRecipe


def ablate(
    plan: Annotated[Path, typer.Argument(help="Variants and their evaluation, as recipes/ablation.toml.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of runs, models, reports, table.")] = Path(
        "runs/ablation"
    ),
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This variant and no other; may be repeated.")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: --set each.schedule.steps=20.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Print in what the variants differ and stop.")] = False,
    device: Device = None,
) -> None:
    """Train each variant of PLAN, generate and measure, and write DIR/table.md, table.json and sheet.png.

    Stopped at any time, the same command goes on: what is finished is not done again.
    """
    from facemogle.apps.ablate.plan import differences, read_plan

    settings = read_plan(plan, change or [])
    for name in only or ():
        if name not in settings.variants:
            raise ValueError(f"--only {name}: no such variant, known are {', '.join(settings.variants)}")
    start = out / "start" / "model" if settings.start is not None else None
    if dry_run:
        recipes = {name: settings.recipe(name, settings.seeds[0], start) for name in settings.variants}
        for name, unlike in differences(recipes).items():
            typer.echo(f"{name}: " + ", ".join(f"{path}={value}" for path, value in unlike.items()))
        return
    from facemogle.apps.ablate.table import write_table

    if (recipe := settings.start_recipe()) is not None:
        assert start is not None
        _trained(recipe, out / "start" / "run", start, device)
    for seed in settings.seeds:
        for name in only or settings.variants:
            typer.echo(f"{name}, seed {seed}")
            recipe, run = settings.recipe(name, seed, start), f"{name}-{seed}"
            _trained(recipe, out / "runs" / run, out / "models" / run, device)
            _measured(settings, out / "models" / run, out / "evaluations" / run, device)
            write_table(settings, out)
    typer.echo(f"wrote {out / 'table.md'}")


def _trained(recipe: GeneratorRecipe | FluxRecipe, run: Path, model: Path, device: str | None) -> None:
    """The run's model in `model`, trained and exported if it is not there yet; Abort when stopped early."""
    import tomli_w
    import torch

    from facemogle.apps.export import export
    from facemogle.apps.train.run import run as train
    from facemogle.core.config import to_mapping
    from facemogle.training.checkpoint import newest_checkpoint, step_of

    _check_source(recipe, run)
    if model.is_dir():
        return
    given = run.with_name(f"{run.name}.toml")
    given.write_text(tomli_w.dumps(to_mapping(recipe)), encoding="utf-8")
    torch.compiler.reset()  # what was compiled for the variant before is of no use to this one
    train(given, out=run, resume=True, device=device)
    last = newest_checkpoint(run)
    if last is None or step_of(last) < recipe.schedule.steps:
        raise typer.Abort
    export(run, model, whole=recipe.kind == "flux")


def _check_source(recipe: GeneratorRecipe | FluxRecipe, run: Path) -> None:
    """Keep what the run is made of beside it; ValueError if it was begun of something else.

    A recipe names its start and its cache by their paths alone, and what lies there may change.
    """
    from facemogle.apps.model import fingerprint
    from facemogle.training.cache import open_caches
    from facemogle.training.recipe import GeneratorRecipe
    from facemogle.training.state import check_identity

    source = recipe.identity() | {"data": open_caches(recipe.data.cache, *recipe.data.more).fingerprint}
    if isinstance(recipe, GeneratorRecipe) and recipe.model.start:
        source["model.start"] = fingerprint(recipe.model.start)
    kept = run.with_name(f"{run.name}.json")
    if kept.is_file():
        check_identity(run, json.loads(kept.read_text(encoding="utf-8")), source)
        return
    run.parent.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_name(kept.name + ".tmp")
    temporary.write_text(json.dumps(source, indent=1), encoding="utf-8")
    temporary.replace(kept)


def _measured(plan: Plan, model: Path, out: Path, device: str | None) -> None:
    from facemogle.apps.evaluate import WEIGHTS, evaluate_model

    settings = plan.evaluation
    evaluate_model(
        str(model),
        Path(settings.data),
        out,
        task=settings.task,
        split=settings.split,
        faces=settings.faces,
        seed=settings.seed,
        steps=settings.steps,
        metrics=settings.metrics or None,
        weights=Path(settings.weights) if settings.weights else WEIGHTS,
        batch=settings.batch,
        device=device,
    )
