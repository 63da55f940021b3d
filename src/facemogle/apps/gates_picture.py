"""The picture of a gate at work: a heat map for every expert and step, and curves of the mean weights.

Shapes: S steps, R experts (0 the global one, then one per label), N tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from facemogle.apps.sheet import FAINT, INK, PAPER, Font, line_height, load_font, shorten
from facemogle.core.label_map import LabelMap, region_shares
from facemogle.core.regions import PALETTE, REGION_NAMES, region_id

_CELL, _GAP, _MARGIN, _NAMES, _CURVES, _TOP = 88, 6, 20, 128, 210, 176
_MAX_COLUMNS = 6
_GREY = (120, 120, 120)
_STACK_GLOBAL, _STACK_ABSENT = (150, 150, 150), (215, 215, 215)
# Dark to bright, so that it also reads in grey: black, violet, red, orange, pale yellow.
_HEAT_STOPS = np.array(
    [(8, 6, 24), (84, 20, 110), (186, 54, 84), (249, 140, 10), (252, 250, 180)], dtype=float
)


@dataclass(frozen=True)
class GateTrace:
    """What a gate did for one picture.

    gate_SRN: weights in [0, 1], summing to 1 over R. t_S: times in [0, 1], 1 is noise.
    label_map: the mask at the size of the picture.
    """

    gate_SRN: np.ndarray
    t_S: np.ndarray
    label_map: LabelMap

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the tokens."""
        height, width = self.label_map.shape
        rows = round(math.sqrt(self.gate_SRN.shape[2] * height / width))
        return rows, self.gate_SRN.shape[2] // rows


@dataclass(frozen=True)
class _Row:
    """One line of the picture: an expert, or several whose weights are added up."""

    name: str
    color: tuple[int, ...]
    weight_SN: np.ndarray
    share_N: np.ndarray | None  # how much of each token the expert's region covers
    region: np.ndarray | None  # H x W, bool


def draw_gates(
    trace: GateTrace,
    face: Image.Image,
    *,
    title: str,
    regions: Sequence[str] | None = None,
    max_columns: int = _MAX_COLUMNS,
) -> Image.Image:
    """Rows for the global expert, every present region and the absent ones together; columns for steps.

    regions: names of regions that get a row in place of all. Raises ValueError for an unknown one.
    max_columns: most steps that are shown.
    """
    font, small, large = load_font(14), load_font(12), load_font(20)
    rows = _rows(trace, regions)
    shown = _shown_steps(len(trace.t_S), max_columns)
    scale_end = max(float(row.weight_SN[shown].max()) for row in rows)
    heat_left = _MARGIN + _NAMES + _CELL + 2 * _GAP
    curves_left = heat_left + len(shown) * (_CELL + _GAP) + 2 * _GAP
    width = max(curves_left + _CURVES, 860) + _MARGIN
    table_top = _MARGIN + 40 + _TOP + 64
    height = table_top + len(rows) * (_CELL + _GAP) + 56 + _MARGIN
    picture = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(picture)

    heading = f"Weights of the experts: {title}"
    draw.text((_MARGIN, _MARGIN - 6), shorten(heading, large, width - 2 * _MARGIN), INK, large)
    top = _MARGIN + 40
    mask = trace.label_map.to_pil().convert("RGB")
    for place, (view, name) in enumerate(((face.convert("RGB"), "the face"), (mask, "its mask"))):
        left = _MARGIN + place * (_TOP - 16)
        picture.paste(_fitted(view, _TOP - 24), (left, top))
        draw.text((left, top + _TOP - 22), name, INK, small)
    stack_left = _MARGIN + 2 * (_TOP - 16) + 44
    box = (stack_left, top, width - _MARGIN - 4, top + _TOP - 24)
    _draw_stack(draw, box, rows, trace.t_S, small)

    labels = table_top - line_height(font) - 2
    draw.text((_MARGIN, labels), "expert", INK, font)
    draw.text((_MARGIN + _NAMES + _GAP, labels), "region", INK, font)
    for column, step in enumerate(shown):
        x = heat_left + column * (_CELL + _GAP)
        draw.text((x, labels - line_height(small)), f"step {step + 1}", INK, small)
        draw.text((x, labels), f"t = {trace.t_S[step]:.2f}", INK, font)
    draw.text((curves_left, labels - line_height(small)), "mean over steps", INK, font)
    draw.text((curves_left, labels), "colour: in its region, grey: everywhere", _GREY, small)
    for number, row in enumerate(rows):
        y = table_top + number * (_CELL + _GAP)
        _draw_name(draw, (_MARGIN, y), row, trace, font, small)
        outline = None
        if row.region is not None:
            picture.paste(_region_view(row), (_MARGIN + _NAMES + _GAP, y))
            outline = _outline(row.region)
        for column, step in enumerate(shown):
            heat = _heat(row.weight_SN[step].reshape(trace.grid), scale_end, outline)
            picture.paste(heat, (heat_left + column * (_CELL + _GAP), y))
        _draw_curves(draw, (curves_left, y, curves_left + _CURVES - 40, y + _CELL), row, small)
    bar_top = table_top + len(rows) * (_CELL + _GAP) + 10
    _draw_scale(picture, draw, (heat_left, bar_top), len(shown) * (_CELL + _GAP) - _GAP, scale_end, small)
    return picture


