"""`facemogle parse`: masks from photographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facemogle.apps.generate import Device, Overwrite

if TYPE_CHECKING:
    from PIL import Image

    from facemogle.core.label_map import LabelMap
    from facemogle.models.parser import FaceParser

    Masks = Callable[[Sequence[Image.Image]], Sequence[LabelMap | None]]

_BATCH = 8
_FOUND_SIZE = 512  # at which faces that were looked for are parsed
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def parse(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO|FOLDER...", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the masks.", show_default=False)],
    parser: Annotated[
        str, typer.Option(metavar="mini|facer|DIR", help="The embedded parser, facer's, or one of yours.")
    ] = "mini",
    find: Annotated[
        bool, typer.Option("--find", help="Look for the faces first: for photographs of any framing.")
    ] = False,
    device: Device = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the mask of each photograph, NAME.png, and the same laid over it, NAME.overlay.png.

    Without --find, photographs should be of one upright face, framed about as in FFHQ.
    Exit code 2 if some could not be read; the others are written all the same.
    """
    from facemogle.apps.jobs import files_of, prepare

    files = files_of(photos, _SUFFIXES)
    targets = _targets(files, out)
    sources = {file.resolve() for file in files}
    if taken := next((path for pair in targets for path in pair if path.resolve() in sources), None):
        raise ValueError(f"{taken} is one of the photographs; choose another folder with --out")
    prepare([path for pair in targets for path in pair], overwrite=overwrite)

    from tqdm import tqdm

    from facemogle.apps.record import save_picture
    from facemogle.core.photo import read_photo

    face_parser = load_parser(parser, device)
    masks_of: Masks = _searching(face_parser) if find else partial(face_parser, batch_size=_BATCH)
    num_wrong = 0
    with tqdm(total=len(files), unit="photo", disable=None, dynamic_ncols=True) as bar:
        for start in range(0, len(files), _BATCH):
            read = []
            for file, pair in zip(
                files[start : start + _BATCH], targets[start : start + _BATCH], strict=True
            ):
                try:
                    read.append((file, read_photo(file), pair))
                except (ValueError, OSError) as error:
                    num_wrong += 1
                    typer.echo(f"error: {_reason(file, error)}", err=True)
                    bar.update()
            label_maps = masks_of([photo for _, photo, _ in read])
            for (file, photo, (mask_path, overlay_path)), label_map in zip(read, label_maps, strict=True):
                bar.update()
                if label_map is None:
                    num_wrong += 1
                    typer.echo(f"error: {file}: no face found", err=True)
                    continue
                save_picture(label_map.overlay(photo), overlay_path)
                label_map.save(mask_path)
                bar.write(str(mask_path))
    if num_wrong:
        raise typer.Exit(2)


def _searching(face_parser: FaceParser) -> Masks:
    """A parser of photographs of any framing: all faces at their places, larger ones over smaller ones."""
    import numpy as np

    from facemogle.core.frame import put_back
    from facemogle.core.label_map import LabelMap
    from facemogle.data.alignment import align_faces
    from facemogle.models.aligner import FaceAligner

    aligner = FaceAligner.mini()

    def parse_one(photo: Image.Image) -> LabelMap | None:
        ids_HW = np.zeros((photo.height, photo.width), dtype=np.uint8)
        faces = align_faces(photo, aligner=aligner, size=_FOUND_SIZE)[::-1]
        for face, label_map in zip(faces, face_parser([face.image for face in faces]), strict=True):
            put_back(label_map.ids, face.frame, ids_HW)
        return LabelMap(ids_HW) if faces else None

    return lambda photos: [parse_one(photo) for photo in photos]


def _targets(files: Sequence[Path], out: Path) -> list[tuple[Path, Path]]:
    """NAME.png and NAME.overlay.png for each photograph, all different."""
    from facemogle.apps.jobs import FreeNames

    names, targets = FreeNames(out), []
    for file in files:
        mask = names.next(file.stem)
        while (overlay := names.next(f"{mask.stem}.overlay")).stem != f"{mask.stem}.overlay":
            mask = names.next(file.stem)
        targets.append((mask, overlay))
    return targets


def load_parser(name: str, device: str | None) -> FaceParser:
    """The parser called mini or facer, or that of a folder. ValueError if it isn't there or installed."""
    from facemogle.apps.model import find_device, quiet_libraries

    quiet_libraries()
    from facemogle.models.parser import FaceParser

    target = find_device(device)
    if name == "mini":
        return FaceParser.mini(device=target)
    if name == "facer":
        try:
            return FaceParser.facer(device=target)
        except ImportError as error:
            raise ValueError(f"--parser facer: {error}") from error
    return FaceParser.from_pretrained(name, device=target)


def _reason(file: Path, error: Exception) -> str:
    return f"{file}: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
