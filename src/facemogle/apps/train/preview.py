"""What a model in training draws: the same masks, captions and seeds each time, with and without either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from facemogle.apps.demo import read_examples
from facemogle.apps.record import save_picture
from facemogle.apps.sheet import INK, PAPER, contact_sheet, line_height, load_font, thumbnail, wrap
from facemogle.core.label_map import LabelMap

if TYPE_CHECKING:
    from facemogle.pipeline import FaceMoGLEPipeline

STEPS = 12
MOST = 7  # columns that a sheet has room for beside the one that says what a row shows
_SHOWN = 4


@dataclass(frozen=True)
class Example:
    """A column of the sheet."""

    mask: LabelMap
    caption: str
    seed: int


def draw_preview(
    pipe: FaceMoGLEPipeline, examples: Sequence[Example] | None = None, *, path: Path
) -> np.ndarray:
    """Draw each example from its mask, from mask and caption, from its caption, from neither; 12 steps.

    Writes one sheet to `path` and returns it, H x W x 3 uint8. Without `examples` those of the package are
    drawn. ValueError for more than seven. Depends on the weights alone and touches no global random state.
    """
    examples = shipped_examples() if examples is None else list(examples)
    if not 0 < len(examples) <= MOST:
        raise ValueError(f"{len(examples)} examples, a preview shows 1 to {MOST}")
    captions, masks = [example.caption for example in examples], [example.mask for example in examples]
    no_captions, no_masks = [""] * len(examples), [None] * len(examples)
    rows: list[tuple[str, list[Image.Image]]] = []
    for said, prompts, shown in (
        ("mask alone", no_captions, masks),
        ("mask and caption", captions, masks),
        ("caption alone", captions, no_masks),
        ("neither", no_captions, no_masks),
    ):
        made = pipe(
            prompts,
            mask=shown,
            seed=[example.seed for example in examples],
            num_inference_steps=STEPS,
        ).images
        assert isinstance(made, list)
        rows.append((said, made))
    width, height = rows[0][1][0].size
    drawn = [mask.resize(height=height, width=width).to_pil().convert("RGB") for mask in masks]
    rows.insert(0, ("masks", drawn))
    cells = {}
    for row, (said, pictures) in enumerate(rows):
        cells[row, 0] = _sign(said)
        cells |= {(row, column): thumbnail(picture) for column, picture in enumerate(pictures, start=1)}
    sheet = contact_sheet(cells, rows=[(None, None)] * len(rows), captions=["", *captions])
    path.parent.mkdir(parents=True, exist_ok=True)
    save_picture(sheet, path)
    return np.asarray(sheet)


def preview_or_warn(draw: Callable[[], np.ndarray | None], warn: Callable[[str], None]) -> np.ndarray | None:
    """What `draw` gives; None where it fails, for a run of days goes on without a picture. `warn` hears why.

    Only what stops a program (KeyboardInterrupt and the like) gets through.
    """
    try:
        return draw()
    except Exception as error:  # a full disk, no memory left, a defect: none is worth a run
        warn(f"no preview, training goes on: {type(error).__name__}: {error}")
        return None


def shipped_examples() -> list[Example]:
    """Some of the masks and captions that come with the package, each caption once before any comes again."""
    folder = Path(str(files("facemogle") / "assets" / "examples"))
    listed = read_examples(folder)
    captions = list(dict.fromkeys(example["prompt"] for example in listed if example["prompt"]))
    seeds = {example["mask"]: example["seed"] for example in listed if example["mask"]}
    return [
        Example(LabelMap.read(folder / mask), captions[number % len(captions)], seed)
        for number, (mask, seed) in enumerate(seeds.items())
    ][:_SHOWN]


def _sign(text: str) -> Image.Image:
    """A tile that says what its row shows."""
    tile, font = Image.new("RGB", (128, 128), PAPER), load_font(16)
    draw = ImageDraw.Draw(tile)
    lines = wrap(text, font, tile.width - 8, 4)
    top = (tile.height - len(lines) * line_height(font)) // 2
    for number, line in enumerate(lines):
        draw.text((0, top + number * line_height(font)), line, INK, font)
    return tile
