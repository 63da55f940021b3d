"""`facemogle edit`: some regions of a picture drawn anew, by another mask or other words."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facemogle.apps.generate import (
    OUR_ORDER,
    AnyModel,
    Batch,
    ClassOrder,
    Device,
    Guidance,
    Seeds,
    Steps,
    check_class_order,
    finite,
    seeds_of,
    settings_of,
)

if TYPE_CHECKING:
    from PIL import Image

    from facemogle.apps.record import Record
    from facemogle.core.label_map import LabelMap


def edit(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", show_default=False)],
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The mask that is wanted.  [default: the picture's own]"),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="What is drawn anew.  [default: where the masks differ]"),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Caption of the whole new picture.  [default: the picture's own]"),
    ] = None,
    depth: Annotated[
        float,
        typer.Option(metavar="X", help="Noise to start from: 1 is all, less keeps more of what is there."),
    ] = 1.0,
    border: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=10_000,
            help="Pixels around the regions over which new fades into old.  [default: width / 16]",
        ),
    ] = None,
    old_mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The picture's mask.  [default: its own, else the parser's]"),
    ] = None,
    parser: Annotated[
        str, typer.Option(metavar="mini|facer|DIR", help="What finds the mask of a photograph.")
    ] = "mini",
    seed: Seeds = None,
    count: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=1000, help="Pictures; the seed counts up.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the pictures.")] = Path("edits"),
    steps: Steps = None,
    guidance: Guidance = None,
    model: AnyModel = None,
    device: Device = None,
    batch: Batch = None,
    class_order: ClassOrder = OUR_ORDER,
) -> None:
    """Draw regions of a picture anew and keep every other pixel as it is.

    A picture that facemogle wrote is edited by its own request: its caption, mask, seed and settings hold
    where no option says otherwise. Any other should be of one upright face, square, framed about as in FFHQ.
    """
    if not 0 < depth <= 1:
        raise ValueError(f"--depth is {depth}, must be above 0 and at most 1")
    if count is not None and seed and len(seed) > 1:
        raise ValueError(f"--count counts up from one --seed, but {len(seed)} are given")
    finite(guidance, "--guidance")
    check_class_order(class_order)

    from facemogle.apps.model import MINI, fingerprint, load_pipeline, quiet_libraries

    quiet_libraries()  # before what follows, which imports them
    from facemogle import editing
    from facemogle.apps.jobs import FreeNames, Job, Settings, make_pictures, prepare
    from facemogle.apps.record import Edit, Record
    from facemogle.core.photo import read_photo

    stored, photo = Record.find(image), read_photo(image)
    names = None if regions is None else [name.strip() for name in regions.split(",")]
    before = _mask_of(photo, stored, old_mask, parser=parser, device=device, class_order=class_order)
    wanted = None if mask is None else _read(mask, class_order)
    drawn_by, _ = editing.edited_area(before, wanted, names)
    words = stored.prompt if prompt is None and stored else prompt
    own = Settings() if stored is None else replace(settings_of(stored), replay=None)
    given = {"steps": steps, "guidance": guidance}
    settings = replace(own, **{name: value for name, value in given.items() if value is not None})
    model = model or (stored.model if stored else MINI)
    mark = fingerprint(model)
    if stored and not (seed or count):
        wanted_now = (words, drawn_by, settings, mark)
        if wanted_now == (stored.prompt, stored.mask, own, stored.fingerprint):
            raise ValueError("nothing would change: give another --mask, --prompt, --seed or setting")
    settings = settings if batch is None else replace(settings, batch=batch)
    border = editing.default_border(photo.width) if border is None else border
    seeds = seeds_of(seed or ([stored.seed] if stored else []), count)
    free = FreeNames(out, avoid_files=True)
    jobs = [
        Job(
            prompt=words,
            mask=drawn_by,
            mask_name=mask.stem if mask else stored.mask_name if stored else None,
            seed=number,
            path=free.next(f"{image.stem}-edit"),
        )
        for number in seeds
    ]
    prepare([job.path for job in jobs], overwrite=False)

    pipe = load_pipeline(model, device)
    if not seed and not stored:
        typer.echo(f"seed: {seeds[0]}" if len(seeds) == 1 else f"seeds: {seeds[0]} to {seeds[-1]}")
    size = settings.width or pipe.config["default_size"], settings.height or pipe.config["default_size"]
    if photo.size != size:
        typer.echo(
            f"note: the model draws {size[0]} x {size[1]} pixels; the regions are resized to the picture's "
            f"{photo.width} x {photo.height}",
            err=True,
        )
    where = {"old_mask": before, "regions": names, "depth": depth, "border": border}
    made_from = Edit(
        source=image.name,
        sha256=hashlib.sha256(image.read_bytes()).hexdigest(),
        old_mask=before,
        regions=None if names is None else tuple(names),
        depth=depth,
        border=border,
    )
    draw = partial(editing.edit, pipe, photo, **where)
    make_pictures(pipe, jobs, settings, model=model, fingerprint=mark, draw=draw, edit=made_from)


def _mask_of(
    photo: Image.Image,
    stored: Record | None,
    given: Path | None,
    *,
    parser: str,
    device: str | None,
    class_order: str,
) -> LabelMap:
    """The picture's mask as it is: the given one, the one that it was made by, or what is found in it."""
    from facemogle.apps.parse import load_parser

    if given is not None:
        return _read(given, class_order)
    if stored is not None and stored.mask is not None:
        return stored.mask
    return load_parser(parser, device)([photo])[0]


def _read(path: Path, class_order: str) -> LabelMap:
    from facemogle.apps.record import encode_mask
    from facemogle.core.label_map import LabelMap

    label_map = LabelMap.read(path, order=class_order)
    encode_mask(label_map)  # refuses what could not be kept in the new picture
    return label_map
