"""`facemogle demo`: faces for the example masks and captions that come with the package."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facemogle.apps.generate import Device, Model, Overwrite

if TYPE_CHECKING:
    from PIL import Image

    from facemogle.apps.jobs import Job
    from facemogle.core.label_map import LabelMap


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the pictures.")] = Path("demo"),
    model: Model = "mini",
    device: Device = None,
    overwrite: Overwrite = False,
) -> None:
    """Make faces for the example masks and captions, one sheet with all of them, and copies of the masks."""
    from facemogle.apps.jobs import FreeNames, Job, Settings, make_pictures, prepare, slug
    from facemogle.apps.model import fingerprint, load_pipeline
    from facemogle.apps.record import save_picture
    from facemogle.apps.sheet import contact_sheet, thumbnail
    from facemogle.core.label_map import LabelMap

    folder = Path(str(files("facemogle") / "assets" / "examples"))
    mark = fingerprint(model)
    examples = read_examples(folder)
    rows: dict[str | None, LabelMap | None] = {}
    columns: list[tuple[str | None, int]] = []  # a caption, and how often its row has had it before
    seen: list[tuple[str | None, str | None]] = []
    names, jobs = FreeNames(out), list[Job]()
    for example in examples:
        mask, prompt, seed = example["mask"], example["prompt"], example["seed"]
        if mask not in rows:
            rows[mask] = None if mask is None else LabelMap.read(folder / mask)
        column = (prompt, seen.count((mask, prompt)))
        seen.append((mask, prompt))
        if column not in columns:
            columns.append(column)
        stem = None if mask is None else Path(mask).stem
        parts = [slug(stem), slug(prompt)]
        job = Job(
            prompt=prompt,
            mask=rows[mask],
            mask_name=stem,
            seed=seed,
            path=names.next(f"{'-'.join(part for part in parts if part) or 'face'}-{seed}"),
            cell=(list(rows).index(mask), columns.index(column)),
        )
        jobs.append(job)
    sheet = out / "sheet.png"
    masks = {out / "masks" / name: label_map for name, label_map in rows.items() if name and label_map}
    prepare([*(job.path for job in jobs), sheet, *masks], overwrite=overwrite)

    cells: dict[tuple[int, int], Image.Image] = {}

    def keep(job: Job, image: Image.Image) -> None:
        cells[job.cell] = thumbnail(image)

    make_pictures(load_pipeline(model, device), jobs, Settings(), model=model, fingerprint=mark, done=keep)
    titles = [(None if name is None else Path(name).stem, label_map) for name, label_map in rows.items()]
    captions = [prompt or "(no caption)" for prompt, _ in columns]
    for path, label_map in masks.items():
        label_map.save(path)
    save_picture(contact_sheet(cells, rows=titles, captions=captions), sheet)
    typer.echo(f"{len(jobs)} faces are in {out}, their masks in {out / 'masks'}; {sheet} shows them all")


def read_examples(folder: Path) -> list[dict[str, Any]]:
    """The examples of a folder: mask (a file there) or None, prompt or None, seed.

    Raises ValueError when the list of examples, captions.json, is missing or not of that form.
    """
    path = folder / "captions.json"
    if not path.is_file():
        raise ValueError(f"this installation lacks the examples: there is no {path}")
    examples = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(examples, list) or not examples:
        raise ValueError(f"{path}: lists no examples")
    for example in examples:
        if not isinstance(example, dict) or set(example) != {"mask", "prompt", "seed"}:
            raise ValueError(f"{path}: {example} is not a mask, a prompt and a seed")
    return examples
