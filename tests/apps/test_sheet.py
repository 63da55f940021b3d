"""Contact sheets: everything is on them, and nothing outside."""

import numpy as np
import pytest
from PIL import Image

from facemogle import LabelMap
from facemogle.apps.sheet import MAX_TILE, contact_sheet, load_font, shorten, thumbnail, wrap

FACE_MAP = LabelMap.from_array(np.full((30, 20), 13, dtype=np.uint8))


def colors(image: Image.Image) -> set:
    return {color for _, color in image.getcolors(1 << 24) or []}


@pytest.mark.parametrize(("num_rows", "num_columns"), [(1, 1), (2, 3), (3, 19)])
def test_every_picture_and_mask_is_there(num_rows, num_columns):
    cells = {
        (row, column): Image.new("RGB", (128, 96), (10 + row, 100 + column, 77))
        for row in range(num_rows)
        for column in range(num_columns)
    }
    rows = [("a", FACE_MAP)] * num_rows
    sheet = contact_sheet(cells, rows=rows, captions=["caption"] * num_columns)
    assert {cell.getpixel((0, 0)) for cell in cells.values()} | {(0, 0, 204)} <= colors(sheet)
    assert sheet.width < 11 * 140


def test_missing_cells_and_masks():
    sheet = contact_sheet(
        {(0, 1): Image.new("RGB", (64, 64), "red")}, rows=[(None, None)], captions=["", "x"]
    )
    assert (255, 0, 0) in colors(sheet)


def test_many_pictures_make_no_giant():
    cell = Image.new("RGB", (256, 256))
    cells = {(row, column): cell for row in range(400) for column in range(8)}
    sheet = contact_sheet(cells, rows=[(None, None)] * 400, captions=["x"] * 8)
    assert sheet.width * sheet.height < 90_000_000


def test_thumbnail_is_smaller_never_larger():
    assert thumbnail(Image.new("RGB", (1024, 512))).size == (MAX_TILE, MAX_TILE // 2)
    assert thumbnail(Image.new("RGB", (32, 32))).size == (32, 32)


def test_wrap():
    font = load_font(13)
    assert wrap("one two\nthree", font, 500, 4) == ["one two", "three"]
    lines = wrap("word " * 50, font, 100, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(font.getlength(line) <= 100 for line in lines)
    assert wrap("", font, 100, 3) == []


def test_shorten():
    font = load_font(13)
    assert shorten("short", font, 100) == "short"
    assert font.getlength(shorten("l" * 500, font, 100)) <= 100
