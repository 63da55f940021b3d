"""Face sets in the layouts they come in: which files belong to which face. `writing.py` writes them."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from facemogle.core.label_map import LabelMap
from facemogle.core.photo import MAX_PIXELS
from facemogle.data.record import MASK_ORIGINS, SPLITS, FaceRecord
from facemogle.data.storage import StoredFile, stored_files

__all__ = ["FaceRecord", "FaceSet", "open_face_sets", "open_faces", "read_faces"]

PHOTO_SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")
# switchablenorms/CelebAMask-HQ, face_parsing/Data_preprocessing/g_mask.py: a part's id is its place + 1, and
# it is painted over the parts before it, wherever it is not zero.
_PARTS = (
    "skin nose eye_g l_eye r_eye l_brow r_brow l_ear r_ear mouth u_lip l_lip hair hat ear_r neck_l neck cloth"
)
CELEBAMASK_PARTS: tuple[str, ...] = tuple(_PARTS.split())
_PART_FILE = re.compile(rf"CelebAMask-HQ-mask-anno/(?:\d+/)?(\d+)_({'|'.join(CELEBAMASK_PARTS)})\.png")
_RELEASED = {"face": "mm-celeba-hq", "CelebA-HQ-img": "celebamask-hq"}
# The last three are about a set: what its build kept out and why, some of its faces, what a kill may leave.
_LISTS = ("text.json", "attributes.jsonl", "report.json", "sheet.png", "journal.jsonl")
_FOLDERS = {*_RELEASED, "mask", "text", "CelebAMask-HQ-mask-anno"}
_KNOWN = (
    "known are face/ with mask/, text/, text.json, attributes.jsonl (MM-CelebA-HQ); CelebA-HQ-img/ with "
    "CelebAMask-HQ-mask-anno/ (CelebAMask-HQ); a folder of photographs, NAME.txt beside them; and "
    "KEY.jpg, KEY.mask.png, KEY.txt, KEY.json in *.tar (WebDataset)"
)

Files = Mapping[str, StoredFile]


@dataclass(frozen=True, slots=True)
class _Face:
    """What belongs to one face, not read yet. facts: JSON, which is a fraction of the size of its objects."""

    photo: StoredFile
    mask: StoredFile | tuple[tuple[int, StoredFile], ...] | None = None
    captions: StoredFile | tuple[str, ...] | None = None
    facts: StoredFile | bytes | None = None


@dataclass(frozen=True)
class FaceSet:
    """The faces of one folder or tar; opening it lists files, `read` reads those of one face.

    keys: SOURCE/STEM, sorted. problems: what was found and belongs to no face, as `KIND: NAME`.
    """

    name: str
    layout: str
    keys: tuple[str, ...]
    problems: tuple[str, ...]
    _faces: tuple[_Face, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def read(self, index: int) -> FaceRecord:
        """One face, in the order of `keys`; ValueError names captions, facts or parts that are damaged.

        Photograph and mask are not decoded.
        """
        key, face = self.keys[index], self._faces[index]
        stored = face.facts.read() if isinstance(face.facts, StoredFile) else face.facts
        facts = {} if stored is None else _facts(stored, f"the facts of {key}")
        origin, mask = facts.get("mask"), None
        if isinstance(face.mask, StoredFile):
            mask = face.mask.read()
        elif face.mask is not None:
            mask, origin = _merged_parts(face.mask, key), origin or "hand"
        captions = face.captions or ()
        if isinstance(captions, StoredFile):
            captions = _lines(_text(captions.read(), f"the captions of {key}").splitlines())
        return FaceRecord(
            key, face.photo.read(), mask, facts.get("attributes"), captions, origin, facts.get("split")
        )

    def has_captions(self, index: int) -> bool:
        """Whether the set has a place for captions of this face, be it an empty one."""
        return self._faces[index].captions is not None


def open_faces(source: str | Path) -> FaceSet:
    """A folder or tar of faces, in whichever known layout it is.

    Raises ValueError where none is recognised, and for lists (text.json, attributes.jsonl) that are damaged.
    """
    source = Path(os.path.abspath(source))
    files: Files = stored_files(source)
    tops = {name.partition("/")[0] for name in files if "/" in name}
    if len(tops) == 1 and not tops & _FOLDERS and all("/" in name for name in files):  # a packed folder
        inside = {name.partition("/")[2]: file for name, file in files.items()}
        if _RELEASED.keys() & {name.partition("/")[0] for name in inside}:
            files = inside
    layout, faces, problems = _recognised(files, source)
    if not faces:
        raise ValueError(f"{source}: no face/ folder with photographs, nor another known layout; {_KNOWN}")
    name = source.name if source.is_dir() else source.stem
    stems = sorted(faces)
    return FaceSet(
        name,
        layout,
        tuple(f"{name}/{stem}" for stem in stems),
        tuple(problems),
        tuple(faces[stem] for stem in stems),
    )


def open_face_sets(sources: Iterable[str | Path]) -> list[FaceSet]:
    """Several sets whose keys do not clash; ValueError as `open_faces` raises it, and for two of one name."""
    opened: dict[str, tuple[str | Path, FaceSet]] = {}
    for source in sources:
        face_set = open_faces(source)
        if face_set.name in opened:
            raise ValueError(
                f"{opened[face_set.name][0]} and {source}: both face sets are called {face_set.name!r}, "
                "so their faces would share keys; rename one"
            )
        opened[face_set.name] = source, face_set
    return [face_set for _, face_set in opened.values()]


def read_faces(sources: Iterable[str | Path]) -> Iterator[FaceRecord]:
    """Every face of the given folders or tars, set by set; ValueError as `open_face_sets` raises it."""
    for face_set in open_face_sets(sources):
        yield from map(face_set.read, range(len(face_set)))


def _recognised(files: Files, source: Path) -> tuple[str, dict[str, _Face], list[str]]:
    tops = {name.partition("/")[0] for name in files if "/" in name}
    for folder, layout in _RELEASED.items():
        if folder in tops:
            return layout, *_released(files, folder, source)
    tars = [name for name in files if "/" not in name and name.lower().endswith(".tar")]
    if tars:
        problems = [f"not read: {name}" for name in files if name not in tars]
        inside = [(f"{tar}: ", stored_files(source / tar)) for tar in tars]
        for tar, members in inside:
            if _FOLDERS & {name.partition("/")[0] for name in members if "/" in name}:
                raise ValueError(f"{source}: {tar}holds a face set of its own; give the tar files one by one")
        faces, more = _samples([(t + name, name, file) for t, m in inside for name, file in m.items()])
        return "shards", faces, problems + more
    deeper = next((name for name in files if _RELEASED.keys() & set(PurePosixPath(name).parts[:-1])), None)
    if deeper is not None:
        raise ValueError(f"{source}: holds a face set further in ({deeper}); give its own folder")
    photo_keys = {_sample_key(name) for name in files if name.lower().endswith(PHOTO_SUFFIXES)}
    if any(name.endswith((".mask.png", ".json")) and _sample_key(name) in photo_keys for name in files):
        faces, problems = _samples([(name, name, file) for name, file in files.items()])
        return "shards", faces, problems
    photos, problems = _by_stem(files, "", PHOTO_SUFFIXES)
    captions, more = _by_stem(files, "", (".txt",))
    known = (*PHOTO_SUFFIXES, ".txt")
    problems += more + [f"not read: {name}" for name in files if not name.lower().endswith(known)]
    problems += _orphans("captions", captions, photos)
    return "photos", {s: _Face(photo, captions=captions.get(s)) for s, photo in photos.items()}, problems


def _released(files: Files, folder: str, source: Path) -> tuple[dict[str, _Face], list[str]]:
    """Photographs in a folder, and what other folders and lists hold under the same names."""
    photos, problems = _by_stem(files, f"{folder}/", PHOTO_SUFFIXES)
    texts, more = _by_stem(files, "text/", (".txt",))
    masks: dict[str, Any]
    if folder == "face":
        masks, still_more = _by_stem(files, "mask/", (".png",))
        is_mask = re.compile(r"mask/.*\.png", re.IGNORECASE)
    else:
        masks, still_more, is_mask = _parts(files, photos), [], _PART_FILE
    listed = _listed_captions(files, source)
    rows = _rows(files, folder, source)
    problems += more + still_more
    for kind, table in (("captions", texts | listed), ("mask", masks), ("attributes", rows)):
        problems += _orphans(kind, table, photos)
    suffixes = {folder: PHOTO_SUFFIXES, "text": (".txt",)}
    for name in files:
        used = name.lower().endswith(suffixes.get(name.partition("/")[0], "\0")) or is_mask.fullmatch(name)
        if not used and name not in _LISTS:
            problems.append(f"not read: {name}")
    faces = {
        stem: _Face(photo, masks.get(stem), listed.get(stem, texts.get(stem)), rows.get(stem))
        for stem, photo in photos.items()
    }
    return faces, problems


def _by_stem(files: Files, folder: str, suffixes: tuple[str, ...]) -> tuple[dict[str, StoredFile], list[str]]:
    """The files of a folder by their names without suffix; of several the first in name order."""
    found: dict[str, StoredFile] = {}
    problems = []
    for name, file in files.items():
        if name.startswith(folder) and name.lower().endswith(suffixes):
            stem = _without_suffix(name.removeprefix(folder))
            if stem in found:
                problems.append(f"another file of one name: {name}")
            else:
                found[stem] = file
    return found, problems


def _without_suffix(name: str) -> str:
    return name.rpartition(".")[0] if name.lower().endswith((*PHOTO_SUFFIXES, ".txt")) else name


def _orphans(kind: str, table: Iterable[str], photos: Mapping[str, Any]) -> list[str]:
    return [f"{kind} without a photo: {stem}" for stem in sorted(set(table) - photos.keys())]


def _parts(files: Files, photos: Mapping[str, Any]) -> dict[str, tuple[tuple[int, StoredFile], ...]]:
    """CelebAMask-HQ's part files by face, with their ids, in the order in which they are painted."""
    stems = {int(stem): stem for stem in photos if stem.isdecimal()}
    parts: dict[str, list[tuple[int, StoredFile]]] = {}
    for name, file in files.items():
        if match := _PART_FILE.fullmatch(name):
            number, part = int(match[1]), match[2]
            parts.setdefault(stems.get(number, match[1]), []).append((CELEBAMASK_PARTS.index(part) + 1, file))
    return {stem: tuple(sorted(found, key=lambda part: part[0])) for stem, found in parts.items()}


