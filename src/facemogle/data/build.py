"""From photographs to a training set: align, sift, parse, describe, split, write; killed, it goes on.

A set is built in `OUT.part`: the files of each face first, then a line of its journal, so that what a line
tells of is whole. When all photographs are through, lists are written and the folder gets its name.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facemogle.core.label_map import LabelMap
from facemogle.core.regions import REGION_NAMES
from facemogle.data.captions import captions_from_attributes, clear_facts
from facemogle.data.layouts import FaceSet, open_face_sets
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

JOURNAL, ROWS, REPORT = "journal.jsonl", "attributes.jsonl", "report.json"
LEAST_AGREEMENT = 0.6
"""Share of pixels on which a mask that came with a photograph must agree with the parse of it.

Hand-made masks agree on 0.9 in the mean; masks of another face, class order or frame hardly on half.
"""
GIVEN = "given"
"""The origin of masks that came along, of which nothing more is known."""
LEAST_COVERAGE = 0.001
"""Share of the picture from which on a face counts as showing a region."""
_CHUNK = 32
_LONGEST_NAME = 120
_QUALITY = 95


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
class _Candidate:
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


def build(
    sources: Sequence[Path],
    out: Path,
    *,
    settings: BuildSettings,
    helpers: Helpers,
    inputs: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
    finish: Callable[[Path], object] = lambda folder: None,
) -> dict[str, Any]:
    """Build a set from face sets, tars and folders of photographs, and return its report.

    inputs: what sources and helpers are, in any words. progress: called with the photographs done and their
    number. finish: called with the folder when all is in it, before it gets its name.
    Raises ValueError if `out` exists or lies within a source, if a build with other inputs or settings was
    begun there, if `by_folder` finds no sub-folders, and as `open_face_sets` does.
    """
    if out.exists():
        raise ValueError(f"{out} exists already; choose another place with --out, or remove it")
    for source in sources:
        if Path(source).resolve() in out.resolve().parents:
            raise ValueError(
                f"{out} lies within {source}, from which it is to be built; choose another --out"
            )
    face_sets = open_face_sets(sources)
    if settings.by_folder and not any(_person(key) for face_set in face_sets for key in face_set.keys):
        raise ValueError("by_folder: none of the photographs lies in a sub-folder of its source")
    work = out.with_name(f"{out.name}.part")
    rows = _resumed(work, _identity(face_sets, settings, inputs))
    known, names = KnownFaces(), set[str]()
    for row in rows:
        names |= {entry["name"].casefold() for entry in row["faces"] + row["rejected"]}
        for face in row["faces"]:
            known.add(face["name"], np.frombuffer(bytes.fromhex(face["hash"]), dtype=np.uint8))
    splits = {face["name"]: face["split"] for row in rows for face in row["faces"]}
    done = {row["key"] for row in rows}
    todo = [(s, i) for s in face_sets for i, key in enumerate(s.keys) if key not in done]
    total = len(todo) + len(done)
    with (work / JOURNAL).open("a", encoding="utf-8") as journal:
        for start in range(0, len(todo), _CHUNK):
            progress(len(done) + start, total)
            for row in _chunk(todo[start : start + _CHUNK], work, settings, helpers, known, names, splits):
                rows.append(row)
                journal.write(json.dumps(row) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
    progress(total, total)
    problems = [f"{s.name}: {problem}" for s in face_sets for problem in s.problems]
    report = _finish(work, rows, problems, settings)
    finish(work)
    work.rename(out)
    (out / JOURNAL).unlink()  # the lists tell what it told
    return report


def _identity(face_sets: Sequence[FaceSet], settings: BuildSettings, inputs: str) -> dict[str, Any]:
    digest = hashlib.sha256(_encoded(repr([face_set.keys for face_set in face_sets]))).hexdigest()[:16]
    return {"photographs": digest, "inputs": inputs, **asdict(settings)}


def _encoded(text: str) -> bytes:
    """Names of files may hold bytes that are no text."""
    return text.encode("utf-8", "surrogateescape")


def _person(key: str) -> str:
    """The source and sub-folder of a photograph, empty where it lies in none."""
    folder = key.rpartition("/")[0]
    return folder if "/" in folder else ""


def _resumed(work: Path, identity: dict[str, Any]) -> list[dict[str, Any]]:
    """The journal's rows of a build that was begun, or a new journal."""
    journal = work / JOURNAL
    if not journal.exists():
        for folder in ("face", "mask", "text"):
            (work / folder).mkdir(parents=True, exist_ok=True)
        _write(journal, (json.dumps(identity) + "\n").encode())
        return []
    whole = journal.read_bytes()
    whole = whole[: whole.rfind(b"\n") + 1]  # a kill may leave a torn line
    begun, *rows = map(json.loads, whole.splitlines())
    for name, value in identity.items():
        if begun.get(name) != value:
            raise ValueError(
                f"{work}: a build was begun there with {name} {begun.get(name)!r}, now it is {value!r}; "
                "go on as before, choose another --out, or remove it"
            )
    _write(journal, whole)
    return rows


