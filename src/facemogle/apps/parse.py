"""`facemogle parse`: masks from photographs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facemogle.apps.generate import Device, Overwrite

if TYPE_CHECKING:
    from facemogle.models.parser import FaceParser

_BATCH = 8
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def parse(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO|FOLDER...", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the masks.", show_default=False)],
    parser: Annotated[
        str, typer.Option(metavar="mini|facer|DIR", help="The embedded parser, facer's, or one of yours.")
    ] = "mini",
    device: Device = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the mask of each photograph, NAME.png, and the same laid over it, NAME.overlay.png.

    Photographs should be of one upright face, framed as in FFHQ; `facemogle data build` aligns others.
    Exit code 2 if some could not be read; the others are written all the same.
    """
    from facemogle.apps.jobs import FreeNames, prepare

    files = photo_files(photos)
    names = FreeNames(out)
    targets = [(names.next(file.stem), names.next(f"{file.stem}.overlay")) for file in files]
    prepare([path for pair in targets for path in pair], overwrite=overwrite)

    from tqdm import tqdm

    from facemogle.apps.record import save_picture
    from facemogle.core.photo import read_photo

    face_parser = load_parser(parser, device)
    num_wrong = 0
    with tqdm(total=len(files), unit="photo", disable=None, dynamic_ncols=True) as bar:
        for start in range(0, len(files), _BATCH):
            read = []
            for file, pair in zip(
                files[start : start + _BATCH], targets[start : start + _BATCH], strict=True
            ):
                try:
                    read.append((read_photo(file), pair))
                except (ValueError, OSError) as error:
                    num_wrong += 1
                    typer.echo(f"error: {_reason(file, error)}", err=True)
                    bar.update()
            label_maps = face_parser([photo for photo, _ in read], batch_size=_BATCH)
            for (photo, (mask_path, overlay_path)), label_map in zip(read, label_maps, strict=True):
                save_picture(label_map.overlay(photo), overlay_path)
                label_map.save(mask_path)
                bar.update()
                bar.write(str(mask_path))
    if num_wrong:
        raise typer.Exit(2)


def photo_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and the pictures in folders, sorted. ValueError for a folder without any."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(
            file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file()
        )
        if not inside:
            raise ValueError(f"{path}: a folder without photographs ({', '.join(_SUFFIXES)})")
        found += inside
    return found


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
