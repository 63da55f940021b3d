"""The pictures of an evaluation: a sheet of faces, the best and worst by their masks, the nearest ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from facemogle.apps.sheet import contact_sheet, thumbnail
from facemogle.core.label_map import LabelMap
from facemogle.evaluation.pairs import Faces, Pictures
from facemogle.evaluation.sets import Novelty
from facemogle.models.parser import FaceParser

_SHEET_FACES, _SHEET_COLUMNS = 40, 8
_EXAMPLES = 4
_NEAREST = 8


def generated_sheet(pictures: Pictures) -> Image.Image:
    """The first forty generated faces."""
    shown = [thumbnail(picture) for picture in pictures[:_SHEET_FACES]]
    columns = min(_SHEET_COLUMNS, len(shown))
    cells = {divmod(number, columns): picture for number, picture in enumerate(shown)}
    return contact_sheet(
        cells, rows=[(None, None)] * math.ceil(len(shown) / columns), captions=[""] * columns
    )


def mask_examples(faces: Faces, miou_N: Tensor, parser: FaceParser) -> Image.Image:
    """The best and worst generated faces by the agreement of their masks: mask, face, what is found in it."""
    order = miou_N.argsort(descending=True).tolist()
    chosen = order if len(order) <= 2 * _EXAMPLES else [*order[:_EXAMPLES], *order[-_EXAMPLES:]]
    masks = faces.masks_as_generated()
    pictures = [faces.generated[place] for place in chosen]
    rows: list[tuple[str | None, LabelMap | None]] = [
        (f"mean IoU {miou_N[place]:.2f}", masks[place]) for place in chosen
    ]
    cells = {(row, 0): thumbnail(picture) for row, picture in enumerate(pictures)}
    for row, parsed in enumerate(parser(pictures)):
        cells[row, 1] = thumbnail(parsed.to_pil().convert("RGB"))
    return contact_sheet(cells, rows=rows, captions=["generated", "what the parser finds"])


def nearest_faces(generated: Pictures, train: Pictures, new: Novelty) -> Image.Image:
    """The generated faces nearest to one that was learnt from, beside it: it shows real persons."""
    chosen: Sequence[int] = new.distance_N.argsort()[:_NEAREST].tolist()
    cells = {}
    for column, place in enumerate(chosen):
        cells[0, column] = thumbnail(generated[place])
        cells[1, column] = thumbnail(train[int(new.index_N[place])])
    captions = [f"distance {new.distance_N[place]:.3f}" for place in chosen]
    return contact_sheet(cells, rows=[(None, None)] * 2, captions=captions)