def _merged_parts(parts: tuple[tuple[int, StoredFile], ...], key: str) -> bytes:
    ids_HW = np.zeros((0, 0), dtype=np.uint8)
    for label, file in parts:
        part = CELEBAMASK_PARTS[label - 1]
        try:
            with Image.open(io.BytesIO(file.read()), formats=("PNG",)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(f"{image.width} x {image.height} is more than a mask may have")
                painted_HW = np.asarray(image.convert("RGB"))[..., 2] != 0  # the channel g_mask.py looks at
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"{key}: its part {part} is damaged: {error}") from error
        if not ids_HW.size:
            ids_HW = np.zeros(painted_HW.shape, dtype=np.uint8)
        if painted_HW.shape != ids_HW.shape:
            raise ValueError(f"{key}: its part {part} is {painted_HW.shape}, parts before it {ids_HW.shape}")
        ids_HW[painted_HW] = label
    buffer = io.BytesIO()
    LabelMap.from_array(ids_HW).to_pil().save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _listed_captions(files: Files, source: Path) -> dict[str, tuple[str, ...]]:
    """text.json: captions by file name or stem."""
    if "text.json" not in files:
        return {}
    where = f"{source}: text.json"
    table = _parsed(files["text.json"].read(), where)
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table from file names to lists of captions")
    captions: dict[str, tuple[str, ...]] = {}
    for name, texts in table.items():
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{where}: the captions of {name!r} must be a list of texts")
        stem = _without_suffix(name)
        if stem in captions:
            raise ValueError(f"{where}: two entries for the face {stem!r}")
        captions[stem] = _lines(texts)
    return captions


