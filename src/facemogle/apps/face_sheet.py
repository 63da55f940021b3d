"""Contact sheets of face sets: each face's photograph, its mask laid over it, and a caption."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from facemogle.apps.sheet import FAINT, INK, PAPER, line_height, load_font, shorten, wrap
from facemogle.core.label_map import LabelMap

_TILE, _MARGIN, _GAP, _CAPTION_LINES = 192, 12, 12, 3
_GREY = (120, 120, 120)


def face_sheet(rows: Sequence[tuple[str, Image.Image, LabelMap | None, Sequence[str]]]) -> Image.Image:
    """One picture of all faces: photograph and mask side by side, name and first caption below.

    rows: name, photograph, mask and captions of each face. Raises ValueError without any.
    """
    if not rows:
        raise ValueError("no faces to draw")
    font = load_font(13)
    line = line_height(font)
    width = 2 * _TILE
    texts = [
        wrap(captions[0] if captions else "no caption", font, width, _CAPTION_LINES)
        for _, _, _, captions in rows
    ]
    height = _TILE + (1 + max(map(len, texts))) * line + 4
    num_columns = min(len(rows), max(1, round(math.sqrt(len(rows) * height / width))))
    num_lines = math.ceil(len(rows) / num_columns)
    size = (num_columns * (width + _GAP) - _GAP, num_lines * (height + _GAP) - _GAP)
    sheet = Image.new("RGB", (size[0] + 2 * _MARGIN, size[1] + 2 * _MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (name, photo, label_map, captions) in enumerate(rows):
        left = _MARGIN + number % num_columns * (width + _GAP)
        top = _MARGIN + number // num_columns * (height + _GAP)
        scale = _TILE / max(photo.size)
        view = photo.convert("RGB").resize([max(1, round(side * scale)) for side in photo.size])
        _paste(sheet, view, left, top)
        if label_map is None:
            draw.rectangle((left + _TILE, top, left + width - 1, top + _TILE - 1), outline=FAINT)
            draw.text((left + _TILE * 1.5, top + _TILE / 2), "no mask", _GREY, font, anchor="mm")
        else:
            _paste(sheet, label_map.overlay(view), left + _TILE, top)
        more = f"  ({len(captions)} captions)" if len(captions) > 1 else ""
        draw.text((left, top + _TILE + 2), shorten(name + more, font, width), _GREY, font)
        for place, text in enumerate(texts[number], start=1):
            draw.text((left, top + _TILE + 2 + place * line), text, INK if captions else _GREY, font)
    return sheet


def _paste(sheet: Image.Image, view: Image.Image, left: int, top: int) -> None:
    sheet.paste(view, (left + (_TILE - view.width) // 2, top + (_TILE - view.height) // 2))