def _chunk(
    places: Sequence[tuple[FaceSet, int]],
    work: Path,
    settings: BuildSettings,
    helpers: Helpers,
    known: KnownFaces,
    names: set[str],
    splits: dict[str, str],
) -> Iterator[dict[str, Any]]:
    """The journal's rows of some photographs, once the files of their faces are written."""
    rows: list[tuple[dict[str, Any], list[_Candidate]]] = []
    for face_set, index in places:
        row: dict[str, Any] = {"key": face_set.keys[index], "faces": [], "rejected": []}
        found: list[_Candidate] = []
        try:
            record = face_set.read(index)
            found = list(_candidates(record, settings, helpers, names))
        except (ValueError, OSError) as error:
            row["rejected"].append({"name": "", "reason": f"damaged: {error}"})
        else:
            if not found:
                row["rejected"].append({"name": "", "reason": "no face found"})
        rows.append((row, found))
    candidates = [candidate for _, found in rows for candidate in found]
    for candidate in candidates:
        candidate.reason = candidate.reason or _flaw(candidate, settings) or _copy(candidate, known)
    fresh = [candidate for candidate in candidates if candidate.reason is None]
    for candidate, parsed in zip(fresh, helpers.parse([c.image for c in fresh]), strict=True):
        _give_mask(candidate, parsed)
    # Only what is a face is known, so that a copy of what is none may still be one.
    for candidate in fresh:
        candidate.reason = _copy(candidate, known) or candidate.reason
        if candidate.reason is None:
            candidate.facts["split"] = splits[candidate.name] = _split(candidate, settings, known, splits)
            known.add(candidate.name, candidate.hash)
    for row, found in rows:
        for candidate in found:
            if candidate.reason is None:
                row["faces"].append(_written(candidate, work, settings, helpers, alone=len(found) == 1))
            else:
                row["rejected"].append({"name": candidate.name, "reason": candidate.reason})
        row["notes"] = [note for candidate in found for note in candidate.notes]
        yield row