def _rows(files: Files, folder: str, source: Path) -> dict[str, bytes]:
    """attributes.jsonl: rows {"image", "attributes"} and perhaps "split" and "mask", by the image's stem."""
    if "attributes.jsonl" not in files:
        return {}
    rows: dict[str, bytes] = {}
    for number, line in enumerate(files["attributes.jsonl"].read().splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{source}: attributes.jsonl, line {number}"
        row = _facts(line, where)
        if not isinstance(row.get("image"), str):
            raise ValueError(f"{where}: 'image' must name a photograph, got {row.get('image')!r}")
        stem = _without_suffix(row["image"].removeprefix(f"{folder}/"))
        if stem in rows:
            raise ValueError(f"{where}: a second row for the face {stem!r}")
        rows[stem] = line
    return rows


def _samples(files: Iterable[tuple[str, str, StoredFile]]) -> tuple[dict[str, _Face], list[str]]:
    """WebDataset's samples: a file's key ends at the first dot of its name. files: (place, name, file)."""
    kinds = {
        **dict.fromkeys(PHOTO_SUFFIXES, "photo"),
        ".mask.png": "mask",
        ".txt": "captions",
        ".json": "facts",
    }
    found: dict[str, dict[str, StoredFile]] = {}
    problems = []
    for place, name, file in files:
        key = _sample_key(name)
        kind = kinds.get(name.removeprefix(key).lower())
        sample = found.setdefault(key, {}) if kind else {}
        if kind is None:
            problems.append(f"not read: {place}")
        elif kind in sample:
            problems.append(f"another file of one name: {place}")
        else:
            sample[kind] = file
    photos = {key: sample for key, sample in found.items() if "photo" in sample}
    for kind in ("captions", "mask", "facts"):
        problems += _orphans(kind, (key for key, sample in found.items() if kind in sample), photos)
    return {key: _Face(**sample) for key, sample in photos.items()}, problems


def _sample_key(name: str) -> str:
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _facts(data: bytes, where: str) -> dict[str, Any]:
    row = _parsed(data, where)
    if not isinstance(row, dict):
        raise ValueError(f"{where}: must be a table, got {row!r}")
    if not isinstance(row.get("attributes"), (dict, type(None))):
        raise ValueError(f"{where}: 'attributes' must be a table or null, got {row['attributes']!r}")
    for name, allowed in (("split", SPLITS), ("mask", MASK_ORIGINS)):
        if row.get(name) is not None and row[name] not in allowed:
            raise ValueError(f"{where}: {name!r} must be one of {', '.join(allowed)}, got {row[name]!r}")
    return row


def _parsed(data: bytes, where: str) -> Any:
    try:
        return json.loads(_text(data, where))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{where}: damaged, no JSON: {error}") from error


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: damaged, not UTF-8: {error}") from error


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())
