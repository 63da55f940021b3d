"""`facemogle train RECIPE.toml`: the run that a recipe describes, begun or resumed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from facemogle.apps.generate import Device
from facemogle.apps.train.options import report, warn

if TYPE_CHECKING:
    from facemogle.apps.train.trackers import Trackers
    from facemogle.training.loop import Stop, Task
    from facemogle.training.processes import Processes
    from facemogle.training.recipe import Recipe


def run(
    recipe: Annotated[Path, typer.Argument(help="The run's settings, a TOML file as in recipes/.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the run: checkpoints, log, previews.")] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Stop once the run has come so far; the recipe says how long it is."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after so long.")] = None,
    resume: Annotated[
        bool, typer.Option(help="Go on where the run in --out stopped, if there is one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Print all settings and stop.")] = False,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: --set schedule.steps=20.")
    ] = None,
    device: Device = None,
) -> None:
    """Train what a recipe describes. Stopped by --steps, --minutes or a signal, it saves and can be resumed.

    For several processes: torchrun --nproc-per-node 4 -m facemogle train ..., or accelerate launch.
    """
    import tomli_w

    from facemogle.core.config import to_mapping
    from facemogle.training.recipe import read_recipe

    settings = read_recipe(recipe, change or [])
    if dry_run:
        typer.echo(tomli_w.dumps(to_mapping(settings)), nl=False)
        return
    if out is None:
        raise ValueError("--out is missing: the folder of the run")
    from facemogle.apps.model import find_device, quiet_libraries
    from facemogle.apps.train.trackers import open_trackers
    from facemogle.training.checkpoint import newest_checkpoint
    from facemogle.training.loop import Stop
    from facemogle.training.processes import Processes

    quiet_libraries()
    processes = Processes(find_device(device))
    if not resume and any((out / "checkpoints").glob("step-*")):
        raise ValueError(f"{out}: holds a run; --resume goes on with it, or choose another folder")
    processes.wait()  # else one could find what another has written meanwhile
    trackers = open_trackers(settings.log.trackers if processes.is_main else (), out, to_mapping(settings))
    try:
        reached = _train(settings, out, Stop(steps, minutes), processes, trackers)
    finally:
        trackers.close()
        processes.close()
    if processes.is_main:
        kept = newest_checkpoint(out)
        if reached < settings.schedule.steps:
            typer.echo(f"stopped at step {reached} of {settings.schedule.steps}; --resume goes on")
        else:
            typer.echo(f"done: {kept}; facemogle export {out} --out DIR makes a model of it")


def _write_recipe(settings: Recipe, out: Path) -> None:
    """All settings in RUN/recipe.toml, once nothing speaks against them."""
    import tomli_w

    from facemogle.core.config import to_mapping

    out.mkdir(parents=True, exist_ok=True)
    temporary = out / "recipe.toml.tmp"
    temporary.write_text(tomli_w.dumps(to_mapping(settings)), encoding="utf-8")
    temporary.replace(out / "recipe.toml")


def _train(settings: Recipe, out: Path, stop: Stop, processes: Processes, trackers: Trackers) -> int:
    import torch

    from facemogle.apps.train.models import build_task, draw_previews, finish
    from facemogle.training.cache import open_caches
    from facemogle.training.checkpoint import newest_checkpoint, read_state
    from facemogle.training.loop import Watch, train
    from facemogle.training.optimizers import make_optimizers
    from facemogle.training.state import check_identity

    cache = open_caches(settings.data.cache, *settings.data.more)
    if settings.data.resident:
        cache = cache.to(processes.device)
    torch.manual_seed(settings.seed)
    # Its backward gave gradients that are no numbers on an H200 with PyTorch 2.11 (docs/log.md, row 47).
    torch.backends.cuda.enable_cudnn_sdp(False)
    task = build_task(settings, cache, processes)
    identity = settings.identity() | {"data": cache.fingerprint}
    if (last := newest_checkpoint(out)) is not None:
        check_identity(out, read_state(last)["identity"], identity)
    if processes.is_main:
        _write_recipe(settings, out)
    optimizers = make_optimizers(task.model, settings.optimizer)

    def row(figures: dict) -> None:
        report({name: value for name, value in figures.items() if name[-3:-1] != "_t"})
        trackers.row(figures)

    def validated(step: int) -> None:
        if settings.validation.previews and processes.is_main and settings.hardware.sharding == "none":
            picture = draw_previews(settings, task, out / "previews" / f"step-{step:08d}.png")
            if picture is not None:
                trackers.picture("preview", step, picture)

    reached = train(
        cast("Task[Any]", task),
        optimizers,
        settings.schedule,
        out,
        identity=identity,
        seed=settings.seed,
        average=settings.average,
        stop=stop,
        watch=Watch(settings.log, settings.validation, row, validated, warn),
        processes=processes,
        products=torch.bfloat16 if settings.precision.autocast == "bfloat16" else torch.float32,
    )
    if reached == settings.schedule.steps and processes.is_main:
        finish(settings, task, cache, out)
    return reached
