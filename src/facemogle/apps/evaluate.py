"""`facemogle evaluate`: how good generated faces are, a model's or a folder's, in one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facemogle import __version__
from facemogle.apps.generate import Device

if TYPE_CHECKING:
    from facemogle.apps.evaluate_generate import HeldOut, Learnt
    from facemogle.evaluation.plan import Given, Protocol

WEIGHTS = Path("~/.cache/facemogle").expanduser()
"""Where the weights of networks that measures look through are looked for."""
_REQUESTS_OF_SEEDS = 8


def evaluate(
    real: Annotated[Path | None, typer.Option(metavar="DIR", help="Photographs.")] = None,
    generated: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Generated pictures, called as their photographs.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Masks that were asked for, called the same.")
    ] = None,
    captions: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Captions (.txt, first line), called the same.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="mini|DIR", help="Generate with this model, then measure.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With --model: the face set to generate again.")
    ] = None,
    task: Annotated[
        Literal["both", "mask", "text"] | None,
        typer.Option(help="With --model: what it is given.  [default: both]"),
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="With --model: which faces.  [default: test]"),
    ] = None,
    faces: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="With --model: the first N of them.  [default: all]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="With --model: of the first face; it counts up.  [default: 0]")
    ] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", min=1, help="[default: the model's]")] = None,
    guidance: Annotated[float | None, typer.Option(metavar="X", help="[default: the model's]")] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Faces made at once.  [default: 8]")
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Faces learnt from, all of them.  [default: those of --data]"),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="[default: all that can be measured]")
    ] = None,
    protocol: Annotated[
        Literal["correct", "paper"], typer.Option(help="paper: as the released evaluation measures.")
    ] = "correct",
    weights: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Weights of Inception, CLIP, DINO, ...", show_default="~/.cache/facemogle"
        ),
    ] = WEIGHTS,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for report and pictures.")] = Path(
        "evaluation"
    ),
    device: Device = None,
) -> None:
    """Measure generated pictures against their photographs, masks and captions; write OUT/report.md, .json.

    Either --real and --generated, or --model and --data. Stopped, the same command goes on.
    """
    wanted = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    of_folders = {"--real": real, "--generated": generated, "--masks": masks, "--captions": captions}
    of_model = {"--model": model, "--data": data, "--task": task, "--split": split, "--faces": faces}
    of_model |= {"--seed": seed, "--steps": steps, "--guidance": guidance, "--batch": batch}
    given = [
        [name for name, value in options.items() if value is not None] for options in (of_folders, of_model)
    ]
    if all(given):
        raise ValueError(f"{given[0][0]} and {given[1][0]} exclude one another")
    if model is not None and data is not None:
        report = evaluate_model(
            model,
            data,
            out,
            task=task or "both",
            split=split or "test",
            faces=faces,
            seed=seed or 0,
            steps=steps,
            metrics=wanted,
            weights=weights,
            batch=batch or 8,
            device=device,
            guidance=guidance,
            train=train,
            protocol=protocol,
        )
    elif real is not None and generated is not None:
        report = evaluate_folders(
            real,
            generated,
            out,
            masks=masks,
            captions=captions,
            train=train,
            metrics=wanted,
            protocol=protocol,
            weights=weights,
            device=device,
        )
    else:
        raise ValueError("give --real and --generated, or --model and --data")
    for name, figure in report["figures"].items():
        beside = f", photographs {figure['real']['value']:.4g}" if "real" in figure else ""
        low, high = figure["low"], figure["high"]
        typer.echo(f"{name}: {figure['value']:.4g} ({low:.4g} to {high:.4g}){beside}")
    typer.echo(str(out / "report.md"))


def evaluate_model(
    model: str,
    data: Path,
    out: Path,
    *,
    task: str,
    split: str,
    faces: int | None,
    seed: int,
    steps: int | None,
    metrics: Sequence[str] | None,
    weights: Path,
    batch: int = 8,
    device: str | None = None,
    guidance: float | None = None,
    train: Path | None = None,
    protocol: Protocol = "correct",
) -> dict[str, Any]:
    """Generate faces for one split of a face set, measure them and write OUT/report.json; gives its content.

    faces: the first so many; None for all. steps, guidance: None for the model's own. What is there of an
    earlier call with the same request is kept. Raises ValueError for another request in OUT, for measures
    that cannot be taken, and for a split without faces that have what the task needs.
    """
    from facemogle.apps.model import fingerprint, load_pipeline, model_folder, quiet_libraries

    quiet_libraries()  # before what follows, which imports them
    from facemogle.apps.evaluate_generate import TASKS, held_out, make_pictures, wanted_faces, wanted_seeds
    from facemogle.apps.evaluate_report import finished_report, given_of, heading, measured_report
    from facemogle.apps.evaluate_request import (
        DIVERSITY,
        GENERATED,
        arithmetic,
        begin,
        check_out,
        libraries,
    )
    from facemogle.apps.train.options import fingerprint as fingerprint_of_data
    from facemogle.evaluation.pairs import Faces, one_size, pictures_of
    from facemogle.evaluation.plan import make_plan

    if task not in TASKS:
        raise ValueError(f"task is {task!r}, must be one of {', '.join(TASKS)}")
    check_out(out, {"data": data, "train": train, "model": model_folder(model)})
    chosen = held_out(data, split=split, task=task, most=faces)
    learnt_from = chosen.train if train is None else _all_faces(train)
    given: set[Given] = {"seeds", *given_of(chosen, learnt_from)}
    plan = make_plan(metrics, protocol=protocol, given=given, weights=weights, withheld=TASKS[task])
    asked = {
        "version": __version__,
        "model": Path(model).name,
        "fingerprint of the model": fingerprint(model),
        "data": data.name,
        "fingerprint of the data": fingerprint_of_data([data]),
        "task": task,
        "split": split,
        "faces": len(chosen.places),
        "seed": seed,
        "steps": steps,
        "guidance": guidance,
        **arithmetic(model, device),
    }
    if train is not None:
        asked |= {"train": train.name, "fingerprint of train": fingerprint_of_data([train])}
    begin(out, asked | libraries())
    settings = asked | _described(chosen) | {"faces learnt from": len(learnt_from.keys)}
    head = heading(settings, plan, weights, device)
    if (report := finished_report(out, head)) is not None:
        return report
    wanted = wanted_faces(chosen, out / GENERATED, task=task, seed=seed)
    seeds = []
    if "diversity" in plan.networks:
        seeds = wanted_seeds(chosen, out / DIVERSITY, task=task, seed=seed, most=_REQUESTS_OF_SEEDS)
    make_pictures(
        lambda: load_pipeline(model, device),
        [wanted, [each for group in seeds for each in group]],
        steps=steps,
        guidance=guidance,
        batch=batch,
    )
    made = [each.path for each in wanted]
    known = chosen.real, chosen.masks, chosen.captions, chosen.people
    return measured_report(
        Faces(chosen.stems, one_size(made), pictures_of(made), *known),
        plan,
        head,
        out,
        train=learnt_from,
        seeds=[pictures_of([each.path for each in group]) for group in seeds],
        weights=weights,
        device=device,
        first_seed=seed,
    )


def evaluate_folders(
    real: Path,
    generated: Path,
    out: Path,
    *,
    masks: Path | None = None,
    captions: Path | None = None,
    train: Path | None = None,
    metrics: Sequence[str] | None = None,
    weights: Path = WEIGHTS,
    device: str | None = None,
    protocol: Protocol = "correct",
) -> dict[str, Any]:
    """Measure pictures that are there already and write OUT/report.json; gives its content.

    The same folders again are measured anew. Raises ValueError for another request in OUT, for what is not
    paired or cannot be read, and for measures that cannot be taken.
    """
    from facemogle.apps.model import quiet_libraries

    quiet_libraries()  # before what follows, which imports them
    from facemogle.apps.evaluate_generate import Learnt
    from facemogle.apps.evaluate_report import given_of, heading, measured_report
    from facemogle.apps.evaluate_request import begin, check_out
    from facemogle.evaluation.pairs import faces_of_folders
    from facemogle.evaluation.plan import make_plan

    folders = {"real": real, "generated": generated, "masks": masks, "captions": captions, "train": train}
    check_out(out, folders)
    faces = faces_of_folders(real, generated, masks=masks, captions=captions)
    learnt_from = Learnt((), ()) if train is None else _all_faces(train)
    plan = make_plan(metrics, protocol=protocol, given=given_of(faces, learnt_from), weights=weights)
    settings = {name: str(folder) for name, folder in folders.items() if folder is not None}
    head = heading(settings | {"faces": len(faces.stems)}, plan, weights, device)
    begin(out, {name: str(folder.resolve()) for name, folder in folders.items() if folder is not None})
    return measured_report(
        faces, plan, head, out, train=learnt_from, seeds=(), weights=weights, device=device
    )


def _described(chosen: HeldOut) -> dict[str, Any]:
    """What a reader of the report should know of the faces."""
    return {"masks": dict(chosen.origins), "faces passed over for what they lack": chosen.lacking}


def _all_faces(source: Path) -> Learnt:
    from facemogle.apps.evaluate_generate import learnt
    from facemogle.data.layouts import open_faces

    face_set = open_faces(source)
    return learnt(face_set, range(len(face_set)))
