"""`facemogle data`: look at face sets, check them, write them in another layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facemogle.apps.data_build import build
from facemogle.apps.generate import Overwrite

if TYPE_CHECKING:
    from facemogle.data.check import Report

app = typer.Typer(
    help="Build, look at, check and convert face sets.", no_args_is_help=True, rich_markup_mode=None
)
app.command()(build)

Source = Annotated[
    Path, typer.Argument(metavar="DIR", show_default=False, help="Folder or tar file of faces.")
]


@app.command()
def check(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", show_default=False, help="Folders or tar files of faces."),
    ],
    most: Annotated[int, typer.Option(min=0, help="How many findings of a kind are printed.")] = 5,
) -> None:
    """Read every face and say what each set holds and what is wrong; exit code 2 if it holds errors."""
    from tqdm import tqdm

    from facemogle.data.check import check_faces
    from facemogle.data.layouts import open_faces

    num_errors = 0
    for source in sources:
        face_set = open_faces(source)
        with tqdm(total=len(face_set), unit="face", disable=None, dynamic_ncols=True) as bar:
            report = check_faces(face_set, progress=bar.update)
        num_errors += report.num_errors
        typer.echo(f"{source}: {_described(report, most)}")
    if num_errors:
        raise typer.Exit(2)


@app.command()
def show(
    source: Source,
    out: Annotated[
        Path | None, typer.Option(metavar="PNG", help="[default: NAME.sheet.png here]", show_default=False)
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=200, help="How many faces are drawn.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Which faces are drawn.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Draw some faces of a set on one sheet: photograph, mask and caption."""
    if out is not None and out.suffix.lower() != ".png":
        raise ValueError(f"--out {out}: sheets are written as .png")
    import numpy as np
    from PIL import Image

    from facemogle.apps.face_sheet import face_sheet
    from facemogle.apps.jobs import prepare
    from facemogle.apps.record import save_picture
    from facemogle.apps.sheet import MAX_TILE
    from facemogle.data.layouts import open_faces

    face_set = open_faces(source)
    out = out or Path(f"{face_set.name}.sheet.png")
    prepare([out], overwrite=overwrite)
    chosen = np.random.default_rng(seed).permutation(len(face_set))[:count]
    rows = []
    for index in sorted(chosen.tolist()):
        try:
            record = face_set.read(index)
            photo, label_map = Image.fromarray(record.photo()), record.label_map()
        except (ValueError, OSError) as error:
            typer.echo(f"warning: left out: {error}", err=True)
            continue
        photo.thumbnail((MAX_TILE, MAX_TILE))  # sheets show no more
        rows.append((record.key.partition("/")[2], photo, label_map, record.captions))
    if not rows:
        raise ValueError(f"{source}: none of the {len(chosen)} faces that were drawn can be read")
    save_picture(face_sheet(rows), out)
    typer.echo(str(out))


@app.command()
def convert(
    source: Source,
    out: Annotated[Path, typer.Option(metavar="DIR", show_default=False, help="New folder.")],
    layout: Annotated[str, typer.Option(help="mm-celeba-hq, celebamask-hq or shards.")] = "mm-celeba-hq",
    shard_size: Annotated[int, typer.Option(min=1, help="Faces in a tar file of shards.")] = 1000,
) -> None:
    """Write a face set in another layout; photographs are copied as they are."""
    from tqdm import tqdm

    from facemogle.data.layouts import open_faces
    from facemogle.data.writing import write_faces

    face_set = open_faces(source)
    indices = tqdm(range(len(face_set)), unit="face", disable=None, dynamic_ncols=True)
    count = write_faces(map(face_set.read, indices), out, layout=layout, shard_size=shard_size)
    for problem in face_set.problems:
        typer.echo(f"warning: left out: {problem}", err=True)
    typer.echo(f"wrote {count} faces to {out}")


def _described(report: Report, most: int) -> str:
    """A report in lines: what there is, then the first findings of every kind."""
    counts = ", ".join(f"{count} {name}" for name, count in report.counts.items() if count)
    lines = [f"{report.layout}, {counts}"]
    for kind, findings in report.by_kind().items():
        lines.append(f"  {'error' if findings[0].is_error else 'note'}: {kind}: {len(findings)}")
        lines += [f"    {finding.message}" for finding in findings[:most]]
        if len(findings) > most:
            lines.append(f"    and {len(findings) - most} more")
    return "\n".join(lines)
