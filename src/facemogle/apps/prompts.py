"""`facemogle inspect prompts`: faces for captions as people type them, and whether they show what is said."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from facemogle.apps.generate import MAX_SEED, Batch, Device, Guidance, Model, Overwrite, Steps


def prompts(
    captions: Annotated[
        Path | None,
        typer.Argument(
            metavar="TOML",
            help='Lines such as "old man, grey beard" = "male, old, beard": a caption and what should be '
            "seen.  [default: sixty that come with the package]",
            show_default=False,
        ),
    ] = None,
    count: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Faces of each caption.")] = 1,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the first face; it counts up.")] = 0,
    steps: Steps = None,
    guidance: Guidance = None,
    batch: Batch = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for faces, sheet and page.")] = Path(
        "prompts"
    ),
    model: Model = "mini",
    device: Device = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw captions and count how often a judge sees what they say; write sheet.jpg and prompts.md."""
    path = captions or Path(str(files("facemogle") / "assets" / "prompts.toml"))
    asked = read_prompts(path)
    if seed + count * len(asked) - 1 > MAX_SEED:
        raise ValueError(
            f"seed {seed} is too large for {count * len(asked)} faces, the largest is {MAX_SEED}"
        )

    from facemogle.apps.evaluate_report import write_text
    from facemogle.apps.jobs import FreeNames, Job, Settings, make_pictures, prepare, slug
    from facemogle.apps.model import fingerprint, load_pipeline
    from facemogle.apps.prompts_report import Drawn, prompts_page, prompts_sheet
    from facemogle.apps.record import save_picture
    from facemogle.models.attributes import AttributePredictor

    mark = fingerprint(model)
    names, sheet, page = FreeNames(out / "faces"), out / "sheet.jpg", out / "prompts.md"
    jobs = [
        Job(
            prompt=prompt,
            mask=None,
            mask_name=None,
            seed=seed + turn * len(asked) + place,
            path=names.next(f"{slug(prompt) or 'face'}-{seed + turn * len(asked) + place}"),
        )
        for turn in range(count)
        for place, prompt in enumerate(asked)
    ]
    prepare([*(job.path for job in jobs), sheet, page], overwrite=overwrite)
    pipe = load_pipeline(model, device)
    settings = Settings(steps=steps, guidance=guidance, batch=batch or 8)
    faces = {prompt: [] for prompt in asked}
    make_pictures(
        pipe,
        jobs,
        settings,
        model=model,
        fingerprint=mark,
        done=lambda job, image: faces[str(job.prompt)].append(image),
    )
    judge = AttributePredictor.mini(judge=True).to(pipe.device)  # pyright: ignore[reportArgumentType]
    drawn = [
        Drawn(prompt, facts, pipe.read(prompt), faces[prompt], judge.codes(faces[prompt]).numpy())
        for prompt, facts in asked.items()
    ]
    save_picture(prompts_sheet(drawn), sheet)
    write_text(page, prompts_page(drawn, model=f"{Path(model).name} ({mark})", seed=seed))
    typer.echo(f"{sheet}\n{page}")


def read_prompts(path: Path) -> dict[str, tuple[str, ...]]:
    """Captions with the facts that should be seen. ValueError says what is wrong with the file."""
    from facemogle.evaluation.attribute_checks import CHECKABLE

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not TOML, {error}") from None
    if not table:
        raise ValueError(f'{path}: holds no captions; write lines such as "old man" = "male, old"')
    asked = {}
    for prompt, facts in table.items():
        if not isinstance(facts, str):
            raise ValueError(f'{path}: {prompt!r} has {facts!r}, must be facts in one string, as "male, old"')
        asked[prompt] = tuple(dict.fromkeys(fact.strip() for fact in facts.split(",") if fact.strip()))
        if unknown := [fact for fact in asked[prompt] if fact not in CHECKABLE]:
            raise ValueError(f"{path}: {prompt!r} has {unknown[0]!r}, facts are {', '.join(CHECKABLE)}")
    return asked
