"""`facemogle generate`: faces from captions, masks and seeds, or again from a picture made before."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from PIL import Image

    from facemogle.apps.jobs import FreeNames, Job, Settings
    from facemogle.apps.record import Record
    from facemogle.core.label_map import LabelMap

MAX_SEED = 2**63 - 1
MAX_SIDE = 8192
OUR_ORDER = "CelebAMask-HQ"

Device = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="cpu, cuda, ...  [default: cuda where there is one, else cpu]"),
]
Model = Annotated[
    str, typer.Option(metavar="mini|DIR", help="The embedded model, or a saved pipeline's folder.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
ClassOrder = Annotated[
    str, typer.Option(metavar="ORDER", help="What ids in mask files mean: CelebAMask-HQ, FaRL, SegFace, ...")
]
_Prompts = Annotated[list[str] | None, typer.Option(metavar="TEXT", help="Caption; may be repeated.")]
_Masks = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE|FOLDER", help="Mask, or a folder of .png masks; may be repeated."),
]
Seeds = Annotated[
    list[int] | None,
    typer.Option(metavar="N ...", min=0, help="One or several.  [default: drawn]"),
]
_Count = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, max=100_000, help="Pictures of each mask and caption; the seed counts up."
    ),
]
_Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder for the pictures.")]
_Size = Annotated[
    str | None, typer.Option(metavar="WxH", help="Pixels, as in 128x128.  [default: the model's]")
]
Steps = Annotated[int | None, typer.Option(metavar="N", min=1, max=10_000, help="[default: the model's]")]
Guidance = Annotated[
    float | None,
    typer.Option(metavar="X", help="How closely the request is kept to.  [default: the model's]"),
]
_MaskStrength = Annotated[
    float | None, typer.Option(metavar="X", min=0, help="Factor on the influence of the mask.  [default: 1]")
]
_RegionStrength = Annotated[
    list[str] | None,
    typer.Option(metavar="REGION=X ...", help="The same for single regions, as hair=0.3 nose=2."),
]
_MaskWindow = Annotated[
    str | None,
    typer.Option(metavar="HIGH,LOW", help="Times between which the mask acts; 1 is noise.  [default: 1,0]"),
]
AnyModel = Annotated[
    str | None,
    typer.Option(
        metavar="mini|DIR", help="The embedded model, or a saved pipeline's folder.  [default: mini]"
    ),
]
Batch = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=1024, help="Pictures made at once.  [default: 8]")
]
_Grid = Annotated[bool, typer.Option("--grid", help="Write a contact sheet, sheet.png, as well.")]
_Source = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="PNG", help="Make this picture again; other options change what they name."
    ),
]


class ManyValues(TyperCommand):
    """Lets --seed and --region-strength take all that follows up to the next option: --seed 1 2 3."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spread: list[str] = []
        option, has_value = None, False
        for arg in args:
            if arg.startswith("-") and len(arg) > 1 and not arg[1].isdigit():
                option, has_value = (arg if arg in ("--seed", "--region-strength") else None), False
            elif option is not None:
                spread += [option] * has_value
                has_value = True
            spread.append(arg)
        return super().parse_args(ctx, spread)


def generate(
    prompt: _Prompts = None,
    mask: _Masks = None,
    seed: Seeds = None,
    count: _Count = None,
    out: _Out = Path("faces"),
    size: _Size = None,
    steps: Steps = None,
    guidance: Guidance = None,
    mask_strength: _MaskStrength = None,
    region_strength: _RegionStrength = None,
    mask_window: _MaskWindow = None,
    model: AnyModel = None,
    device: Device = None,
    batch: Batch = None,
    class_order: ClassOrder = OUR_ORDER,
    grid: _Grid = False,
    source: _Source = None,
    overwrite: Overwrite = False,
) -> None:
    """Make a face for every mask, caption and seed; any face where there is neither mask nor caption.

    Each picture's metadata hold its whole request, so that --from makes it again.
    """
    given = {
        **_parse_size(size),
        "steps": steps,
        "guidance": finite(guidance, "--guidance"),
        "mask_strength": finite(mask_strength, "--mask-strength"),
        "region_strength": _parse_strengths(region_strength or []) or None,
        "mask_window": _parse_window(mask_window),
        "batch": batch,
    }
    if count is not None and seed and len(seed) > 1:
        raise ValueError(f"--count counts up from one --seed, but {len(seed)} are given")
    check_class_order(class_order)

    from facemogle.apps.jobs import FreeNames, Settings, make_pictures, prepare, read_masks
    from facemogle.apps.model import MINI, fingerprint, load_pipeline
    from facemogle.apps.record import Record, save_picture

    stored = None if source is None else Record.read(source)
    if stored is not None and stored.edit is not None:
        raise ValueError(
            f"{source}: was edited from {stored.edit.source}, so --from cannot make it again; "
            "`facemogle edit` edits it further"
        )
    settings = Settings() if stored is None else settings_of(stored)
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    model = model or (stored.model if stored else MINI)
    mark = fingerprint(model)
    if stored and stored.model == model and stored.fingerprint != mark:
        typer.echo(f"warning: {model} has changed since it made {source}: expect another picture", err=True)

    masks: list[tuple[str | None, LabelMap | None]] = [*read_masks(mask or [], class_order=class_order)]
    if not masks:
        masks = [(stored.mask_name, stored.mask) if stored else (None, None)]
    prompts = [*(prompt or [stored.prompt if stored else None])]
    seeds = seeds_of(seed or ([stored.seed] if stored else []), count)
    names = FreeNames(out, avoid_files=stored is not None and not overwrite)
    jobs = _jobs(masks, prompts, seeds, names)
    if source is not None and not (mask or prompt or seed or count):
        # The same picture again: it lies beside the first, under the next free name.
        jobs = [
            replace(job, path=FreeNames(out, avoid_files=not overwrite).next(source.stem)) for job in jobs
        ]
    sheet = out / "sheet.png"
    prepare([*(job.path for job in jobs), *([sheet] if grid else [])], overwrite=overwrite)
    if batch is not None or len(jobs) > 1:
        settings = replace(settings, replay=None)

    pipe = load_pipeline(model, device)
    if not seed and not stored:
        typer.echo(f"seed: {seeds[0]}" if len(seeds) == 1 else f"seeds: {seeds[0]} to {seeds[-1]}")
    keep, draw_sheet = _sheet(masks, prompts, seeds) if grid else (None, None)
    make_pictures(pipe, jobs, settings, model=model, fingerprint=mark, done=keep)
    if draw_sheet is not None:
        save_picture(draw_sheet(), sheet)
        typer.echo(str(sheet))


