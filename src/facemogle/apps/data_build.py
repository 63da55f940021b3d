"""`facemogle data build`: from photographs to a training set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facemogle.apps.generate import Device

if TYPE_CHECKING:
    from facemogle.data.candidate import Helpers

SHEET = "sheet.png"
_SHEET_FACES = 24


def build(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTOS...", show_default=False, help="Folders of photographs, face sets, tar files."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new face set.", show_default=False)],
    aligned: Annotated[
        bool, typer.Option("--aligned", help="The photographs are faces in FFHQ's frame already.")
    ] = False,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Side of the faces in pixels.")] = 128,
    least_side: Annotated[
        int, typer.Option(min=1, help="Pixels of a face's side in its photograph, at least.")
    ] = 64,
    least_sharpness: Annotated[
        float, typer.Option(min=0, max=1, help="Below it a face counts as blurred.")
    ] = 0.04,
    captions: Annotated[int, typer.Option(min=1, max=100, help="Captions written for each face.")] = 10,
    by_folder: Annotated[
        bool,
        typer.Option("--by-folder", help="Each sub-folder shows one person, who goes into one split."),
    ] = False,
    parser: Annotated[
        str, typer.Option(metavar="mini|facer|DIR", help="The embedded parser, facer's, or one of yours.")
    ] = "mini",
    predictor: Annotated[
        str,
        typer.Option(
            metavar="mini|DIR", help="The embedded predictor of attributes, for captions, or one of yours."
        ),
    ] = "mini",
    device: Device = None,
) -> None:
    """Find, align, sift, parse and describe faces; write them with masks, captions and splits.

    Interrupt it at any time; the same command goes on. Faces that are blurred, tiny, or there already stay
    out, and DIR/report.json says which and why; DIR/sheet.png shows some faces with masks and captions.
    """
    from tqdm import tqdm

    from facemogle.apps.record import save_picture
    from facemogle.apps.train.options import fingerprint
    from facemogle.data.build import build as build_set
    from facemogle.data.candidate import BuildSettings

    settings = BuildSettings(
        size=size,
        aligned=aligned,
        least_side=least_side,
        least_sharpness=least_sharpness,
        captions=captions,
        by_folder=by_folder,
    )
    with tqdm(unit="photo", disable=None, dynamic_ncols=True, smoothing=0.05) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            if bar.n == 0 and 0 < done < total:
                bar.initial = done
            bar.update(done - bar.n)

        try:
            report = build_set(
                photos,
                out,
                settings=settings,
                helpers=_helpers(parser, predictor, device, aligned),
                inputs=fingerprint(photos, *_models(parser, predictor)),
                progress=progress,
                finish=lambda folder: save_picture(_sheet(folder), folder / SHEET),
            )
        except KeyboardInterrupt:
            typer.echo("stopped; the same command goes on", err=True)
            raise
    typer.echo(described(report))
    typer.echo(f"wrote {out}; {out / SHEET} shows some of it")


def described(report: dict[str, Any]) -> str:
    """The report of a build in lines."""

    def counts(name: str) -> str:
        return ", ".join(f"{key} {number}" for key, number in report[name].items()) or "none"

    faces = report["faces"]
    shares = ", ".join(f"{name} {number / faces:.1%}" for name, number in report["regions"].items())
    return "\n".join(
        [
            f"{report['photographs']} photographs, {faces} faces",
            f"  kept out: {counts('rejected')}",
            f"  splits: {counts('splits')}",
            f"  masks: {counts('masks')}",
            f"  faces that show: {shares}",
            f"  attributes known: {counts('attributes')}",
            *(f"  note: {note}" for note in report["notes"][:10]),
            *([f"  ... {len(report['notes']) - 10} more"] if len(report["notes"]) > 10 else []),
        ]
    )


def _helpers(parser: str, predictor: str, device: str | None, aligned: bool) -> Helpers:
    from functools import partial

    from facemogle.apps.model import find_device
    from facemogle.apps.parse import load_parser
    from facemogle.data.alignment import align_faces
    from facemogle.data.annotate import face_attributes
    from facemogle.data.candidate import Helpers
    from facemogle.models.aligner import FaceAligner
    from facemogle.models.attributes import AttributePredictor

    face_parser = load_parser(parser, device)
    attributes = AttributePredictor.mini() if predictor == "mini" else AttributePredictor.read(predictor)
    attributes.to(find_device(device))  # pyright: ignore[reportArgumentType] - diffusers hides the signature
    aligner = None if aligned else FaceAligner.mini()
    return Helpers(
        align=None if aligner is None else lambda photo, size: align_faces(photo, aligner=aligner, size=size),
        parse=partial(face_parser, batch_size=16, mirrored=False),  # twice as fast, half a percent IoU less
        describe=lambda photo, label_map, stored, parsed: face_attributes(
            photo, label_map=label_map, stored=stored, parsed=parsed, predictor=attributes
        ),
    )


def _models(parser: str, predictor: str) -> list[str]:
    """What tells the models of a build from others: hashes of their weights; facer's by its name."""
    import hashlib
    from importlib.resources import files

    assets = Path(str(files("facemogle") / "assets"))
    folders = [assets / "attributes" if predictor == "mini" else Path(predictor), assets / "aligner"]
    if parser != "facer":
        folders.append(assets / "parser" if parser == "mini" else Path(parser))
    weights = [path for folder in folders for path in sorted(folder.glob("*.safetensors"))]
    return [parser, *(hashlib.sha256(path.read_bytes()).hexdigest() for path in weights)]


def _sheet(folder: Path):
    """Some faces of the set, masks and captions, drawn at even distances."""
    from PIL import Image

    from facemogle.apps.face_sheet import face_sheet
    from facemogle.data.layouts import open_faces

    face_set = open_faces(folder)
    step = max(1, len(face_set) // _SHEET_FACES)
    records = [face_set.read(index) for index in range(0, len(face_set), step)][:_SHEET_FACES]
    return face_sheet(
        [
            (
                record.key.partition("/")[2],
                Image.fromarray(record.photo()),
                record.label_map(),
                record.captions,
            )
            for record in records
        ]
    )
