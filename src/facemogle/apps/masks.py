"""`facemogle mask`: look at label maps, check them, bring them into our form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facemogle.apps.generate import OUR_ORDER, ClassOrder, Overwrite, check_class_order, parse_size

if TYPE_CHECKING:
    from PIL import Image

    from facemogle.core.label_map import LabelMap

app = typer.Typer(help="Look at masks, check and convert them.", no_args_is_help=True, rich_markup_mode=None)

_VIEW = 512

File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]


@app.command()
def show(
    file: File,
    out: Annotated[
        Path | None, typer.Option(metavar="PNG", help="[default: NAME.show.png beside FILE]")
    ] = None,
    photo: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Lay the mask over this photograph.")
    ] = None,
    class_order: ClassOrder = OUR_ORDER,
    overwrite: Overwrite = False,
) -> None:
    """Draw a mask in colours, with the names and shares of its regions."""
    check_class_order(class_order)
    from facemogle.apps.jobs import prepare
    from facemogle.apps.record import save_picture
    from facemogle.core.label_map import LabelMap
    from facemogle.core.photo import read_photo

    label_map = LabelMap.read(file, order=class_order)
    under = None if photo is None else read_photo(photo)
    out = out or file.with_name(f"{file.stem}.show.png")
    prepare([out], overwrite=overwrite)
    save_picture(draw_mask(label_map, under), out)
    typer.echo(str(out))


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER...", show_default=False)],
    class_order: ClassOrder = OUR_ORDER,
) -> None:
    """Say of each mask its size and regions, or what is wrong with it; exit code 2 if anything is."""
    check_class_order(class_order)
    from facemogle.apps.jobs import mask_files
    from facemogle.core.label_map import LabelMap

    num_wrong = 0
    for file in mask_files(files):
        try:
            label_map = LabelMap.read(file, order=class_order)
        except (ValueError, OSError) as error:
            num_wrong += 1
            reason = f"{file}: {error.strerror}" if isinstance(error, OSError) else error
            typer.echo(f"error: {reason}", err=True)
            continue
        names = [name for _, name, _ in _shares(label_map)]
        height, width = label_map.shape
        typer.echo(f"{file}: {width}x{height}, {len(names)} regions: {', '.join(names)}")
    if num_wrong:
        raise typer.Exit(2)


@app.command()
def convert(
    file: File,
    out: Annotated[Path, typer.Option(metavar="PNG", show_default=False)],
    from_order: Annotated[
        str, typer.Option(metavar="ORDER", help="What FILE's ids mean: FaRL, SegFace, ...")
    ] = OUR_ORDER,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Pixels, as 512x512.  [default: FILE's]")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a mask in our class order and palette, and at another size if asked."""
    check_class_order(from_order)
    new_size = None if size is None else parse_size(size)
    from facemogle.apps.jobs import prepare
    from facemogle.core.label_map import LabelMap

    label_map = LabelMap.read(file, order=from_order)
    if new_size is not None:
        label_map = label_map.resize(width=new_size[0], height=new_size[1])
    prepare([out], overwrite=overwrite)
    label_map.save(out)
    typer.echo(str(out))


def draw_mask(label_map: LabelMap, photo: Image.Image | None = None) -> Image.Image:
    """The mask (laid over a photo, if there is one, and beside it) with a legend of its regions."""
    from PIL import Image, ImageDraw

    from facemogle.apps.sheet import INK, PAPER, line_height, load_font

    height, width = label_map.shape
    scale = _VIEW / max(height, width)
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    views = [label_map.resize(height=height, width=width).to_pil().convert("RGB")]
    if photo is not None:
        views.insert(0, label_map.overlay(photo.resize((width, height))))
    font = load_font(15)
    line, margin, swatch = line_height(font) + 4, 16, 16
    shares = _shares(label_map)
    left = margin + len(views) * (width + margin)
    texts = [(color, name, f"{share:.1%}" if share >= 0.0005 else "<0.1%") for color, name, share in shares]
    names_width = int(max(font.getlength(name) for _, name, _ in texts))
    picture = Image.new(
        "RGB",
        (left + swatch + 8 + names_width + 70 + margin, max(height, line * len(texts)) + 2 * margin),
        PAPER,
    )
    for number, view in enumerate(views):
        picture.paste(view, (margin + number * (width + margin), margin))
    draw = ImageDraw.Draw(picture)
    for number, (color, name, share) in enumerate(texts):
        y = margin + number * line
        draw.rectangle((left, y + 1, left + swatch, y + 1 + swatch), fill=color, outline=INK)
        draw.text((left + swatch + 8, y), name, INK, font)
        draw.text((left + swatch + 8 + names_width + 64, y), share, INK, font, anchor="ra")
    return picture


def _shares(label_map: LabelMap) -> list[tuple[tuple[int, ...], str, float]]:
    """Colour, name and share of every region that is there, in the order of ids."""
    from facemogle.core.regions import PALETTE, REGION_NAMES

    return [
        (tuple(PALETTE[label].tolist()), REGION_NAMES[label], float((label_map.ids == label).mean()))
        for label in label_map.present.nonzero()[0]
    ]
