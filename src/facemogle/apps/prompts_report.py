"""What became of captions: a sheet of faces with the captions below, and a page that counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from facemogle.apps.sheet import INK, PAPER, Font, line_height, load_font, thumbnail, wrap
from facemogle.core.caption_facts import AGE_GROUPS, GENDERS, find_words
from facemogle.core.caption_tables import FACTS
from facemogle.evaluation.attribute_checks import facts_shown
from facemogle.models.text import UNHEEDED, Reading

_COLUMNS, _MARGIN, _GAP, _CAPTION_LINES, _MISSED_LINES = 10, 12, 8, 4, 2
_UNHEEDED_INK, _MISSED_INK = (200, 30, 30), (130, 130, 130)
_ASPECTS = {"hair": "hair", "eyes": "glasses", "expression": "expression", "beard": "beard", "hat": "hat"}


@dataclass(frozen=True)
class Drawn:
    """A caption, the facts that should be seen, how the model read it, its faces and their codes, N x A."""

    prompt: str
    facts: tuple[str, ...]
    reading: Reading
    faces: Sequence[Image.Image]
    code_NA: np.ndarray

    @cached_property
    def seen(self) -> list[set[str]]:
        """What the judge sees in each face."""
        return [facts_shown(code) for code in self.code_NA]

    @property
    def missed(self) -> list[str]:
        """Facts that the first face does not show."""
        return [fact for fact in self.facts if fact not in self.seen[0]]

    @property
    def unheeded(self) -> list[str]:
        return list(dict.fromkeys(word for name in UNHEEDED for word in getattr(self.reading, name)))


def aspect(fact: str) -> str:
    """What kind of thing a fact is about, as "age" or "glasses"."""
    if fact in GENDERS or fact in AGE_GROUPS:
        return "gender" if fact in GENDERS else "age"
    topic = FACTS[fact].topic
    return _ASPECTS.get(topic, topic)


def prompts_sheet(drawn: Sequence[Drawn], *, max_columns: int = _COLUMNS) -> Image.Image:
    """The first face of every caption, which stands below: red what is not heeded, grey what is not seen."""
    font = load_font(12)
    line = line_height(font)
    faces = [thumbnail(each.faces[0]) for each in drawn]
    tile = max(128, *(max(face.size) for face in faces))
    captions = [wrap(each.prompt, font, tile, _CAPTION_LINES) for each in drawn]
    missed = [
        wrap(f"not seen: {', '.join(each.missed)}", font, tile, _MISSED_LINES) if each.missed else []
        for each in drawn
    ]
    num_columns = min(max_columns, len(drawn))
    rows = [range(first, min(first + num_columns, len(drawn))) for first in range(0, len(drawn), num_columns)]
    heights = [tile + 4 + line * max(len(captions[n]) + len(missed[n]) for n in row) for row in rows]
    size = num_columns * (tile + _GAP) - _GAP, sum(heights) + (len(rows) - 1) * _GAP
    sheet = Image.new("RGB", (size[0] + 2 * _MARGIN, size[1] + 2 * _MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, number in enumerate(row):
            left = _MARGIN + column * (tile + _GAP)
            sheet.paste(faces[number], (left, top))
            marked = {match[0].lower() for match in find_words(" ".join(drawn[number].unheeded))}
            below = top + tile + 2
            for place, text in enumerate(captions[number]):
                _draw_words(draw, (left, below + place * line), text, font, marked)
            for place, text in enumerate(missed[number], start=len(captions[number])):
                draw.text((left, below + place * line), text, _MISSED_INK, font)
        top += height + _GAP
    return sheet


def prompts_page(drawn: Sequence[Drawn], *, model: str, seed: int) -> str:
    """A page in Markdown: what is seen by aspect, and every caption with what was asked, seen and missed."""
    by_aspect: dict[str, dict[str, list[bool]]] = {}
    for each in drawn:
        for fact in each.facts:
            hits = by_aspect.setdefault(aspect(fact), {}).setdefault(fact, [])
            hits += [fact in seen for seen in each.seen]
    all_hits = [hit for facts in by_aspect.values() for hits in facts.values() for hit in hits]
    num_faces = sum(len(each.faces) for each in drawn)
    lines = [
        "# Captions that people type",
        "",
        f"{len(drawn)} captions, {num_faces} faces by {model}, first seed {seed}. The embedded judge sees "
        f"{_share(all_hits)} of what they say; it errs in photographs, too.",
        "",
        "![Every caption with its first face](sheet.jpg)",
        "",
        "Red: words that the model may not heed. Grey: what the judge does not see.",
        "",
        "| what | seen | in single |",
        "|---|---|---|",
    ]
    for name, facts in by_aspect.items():
        single = ", ".join(f"{fact} {sum(hits)}/{len(hits)}" for fact, hits in facts.items())
        lines.append(f"| {name} | {_share([hit for hits in facts.values() for hit in hits])} | {single} |")
    lines += [
        "",
        "| caption | read as | may not be heeded | asked | seen | missed |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_row(each) for each in drawn]
    return "\n".join(lines) + "\n"


def _row(each: Drawn) -> str:
    """Of several faces how many show each asked fact, and what the first one shows of such kind."""
    aspects = {aspect(fact) for fact in each.facts}
    hits = {fact: sum(fact in seen for seen in each.seen) for fact in each.facts}
    many = len(each.faces) > 1
    cells = (
        each.prompt,
        each.reading.text if each.reading.text != each.prompt else "",
        ", ".join(each.unheeded),
        ", ".join(f"{fact} {hits[fact]}/{len(each.faces)}" if many else fact for fact in each.facts),
        ", ".join(sorted(fact for fact in each.seen[0] if aspect(fact) in aspects)),
        ", ".join(each.missed),
    )
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _share(hits: Sequence[bool]) -> str:
    return f"{sum(hits)} of {len(hits)} ({sum(hits) / len(hits):.0%})" if hits else "nothing"


def _draw_words(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, font: Font, marked: set[str]
) -> None:
    """A line whose words are red where they hold a marked one."""
    left, top = corner
    for word in text.split(" "):
        held = {match[0].lower() for match in find_words(word)}
        draw.text((left, top), word, _UNHEEDED_INK if held & marked else INK, font)
        left += math.ceil(font.getlength(f"{word} "))
