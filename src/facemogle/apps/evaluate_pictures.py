"""The pictures of an evaluation: a sheet of faces, the best and worst, those nearest to what was learnt."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from PIL import Image
from torch import Tensor

from facemogle.apps.sheet import contact_sheet, thumbnail
from facemogle.core.label_map import LabelMap
from facemogle.evaluation.measure import EACH
from facemogle.evaluation.pairs import Faces, Pictures
from facemogle.evaluation.sets import Novelty

_SHEET_FACES, _SHEET_COLUMNS = 40, 8
_EXAMPLES = 4
_NEAREST = 8

Parse = Callable[[Sequence[Image.Image]], Iterable[LabelMap]]


def generated_sheet(pictures: Pictures) -> Image.Image:
    """The first forty generated faces."""
    shown = [thumbnail(picture) for picture in pictures[:_SHEET_FACES]]
    columns = min(_SHEET_COLUMNS, len(shown))
    cells = {divmod(number, columns): picture for number, picture in enumerate(shown)}
    return contact_sheet(
        cells, rows=[(None, None)] * math.ceil(len(shown) / columns), captions=[""] * columns
    )


def examples(faces: Faces, each: Mapping[str, Tensor], parse: Parse) -> tuple[Image.Image, str]:
    """The best and worst generated faces, and by what: their masks, or else structure, or else the judge.

    By masks: mask, face, and what is found in it. Else the face alone: the page shows no real persons.
    """
    by = next(name for name in ("miou", "structure", "own") if name in each)
    order = each[by].argsort(descending=by == "miou", stable=True).tolist()
    chosen = order if len(order) <= 2 * _EXAMPLES else [*order[:_EXAMPLES], *order[-_EXAMPLES:]]
    pictures = [faces.generated[place] for place in chosen]
    told = [f"{EACH[by]}: {each[by][place]:.3f}" for place in chosen]
    if by == "miou":
        masks = faces.masks_as_generated()
        rows: list[tuple[str | None, LabelMap | None]] = [
            (text, masks[place]) for text, place in zip(told, chosen, strict=True)
        ]
        cells = {(row, 0): thumbnail(picture) for row, picture in enumerate(pictures)}
        for row, parsed in enumerate(parse(pictures)):
            cells[row, 1] = thumbnail(parsed.to_pil().convert("RGB"))
        return contact_sheet(cells, rows=rows, captions=["generated", "what the parser finds"]), EACH[by]
    cells = {(0, column): thumbnail(picture) for column, picture in enumerate(pictures)}
    return contact_sheet(cells, rows=[(None, None)], captions=told), EACH[by]


def nearest_faces(faces: Faces, train: Pictures, new: Novelty) -> Image.Image:
    """The eight faces nearest to one that was learnt from, above it: generated ones, then photographs.

    It shows real persons.
    """
    cells, captions = {}, []
    for what, pictures, distance_N, index_N in (
        ("generated", faces.generated, new.distance_N, new.index_N),
        ("held out", faces.real, new.held_out_N, new.held_out_index_N),
    ):
        first = len(captions)
        captions += [""] * _NEAREST  # as many as a sheet has side by side: photographs begin a line of theirs
        for column, place in enumerate(distance_N.argsort()[:_NEAREST].tolist(), start=first):
            captions[column] = f"{what}, {distance_N[place]:.3f} to the learnt face below"
            cells[0, column] = thumbnail(pictures[place])
            cells[1, column] = thumbnail(train[int(index_N[place])])
    return contact_sheet(cells, rows=[(None, None)] * 2, captions=captions)