def check_class_order(name: str) -> None:
    """ValueError for a class order that there is not; cheap, for it is asked before torch is loaded."""
    if name != OUR_ORDER:
        from facemogle.core.regions import class_order

        class_order(name)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of "WxH"."""
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip().lower())
    if match is None or "0" in (match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"):
        raise ValueError(f"--size is {text!r}, must be WIDTHxHEIGHT in pixels, as 128x128")
    return int(match[1]), int(match[2])


def _parse_size(text: str | None) -> dict[str, int]:
    if text is None:
        return {}
    width, height = parse_size(text)
    if width % 16 or height % 16 or max(width, height) > MAX_SIDE:
        raise ValueError(f"--size is {text!r}, each side must be a multiple of 16 and {MAX_SIDE} at most")
    return {"width": width, "height": height}


def _parse_strengths(texts: Sequence[str]) -> dict[str, float]:
    strengths = {}
    for text in texts:
        from facemogle.core.regions import region_id

        name, _, number = text.partition("=")
        region_id(name.strip())
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise ValueError(f"--region-strength is {text!r}, must be REGION=NUMBER from 0, as hair=0.3")
        strengths[name.strip()] = value
    return strengths


def _parse_window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        high, low = map(float, text.split(","))
    except ValueError:
        high = low = math.nan
    if not 1 >= high >= low >= 0:
        raise ValueError(f"--mask-window is {text!r}, must be HIGH,LOW with 1 >= HIGH >= LOW >= 0, as 1,0.4")
    return high, low


def finite(value: float | None, option: str) -> float | None:
    """The value of an option; ValueError for an infinite one or none."""
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{option} is {value}, must be a finite number")
    return value


def settings_of(record: Record) -> Settings:
    """The settings that a picture was made with, its place in a batch included."""
    from facemogle.apps.jobs import Settings

    return Settings(
        height=record.height,
        width=record.width,
        steps=record.steps,
        guidance=record.guidance,
        mask_strength=record.mask_strength,
        region_strength=record.region_strength,
        mask_window=record.mask_window,
        replay=(record.batch, record.place),
    )


def seeds_of(given: list[int], count: int | None) -> list[int]:
    """The given seeds, or `count` of them counting up from the given or a drawn one."""
    count = count or 1
    start = given[0] if given else secrets.randbelow(2**31 - count)
    seeds = given if len(given) > 1 else list(range(start, start + count))
    if max(seeds) > MAX_SEED:
        raise ValueError(f"seed {max(seeds)} is too large, the largest is {MAX_SEED}")
    return seeds


def _jobs(
    masks: Sequence[tuple[str | None, LabelMap | None]],
    prompts: Sequence[str | None],
    seeds: Sequence[int],
    names: FreeNames,
) -> list[Job]:
    """Every mask with every caption and seed. A file is called after its mask, or else its caption."""
    from facemogle.apps.jobs import Job, slug

    jobs = []
    for row, (mask_name, mask) in enumerate(masks):
        for number, prompt in enumerate(prompts):
            parts = [slug(mask_name)] if mask is not None else []
            if mask is None or len(prompts) > 1:
                parts.append(slug(prompt))
            stem = "-".join(part for part in parts if part) or "face"
            for column, seed in enumerate(seeds, start=number * len(seeds)):
                path = names.next(f"{stem}-{seed}")
                job = Job(
                    prompt=prompt, mask=mask, mask_name=mask_name, seed=seed, path=path, cell=(row, column)
                )
                jobs.append(job)
    return jobs


def _sheet(
    masks: Sequence[tuple[str | None, LabelMap | None]], prompts: Sequence[str | None], seeds: Sequence[int]
) -> tuple[Callable[[Job, Image.Image], None], Callable[[], Image.Image]]:
    """What to do with every picture, and how to draw the contact sheet then: rows are masks."""
    from facemogle.apps.sheet import contact_sheet, thumbnail

    cells: dict[tuple[int, int], Image.Image] = {}
    captions = [
        "\n".join(
            [*([prompt] if prompt else []), *([f"seed {seed}"] if len(seeds) > 1 or not prompt else [])]
        )
        for prompt in prompts
        for seed in seeds
    ]

    def keep(job: Job, image: Image.Image) -> None:
        cells[job.cell] = thumbnail(image)

    return keep, lambda: contact_sheet(cells, rows=masks, captions=captions)