def _candidates(
    record: FaceRecord, settings: BuildSettings, helpers: Helpers, names: set[str]
) -> Iterator[_Candidate]:
    """The faces of a photograph at their final size. ValueError for what cannot be decoded."""
    size, photo = settings.size, Image.fromarray(record.photo())
    if settings.aligned or record.mask_bytes is not None:
        as_stored = photo.width == size and record.photo_bytes.startswith(b"\xff\xd8\xff")
        candidate = _Candidate(
            _free_name(record.key, names),
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
        candidate = _Candidate(_free_name(record.key, names), record, face.image, None, facts)
        if face.outside > settings.most_outside:
            candidate.reason = f"cut off: {face.outside:.0%} of its frame lies outside of the photograph"
        yield candidate


def _free_name(key: str, names: set[str]) -> str:
    """SOURCE-STEM in characters that every file system takes, with a number where it is taken."""
    stem = re.sub(r"[^\w.-]+", "-", key.replace("/", "-")).encode()[:_LONGEST_NAME].decode(errors="ignore")
    stem = stem.strip(".-") or "face"
    name, number = stem, 1
    while name.casefold() in names:
        number += 1
        name = f"{stem}-{number}"
    names.add(name.casefold())
    return name


def _flaw(candidate: _Candidate, settings: BuildSettings) -> str | None:
    """Why a face is not good enough, None where it is."""
    side, sharp = candidate.facts["side"], sharpness(candidate.image)
    candidate.facts["sharpness"] = round(sharp, 4)
    if side < settings.least_side:
        return f"too small: {side:.0f} pixels, at least {settings.least_side} are asked for"
    if sharp < settings.least_sharpness:
        return f"blurred: sharpness {sharp:.3f}, at least {settings.least_sharpness:g} is asked for"
    return None


def _copy(candidate: _Candidate, known: KnownFaces) -> str | None:
    nearest = known.nearest(candidate.hash)
    if nearest is not None and nearest[1] < SAME_BITS:
        return f"duplicate of {nearest[0]}: {nearest[1]} of 255 bits differ"
    return None


def _split(candidate: _Candidate, settings: BuildSettings, known: KnownFaces, splits: dict[str, str]) -> str:
    """As the set says, or by person, or that of a face nearly alike, or by the photograph's bytes."""
    record, nearest = candidate.record, known.nearest(candidate.hash)
    if record.stored_split is not None:
        return record.stored_split
    if settings.by_folder and (person := _person(record.key)):
        return split_of(_encoded(person))
    if nearest is not None and nearest[1] < ALIKE_BITS:
        return splits[nearest[0]]
    return record.split


def _give_mask(candidate: _Candidate, parsed: LabelMap) -> None:
    """Keep the mask that came with a face if it can be its own, else take the parse and judge that."""
    if candidate.label_map is not None:
        agreement = float((candidate.label_map.ids == parsed.ids).mean())
        if agreement >= LEAST_AGREEMENT:
            return
        candidate.notes.append(f"mask not used: it agrees with the parse on {agreement:.0%} of the pixels")
    candidate.label_map, candidate.origin = parsed, "parsed"
    candidate.reason = not_a_face(parsed)


def _written(
    candidate: _Candidate, work: Path, settings: BuildSettings, helpers: Helpers, *, alone: bool
) -> dict[str, Any]:
    """Write the files of a face and return what the journal keeps of it.

    alone: it is the only face of its photograph, of which captions and attributes that came along tell then.
    """
    record, label_map, name = candidate.record, candidate.label_map, candidate.name
    assert label_map is not None
    attributes = _usable(candidate) if alone else None
    parsed = candidate.origin == "parsed"
    attributes = helpers.describe(np.asarray(candidate.image), label_map, attributes, parsed)
    captions = list(record.captions) if alone else []
    if not captions:
        seed = zlib.crc32(name.encode())
        captions = captions_from_attributes(attributes, seed=seed, count=settings.captions)
    stored = candidate.stored
    if stored is None:
        buffer = io.BytesIO()
        candidate.image.save(buffer, "JPEG", quality=_QUALITY)
        stored = buffer.getvalue()
    _write(work / "face" / f"{name}.jpg", stored)
    label_map.save(work / "mask" / f"{name}.png")
    _write(work / "text" / f"{name}.txt", "".join(f"{text}\n" for text in captions).encode())
    hash_ = candidate.hash.tobytes().hex()
    return {
        "name": name,
        "attributes": attributes,
        "mask": candidate.origin,
        "hash": hash_,
        **candidate.facts,
    }


def _usable(candidate: _Candidate) -> dict[str, Any] | None:
    """The attributes that came along, None with a note where they have another form than captions need."""
    attributes = candidate.record.attributes
    try:
        clear_facts(attributes or {})
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        candidate.notes.append(f"attributes not used: {type(error).__name__}: {error}")
        return None
    return attributes


def _finish(
    work: Path, rows: Sequence[dict[str, Any]], problems: Sequence[str], settings: BuildSettings
) -> dict[str, Any]:
    """Write the lists of a set and return its report."""
    faces = [(row["key"], face) for row in rows for face in row["faces"]]
    if not faces:
        reasons = "; ".join(entry["reason"] for row in rows[:3] for entry in row["rejected"])
        raise ValueError(f"none of {len(rows)} photographs gave a face: {reasons} ...")
    lines, texts = [], {}
    for key, face in faces:
        image = f"{face['name']}.jpg"
        shown = {name: face[name] for name in ("attributes", "split", "frame") if name in face}
        if face["mask"] != GIVEN:
            shown["mask"] = face["mask"]
        lines.append(json.dumps({"image": f"face/{image}", **shown, "source": key}))
        texts[image] = (work / "text" / f"{face['name']}.txt").read_text(encoding="utf-8").splitlines()
    _write(work / ROWS, "".join(f"{line}\n" for line in lines).encode())
    _write(work / "text.json", json.dumps(texts, indent=0).encode())
    report = _report(work, rows, problems, settings)
    _write(work / REPORT, json.dumps(report, indent=2).encode())
    return report


def _report(
    work: Path, rows: Sequence[dict[str, Any]], problems: Sequence[str], settings: BuildSettings
) -> dict[str, Any]:
    """Counts of what came in and what stayed out and why, and how many faces show each region."""
    faces = [face for row in rows for face in row["faces"]]
    shown = np.zeros(len(REGION_NAMES), dtype=int)
    for face in faces:
        ids = LabelMap.read(work / "mask" / f"{face['name']}.png").ids
        shown += np.bincount(ids.ravel(), minlength=len(REGION_NAMES)) >= LEAST_COVERAGE * ids.size
    rejected = [(row["key"], entry["reason"]) for row in rows for entry in row["rejected"]]
    return {
        "settings": asdict(settings),
        "photographs": len(rows),
        "faces": len(faces),
        "splits": _counts(face["split"] for face in faces),
        "masks": _counts(face["mask"] for face in faces),
        "regions": dict(zip(REGION_NAMES, shown.tolist(), strict=True)),
        "attributes": _counts(name for face in faces for name in face["attributes"]),
        "rejected": _counts(reason.partition(":")[0].partition(" of ")[0] for _, reason in rejected),
        "rejected_photographs": [f"{key}: {reason}" for key, reason in rejected],
        "notes": [*problems, *(f"{row['key']}: {note}" for row in rows for note in row["notes"])],
    }


def _counts(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
