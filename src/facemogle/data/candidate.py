"""One photograph's faces on their way into a set: cut out, sifted, given a mask and a split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from facemogle.core.label_map import LabelMap
from facemogle.data.captions import clear_facts
from facemogle.data.mask_order import with_sides_righted
from facemogle.data.quality import (
    ALIKE_BITS,
    SAME_BITS,
    KnownFaces,
    not_a_face,
    perceptual_hash,
    sharpness,
)
from facemogle.data.record import FaceRecord, split_of

LEAST_AGREEMENT = 0.6
"""Share of pixels on which a mask that came with a photograph must agree with the parse of it.

Hand-made masks agree on 0.9 in the mean; masks of another face, class order or frame hardly on half.
"""
GIVEN = "given"
"""The origin of masks that came along, of which nothing more is known."""
_LONGEST_NAME = 120


@dataclass(frozen=True)
class BuildSettings:
    """What becomes of photographs.

    size: side of the faces in pixels. aligned: photographs are faces in FFHQ's frame already; otherwise faces
    are looked for, except in those that come with a mask, whose frame is kept. least_side: pixels that a face
    has in its photograph at least. most_outside: share of a frame that the photograph may not show.
    least_sharpness: see `quality.sharpness`. captions: of each face.
    by_folder: photographs of one sub-folder show one person and go into one split.
    """

    size: int = 128
    aligned: bool = False
    least_side: int = 64
    most_outside: float = 0.4
    least_sharpness: float = 0.04
    captions: int = 10
    by_folder: bool = False


@dataclass(frozen=True)
class Helpers:
    """The models that a build uses: faces of a photograph at a size, masks of faces, attributes of a face.

    describe: from pixels, mask, stored attributes or None, and whether the mask was parsed.
    """

    align: Callable[[Image.Image, int], Iterable[Any]] | None
    parse: Callable[[Sequence[Image.Image]], Iterable[LabelMap]]
    describe: Callable[[np.ndarray, LabelMap, dict[str, Any] | None, bool], dict[str, Any]]


@dataclass
class Candidate:
    """A face on its way in."""

    name: str
    record: FaceRecord
    image: Image.Image
    stored: bytes | None  # the photograph's own bytes, where they need no new encoding
    facts: dict[str, Any] = field(default_factory=dict)
    label_map: LabelMap | None = None
    origin: str = "parsed"
    reason: str | None = None
    notes: list[str] = field(default_factory=list)

    @cached_property
    def hash(self) -> np.ndarray:
        return perceptual_hash(self.image)


def candidates_of(
    record: FaceRecord, settings: BuildSettings, helpers: Helpers, names: set[str]
) -> Iterator[Candidate]:
    """The faces of a photograph at their final size. ValueError for what cannot be decoded."""
    size, photo = settings.size, Image.fromarray(record.photo())
    if settings.aligned or record.mask_bytes is not None:
        as_stored = photo.width == size and record.photo_bytes.startswith(b"\xff\xd8\xff")
        candidate = Candidate(
            free_name(record.key, names),
            record,
            photo if photo.width == size else photo.resize((size, size), Image.Resampling.LANCZOS),
            record.photo_bytes if as_stored else None,
            {"side": photo.width},
        )
        if photo.width != photo.height:
            shape = f"{photo.width} x {photo.height}"
            candidate.reason = f"not square: {shape}; --aligned and masks are for faces in FFHQ's frame"
        try:
            if (label_map := record.label_map()) is not None:
                label_map = label_map.resize(height=size, width=size)
                candidate.label_map = with_sides_righted(label_map)
                candidate.origin = record.mask_origin or GIVEN
                if candidate.label_map != label_map:
                    candidate.notes.append("left and right were exchanged in its mask, now put right")
        except ValueError as error:
            candidate.notes.append(f"mask not used: {error}")
        yield candidate
        return
    assert helpers.align is not None
    for face in helpers.align(photo, size):
        frame = face.frame
        facts = {
            "side": frame.side,
            "frame": {"x": frame.x, "y": frame.y, "side": frame.side, "angle": frame.angle},
        }
        candidate = Candidate(free_name(record.key, names), record, face.image, None, facts)
        if face.outside > settings.most_outside:
            candidate.reason = f"cut off: {face.outside:.0%} of its frame lies outside of the photograph"
        yield candidate


def free_name(key: str, names: set[str]) -> str:
    """SOURCE-STEM in characters that every file system takes, with a number where it is taken."""
    stem = re.sub(r"[^\w.-]+", "-", key.replace("/", "-")).encode()[:_LONGEST_NAME].decode(errors="ignore")
    stem = stem.strip(".-") or "face"
    name, number = stem, 1
    while name.casefold() in names:
        number += 1
        name = f"{stem}-{number}"
    names.add(name.casefold())
    return name


def flaw(candidate: Candidate, settings: BuildSettings) -> str | None:
    """Why a face is not good enough, None where it is."""
    side, sharp = candidate.facts["side"], sharpness(candidate.image)
    candidate.facts["sharpness"] = round(sharp, 4)
    if side < settings.least_side:
        return f"too small: {side:.0f} pixels, at least {settings.least_side} are asked for"
    if sharp < settings.least_sharpness:
        return f"blurred: sharpness {sharp:.3f}, at least {settings.least_sharpness:g} is asked for"
    return None


def copy_of_known(candidate: Candidate, known: KnownFaces) -> str | None:
    nearest = known.nearest(candidate.hash)
    if nearest is not None and nearest[1] < SAME_BITS:
        return f"duplicate of {nearest[0]}: {nearest[1]} of 255 bits differ"
    return None


def split_for(
    candidate: Candidate, settings: BuildSettings, known: KnownFaces, splits: dict[str, str]
) -> str:
    """As the set says, or by person, or that of a face nearly alike, or by the photograph's bytes."""
    record, nearest = candidate.record, known.nearest(candidate.hash)
    if record.stored_split is not None:
        return record.stored_split
    if settings.by_folder and (person := person_of(record.key)):
        return split_of(encoded(person))
    if nearest is not None and nearest[1] < ALIKE_BITS:
        return splits[nearest[0]]
    return record.split


def person_of(key: str) -> str:
    """The source and sub-folder of a photograph, empty where it lies in none."""
    folder = key.rpartition("/")[0]
    return folder if "/" in folder else ""


def encoded(text: str) -> bytes:
    """Names of files may hold bytes that are no text."""
    return text.encode("utf-8", "surrogateescape")


def give_mask(candidate: Candidate, parsed: LabelMap) -> None:
    """Keep the mask that came with a face if it can be its own, else take the parse and judge that."""
    if candidate.label_map is not None:
        agreement = float((candidate.label_map.ids == parsed.ids).mean())
        if agreement >= LEAST_AGREEMENT:
            return
        candidate.notes.append(f"mask not used: it agrees with the parse on {agreement:.0%} of the pixels")
    candidate.label_map, candidate.origin = parsed, "parsed"
    candidate.reason = not_a_face(parsed)


def usable_attributes(candidate: Candidate) -> dict[str, Any] | None:
    """The attributes that came along, None with a note where they have another form than captions need."""
    attributes = candidate.record.attributes
    try:
        clear_facts(attributes or {})
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        candidate.notes.append(f"attributes not used: {type(error).__name__}: {error}")
        return None
    return attributes