def _rows(trace: GateTrace, regions: Sequence[str] | None) -> list[_Row]:
    height, width = trace.label_map.shape
    patch = height // trace.grid[0]
    share_NR = region_shares([trace.label_map], height=height, width=width, patch=patch)[0].numpy()
    chosen = trace.label_map.present
    if regions is not None:
        chosen = np.isin(np.arange(len(chosen)), [region_id(name) for name in regions])
    rows = [_Row("global", _STACK_GLOBAL, trace.gate_SRN[:, 0], None, None)]
    rows += [
        _Row(
            REGION_NAMES[label],
            tuple(PALETTE[label].tolist()),
            trace.gate_SRN[:, 1 + label],
            share_NR[:, label],
            trace.label_map.ids == label,
        )
        for label in chosen.nonzero()[0]
    ]
    if regions is None and not chosen.all():
        absent_SN = trace.gate_SRN[:, 1:][:, ~chosen].sum(axis=1)
        rows.append(_Row(f"{(~chosen).sum()} absent, added", _STACK_ABSENT, absent_SN, None, None))
    return rows


def _shown_steps(num_steps: int, most: int) -> list[int]:
    """At most so many steps, the first and the last among them, evenly spread."""
    return sorted({round(place) for place in np.linspace(0, num_steps - 1, min(num_steps, most))})


def _fitted(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)


