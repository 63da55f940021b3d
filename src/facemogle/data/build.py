"""From photographs to a training set: align, sift, parse, describe, split, write; killed, it goes on.

A set is built in `OUT.part`: the files of each face first, then a line of its journal, so that what a line
tells of is whole. When all photographs are through, lists are written and the folder gets its name.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from facemogle.data.build_report import report_of
from facemogle.data.candidate import (
    GIVEN,
    BuildSettings,
    Candidate,
    Helpers,
    candidates_of,
    copy_of_known,
    encoded,
    flaw,
    give_mask,
    person_of,
    split_for,
    usable_attributes,
)
from facemogle.data.captions import captions_from_attributes
from facemogle.data.layouts import FaceSet, open_face_sets
from facemogle.data.quality import (
    KnownFaces,
)

JOURNAL, ROWS, REPORT = "journal.jsonl", "attributes.jsonl", "report.json"
_CHUNK = 32
_QUALITY = 95


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
    if settings.by_folder and not any(person_of(key) for face_set in face_sets for key in face_set.keys):
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
    digest = hashlib.sha256(encoded(repr([face_set.keys for face_set in face_sets]))).hexdigest()[:16]
    return {"photographs": digest, "inputs": inputs, **asdict(settings)}


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
    rows: list[tuple[dict[str, Any], list[Candidate]]] = []
    for face_set, index in places:
        row: dict[str, Any] = {"key": face_set.keys[index], "faces": [], "rejected": []}
        found: list[Candidate] = []
        try:
            record = face_set.read(index)
            found = list(candidates_of(record, settings, helpers, names))
        except (ValueError, OSError) as error:
            row["rejected"].append({"name": "", "reason": f"damaged: {error}"})
        else:
            if not found:
                row["rejected"].append({"name": "", "reason": "no face found"})
        rows.append((row, found))
    candidates = [candidate for _, found in rows for candidate in found]
    for candidate in candidates:
        candidate.reason = candidate.reason or flaw(candidate, settings) or copy_of_known(candidate, known)
    fresh = [candidate for candidate in candidates if candidate.reason is None]
    for candidate, parsed in zip(fresh, helpers.parse([c.image for c in fresh]), strict=True):
        give_mask(candidate, parsed)
    # Only what is a face is known, so that a copy of what is none may still be one.
    for candidate in fresh:
        candidate.reason = copy_of_known(candidate, known) or candidate.reason
        if candidate.reason is None:
            candidate.facts["split"] = splits[candidate.name] = split_for(candidate, settings, known, splits)
            known.add(candidate.name, candidate.hash)
    for row, found in rows:
        for candidate in found:
            if candidate.reason is None:
                row["faces"].append(_written(candidate, work, settings, helpers, alone=len(found) == 1))
            else:
                row["rejected"].append({"name": candidate.name, "reason": candidate.reason})
        row["notes"] = [note for candidate in found for note in candidate.notes]
        yield row


def _written(
    candidate: Candidate, work: Path, settings: BuildSettings, helpers: Helpers, *, alone: bool
) -> dict[str, Any]:
    """Write the files of a face and return what the journal keeps of it.

    alone: it is the only face of its photograph, of which captions and attributes that came along tell then.
    """
    record, label_map, name = candidate.record, candidate.label_map, candidate.name
    assert label_map is not None
    attributes = usable_attributes(candidate) if alone else None
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
    report = report_of(work, rows, problems, settings)
    _write(work / REPORT, json.dumps(report, indent=2).encode())
    return report


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
