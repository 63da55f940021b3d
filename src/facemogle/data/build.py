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
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facemogle.core.label_map import LabelMap
from facemogle.data.captions import captions_from_attributes
from facemogle.data.layouts import FaceSet, open_faces
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
_CHUNK = 32
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
    """The models that a build uses: faces of a photograph, masks of faces, attributes of a face."""

    align: Callable[[Image.Image, int], Iterable[Any]] | None
    parse: Callable[[Sequence[Image.Image]], Iterable[LabelMap]]
    describe: Callable[[np.ndarray, LabelMap, dict[str, Any] | None], dict[str, Any]]


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
    note: str | None = None


def build(
    sources: Sequence[Path],
    out: Path,
    *,
    settings: BuildSettings,
    helpers: Helpers,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Build a set from face sets, tars and folders of photographs, and return its report.

    progress: called with the photographs done and their number. Raises ValueError if `out` exists, if another
    build with other sources or settings was begun there, and as `open_faces` does.
    """
    if out.exists():
        raise ValueError(f"{out} exists already; choose another place with --out, or remove it")
    face_sets = [open_faces(source) for source in sources]
    work = out.with_name(f"{out.name}.part")
    rows = _resumed(work, _identity(face_sets, settings))
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
    work.rename(out)
    (out / JOURNAL).unlink()  # the lists tell what it told
    return report


def _identity(face_sets: Sequence[FaceSet], settings: BuildSettings) -> dict[str, Any]:
    digest = hashlib.sha256(repr([face_set.keys for face_set in face_sets]).encode()).hexdigest()[:16]
    return {"photographs": digest, **asdict(settings)}


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
        candidate.reason = candidate.reason or _sift(candidate, settings, known, splits)
    fresh = [candidate for candidate in candidates if candidate.reason is None]
    for candidate, parsed in zip(fresh, helpers.parse([c.image for c in fresh]), strict=True):
        _give_mask(candidate, parsed)
    for row, found in rows:
        row["notes"] = [candidate.note for candidate in found if candidate.note]
        for candidate in found:
            if candidate.reason is None:
                row["faces"].append(_written(candidate, work, settings, helpers))
            else:
                row["rejected"].append({"name": candidate.name, "reason": candidate.reason})
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
                candidate.label_map = with_sides_righted(label_map.resize(height=size, width=size))
                candidate.origin = record.mask_origin or "hand"
        except ValueError as error:
            candidate.note = f"mask not used: {error}"
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
    stem = re.sub(r"[^\w.-]+", "-", key.replace("/", "-")).strip(".-") or "face"
    name, number = stem, 1
    while name.casefold() in names:
        number += 1
        name = f"{stem}-{number}"
    names.add(name.casefold())
    return name


def _sift(
    candidate: _Candidate, settings: BuildSettings, known: KnownFaces, splits: dict[str, str]
) -> str | None:
    """Why a face stays out, None where it is known now and goes on; decides its split."""
    side = candidate.facts["side"]
    if side < settings.least_side:
        return f"too small: {side:.0f} pixels, at least {settings.least_side} are asked for"
    sharp = sharpness(candidate.image)
    if sharp < settings.least_sharpness:
        return f"blurred: sharpness {sharp:.3f}, at least {settings.least_sharpness:g} is asked for"
    hash_ = perceptual_hash(candidate.image)
    nearest = known.nearest(hash_)
    if nearest is not None and nearest[1] < SAME_BITS:
        return f"duplicate of {nearest[0]}: {nearest[1]} of 255 bits differ"
    split = candidate.record.split
    if settings.by_folder and candidate.record.stored_split is None:
        split = split_of(candidate.record.key.rpartition("/")[0].encode())
    if nearest is not None and nearest[1] < ALIKE_BITS:
        split = splits[nearest[0]]
    candidate.facts |= {"sharpness": round(sharp, 4), "hash": hash_.tobytes().hex(), "split": split}
    known.add(candidate.name, hash_)
    splits[candidate.name] = split
    return None


def _give_mask(candidate: _Candidate, parsed: LabelMap) -> None:
    """Keep the mask that came with a face if it can be its own, else take the parse and judge that."""
    if candidate.label_map is not None:
        agreement = float((candidate.label_map.ids == parsed.ids).mean())
        if agreement >= LEAST_AGREEMENT:
            return
        candidate.note = f"mask not used: it agrees with the parse on {agreement:.0%} of the pixels"
    candidate.label_map, candidate.origin = parsed, "parsed"
    candidate.reason = not_a_face(parsed)


def _written(candidate: _Candidate, work: Path, settings: BuildSettings, helpers: Helpers) -> dict[str, Any]:
    """Write the files of a face and return what the journal keeps of it."""
    record, label_map, name = candidate.record, candidate.label_map, candidate.name
    assert label_map is not None
    attributes = helpers.describe(np.asarray(candidate.image), label_map, record.attributes)
    captions = list(record.captions)
    if not captions:
        seed = zlib.crc32(record.key.encode())
        captions = captions_from_attributes(attributes, seed=seed, count=settings.captions)
    stored = candidate.stored
    if stored is None:
        buffer = io.BytesIO()
        candidate.image.save(buffer, "JPEG", quality=_QUALITY)
        stored = buffer.getvalue()
    _write(work / "face" / f"{name}.jpg", stored)
    label_map.save(work / "mask" / f"{name}.png")
    _write(work / "text" / f"{name}.txt", "".join(f"{text}\n" for text in captions).encode())
    return {"name": name, "attributes": attributes, "mask": candidate.origin, **candidate.facts}


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
        shown = {name: face[name] for name in ("attributes", "split", "mask", "frame") if name in face}
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
    from facemogle.core.regions import REGION_NAMES

    faces = [face for row in rows for face in row["faces"]]
    shown = np.zeros(len(REGION_NAMES), dtype=int)
    for face in faces:
        shown += LabelMap.read(work / "mask" / f"{face['name']}.png").present
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
        "not_used": [*problems, *(f"{row['key']}: {note}" for row in rows for note in row["notes"])],
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