def _cell_indices(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a grid to read for each pixel of a cell, by nearest neighbour."""
    rows, columns = ((2 * np.arange(_CELL) + 1) * size // (2 * _CELL) for size in shape)
    return rows[:, None], columns


def _outline(region: np.ndarray) -> np.ndarray:
    """The pixels of a cell where the region begins, _CELL x _CELL, bool."""
    inside = region[_cell_indices((region.shape[0], region.shape[1]))]
    edge = np.zeros_like(inside)
    edge[1:] |= inside[1:] != inside[:-1]
    edge[:, 1:] |= inside[:, 1:] != inside[:, :-1]
    return edge


def _region_view(row: _Row) -> Image.Image:
    assert row.region is not None
    inside = row.region[_cell_indices((row.region.shape[0], row.region.shape[1]))]
    return Image.fromarray(np.where(inside[..., None], *np.array((row.color, FAINT), np.uint8)))


def _heat_colors(weight: np.ndarray, scale_end: float) -> np.ndarray:
    """Colours of weights from 0 to `scale_end`, by their square root, so that small ones differ too."""
    place = np.sqrt(np.clip(weight / max(scale_end, 1e-12), 0, 1)) * (len(_HEAT_STOPS) - 1)
    channels = [np.interp(place, np.arange(len(_HEAT_STOPS)), stops) for stops in _HEAT_STOPS.T]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _heat(weight: np.ndarray, scale_end: float, outline: np.ndarray | None) -> Image.Image:
    rows, columns = weight.shape
    pixels = _heat_colors(weight, scale_end)[_cell_indices((rows, columns))]
    if outline is not None:
        pixels[outline] = (pixels[outline].astype(np.uint16) + 2 * np.uint16(255)) // 3
    return Image.fromarray(pixels)


def _draw_name(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], row: _Row, trace: GateTrace, font: Font, small: Font
) -> None:
    x, y = corner
    draw.rectangle((x, y + 3, x + 12, y + 15), fill=row.color, outline=INK)
    draw.text((x + 19, y), shorten(row.name, font, _NAMES - 19), INK, font)
    lines = [f"mean {row.weight_SN.mean():.3f}"]
    if row.share_N is not None:
        if row.share_N.sum() > 0:
            lines.append(f"in its region {_mean_inside(row).mean():.3f}")
        lines.append(f"area {row.share_N.mean():.1%}")
    for number, line in enumerate(lines, start=1):
        draw.text((x + 19, y + 4 + number * line_height(small)), line, _GREY, small)


def _mean_inside(row: _Row) -> np.ndarray:
    """Mean weight over the places of the row's own region, for each step."""
    assert row.share_N is not None
    return row.weight_SN @ row.share_N / max(float(row.share_N.sum()), 1e-12)


def _draw_curves(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], row: _Row, small: Font) -> None:
    left, top, right, bottom = box
    curves: list[tuple[np.ndarray, tuple[int, ...]]] = [(row.weight_SN.mean(axis=1), _GREY)]
    if row.share_N is not None:
        curves.append((_mean_inside(row), row.color))
    end = _round_up(max(float(values.max()) for values, _ in curves))
    draw.rectangle((left, top, right, bottom - 1), outline=FAINT)
    draw.text((right + 5, top - 3), f"{end:g}", _GREY, small)
    draw.text((right + 5, bottom - line_height(small)), "0", _GREY, small)
    for values, color in curves:
        points = _points(values / end, (left, top + 2, right, bottom - 3))
        if color != _GREY:
            draw.line(points, fill=INK, width=4)  # an edge, for pale colours on paper
        draw.line(points, fill=color, width=2)


def _draw_stack(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], rows: list[_Row], t_S: np.ndarray, small: Font
) -> None:
    """The rows' mean weights on top of each other; those of all experts together are 1 at every step."""
    left, top, right, bottom = box
    below = np.zeros(len(t_S))
    for row in rows:
        above = below + row.weight_SN.mean(axis=1)
        draw.polygon([*_points(above, box), *reversed(_points(below, box))], fill=row.color)
        below = above
    draw.rectangle(box, outline=_GREY)
    draw.text((left - 6, top - 4), "1", _GREY, small, anchor="ra")
    draw.text((left - 6, bottom - 12), "0", _GREY, small, anchor="ra")
    draw.text((left, bottom + 2), f"t = {t_S[0]:.2f}", _GREY, small)
    draw.text((right, bottom + 2), f"t = {t_S[-1]:.2f}", _GREY, small, anchor="ra")
    others = "; white: all others" if below.max() < 0.999 else ""
    caption = f"mean weights of experts, stacked; colours as below{others}"
    draw.text(((left + right) // 2, bottom + 2), caption, INK, small, anchor="ma")


def _points(values: np.ndarray, box: tuple[int, int, int, int]) -> list[tuple[float, float]]:
    """Places of values in [0, 1] in a box, first to last from left to right; one value is a level line."""
    left, top, right, bottom = box
    heights = np.repeat(values, 2) if len(values) == 1 else values
    x = np.linspace(left, right, len(heights))
    return [(float(a), float(bottom - b * (bottom - top))) for a, b in zip(x, heights, strict=True)]


def _draw_scale(
    picture: Image.Image,
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    width: int,
    scale_end: float,
    small: Font,
) -> None:
    """The colours of the heat maps with weights below them."""
    left, top = corner
    weight = np.linspace(0, 1, width) ** 2 * scale_end
    bar = np.broadcast_to(_heat_colors(weight, scale_end), (14, width, 3))
    picture.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, top))
    draw.text((left - 8, top - 2), "weight", INK, small, anchor="ra")
    for place in np.linspace(0, 1, 6):
        x, value = left + place * (width - 1), place**2 * scale_end
        draw.line((x, top + 14, x, top + 18), fill=INK)
        draw.text((x, top + 19), f"{value:.2g}", INK, small, anchor="ma")


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= value * 0.999)
