"""Contact sheets: pictures in rows and columns with their captions and small masks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from facemogle.core.label_map import LabelMap

PAPER, INK, FAINT = (255, 255, 255), (40, 40, 40), (225, 225, 225)
MAX_TILE = 256
_READABLE_TILE, _MIN_TILE, _MAX_PIXELS, _MAX_COLUMNS = 128, 32, 60_000_000, 8
_MARGIN, _GAP, _MAX_LINES = 12, 6, 4

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def contact_sheet(
    cells: Mapping[tuple[int, int], Image.Image],
    *,
    rows: Sequence[tuple[str | None, LabelMap | None]],
    captions: Sequence[str],
) -> Image.Image:
    """One picture with a row for every mask and a column for every caption.

    cells: pictures by (row, column); places without one stay empty. rows: name and mask.
    More columns than eight are folded into blocks below each other.
    """
    font = load_font(13)
    num_columns = min(len(captions), _MAX_COLUMNS)
    num_blocks = math.ceil(len(captions) / num_columns)
    sizes = [max(image.size) for image in cells.values()]
    tile = max(min(max(sizes, default=MAX_TILE), MAX_TILE), _READABLE_TILE)
    while tile > _MIN_TILE and tile**2 * num_columns * num_blocks * len(rows) > _MAX_PIXELS:
        tile = int(tile * 0.9)
    head = tile if any(label_map is not None for _, label_map in rows) else 0  # the masks' own column
    line = line_height(font)
    wrapped = [wrap(caption, font, tile, _MAX_LINES) for caption in captions]

    width = 2 * _MARGIN + (head + _GAP) * (head > 0) + num_columns * (tile + _GAP) - _GAP
    blocks = [
        range(first, min(first + num_columns, len(captions)))
        for first in range(0, len(captions), num_columns)
    ]
    text_heights = [max(len(wrapped[column]) for column in block) * line for block in blocks]
    name_height = line if head and any(name for name, _ in rows) else 0
    row_height = tile + name_height + _GAP
    height = 2 * _MARGIN + sum(text_heights) + num_blocks * (len(rows) * row_height + _GAP)
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _MARGIN
    for block, text_height in zip(blocks, text_heights, strict=True):
        left = _MARGIN + (head + _GAP) * (head > 0)
        for place, column in enumerate(block):
            spare = text_height - len(wrapped[column]) * line  # captions stand on the pictures
            for number, text in enumerate(wrapped[column]):
                draw.text((left + place * (tile + _GAP), top + spare + number * line - 2), text, INK, font)
        top += text_height
        for row, (name, label_map) in enumerate(rows):
            if label_map is not None:
                _paste(sheet, _drawn(label_map, tile), (_MARGIN, top), tile)
            if name and name_height:
                draw.text((_MARGIN, top + tile), *(shorten(name, font, tile), INK, font))
            for place, column in enumerate(block):
                corner = (left + place * (tile + _GAP), top)
                if (image := cells.get((row, column))) is not None:
                    _paste(sheet, image, corner, tile)
                else:
                    draw.rectangle((*corner, corner[0] + tile - 1, corner[1] + tile - 1), outline=FAINT)
            top += row_height
        top += _GAP
    return sheet


def thumbnail(image: Image.Image) -> Image.Image:
    """The picture, made smaller when it is too large for a sheet."""
    small = image.convert("RGB")
    small.thumbnail((MAX_TILE, MAX_TILE))
    return small


def load_font(size: int) -> Font:
    """Pillow's own font, so that a sheet looks the same everywhere."""
    return ImageFont.load_default(size)


def line_height(font: Font) -> int:
    """Pixels from one line to the next."""
    return math.ceil(font.getbbox("Ág")[3] * 1.15)


def shorten(text: str, font: Font, width: int) -> str:
    """The text, with its end replaced by an ellipsis when it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrap(text: str, font: Font, width: int, max_lines: int) -> list[str]:
    """The text in lines of at most `width` pixels; what does not fit in `max_lines` ends in an ellipsis."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        current = ""
        for word in paragraph.split():
            if current and font.getlength(f"{current} {word}") > width:
                lines.append(current)
                current = word
            else:
                current = f"{current} {word}".strip()
        lines.append(current)
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], " ".join(lines[max_lines - 1 :])]
    return [shorten(line, font, width) for line in lines]


def _drawn(label_map: LabelMap, tile: int) -> Image.Image:
    height, width = label_map.shape
    scale = tile / max(height, width)
    size = {"height": max(1, round(height * scale)), "width": max(1, round(width * scale))}
    return label_map.resize(**size).to_pil().convert("RGB")


def _paste(sheet: Image.Image, image: Image.Image, corner: tuple[int, int], tile: int) -> None:
    """Put a picture into the middle of its tile, made smaller if it must be."""
    if max(image.size) > tile:
        image = image.copy()
        image.thumbnail((tile, tile))
    sheet.paste(image, (corner[0] + (tile - image.width) // 2, corner[1] + (tile - image.height) // 2))
