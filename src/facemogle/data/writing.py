"""Writing face sets in the layouts that `layouts.py` reads, so that they read back equal."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facemogle.data.layouts import CELEBAMASK_PARTS
from facemogle.data.record import FaceRecord
from facemogle.data.storage import inner_name

LAYOUTS = ("mm-celeba-hq", "celebamask-hq", "shards")

Write = Callable[[str, bytes], None]


def write_faces(
    records: Iterable[FaceRecord], out: Path, *, layout: str = "mm-celeba-hq", shard_size: int = 1000
) -> int:
    """Write faces into a new folder, which appears whole or not at all, and return their number.

    layout: `mm-celeba-hq` (face/, mask/, text/, attributes.jsonl), `celebamask-hq` (CelebA-HQ-img/ and a file
    for every part of a mask, for the rest as before; stems must be whole numbers below 100000) or `shards`
    (tar files of `shard_size` faces). Photographs keep their bytes, so do masks outside of celebamask-hq;
    captions become lines, so a line break in one becomes a space. What a face lacks is left out.

    A face is named by its stem, the key without its source, and where that is taken already by the whole key
    as SOURCE-STEM; in shards dots become underscores, since a key ends at the first dot.

    Raises ValueError for an unknown layout, a folder that is not empty, no faces at all, photographs that are
    neither JPEG, PNG nor WebP, damaged masks where parts are written, and names that the layout cannot hold.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"unknown layout {layout!r}, known are {', '.join(LAYOUTS)}")
    if shard_size < 1:
        raise ValueError(f"shard_size is {shard_size}, must be at least 1")
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} exists and is not an empty folder; choose another place")
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.{uuid.uuid4().hex}.part")
    unfinished.mkdir()
    try:
        if layout == "shards":
            count = _write_shards(records, unfinished, shard_size)
        else:
            count = _write_folder(records, unfinished, layout)
        if not count:
            raise ValueError(f"{out}: no faces to write")
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return count


def _write_folder(records: Iterable[FaceRecord], folder: Path, layout: str) -> int:
    def write(name: str, data: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    as_parts = layout == "celebamask-hq"
    photos = "CelebA-HQ-img" if as_parts else "face"
    taken: set[str] = set()
    rows = []
    for record in records:
        stem = _number(record, taken) if as_parts else _free_name(record, taken)
        photo = f"{photos}/{stem}{_suffix(record)}"
        write(photo, record.photo_bytes)
        if as_parts:
            _write_parts(record, stem, write)
        elif record.mask_bytes is not None:
            write(f"mask/{stem}.png", record.mask_bytes)
        if record.captions:
            write(f"text/{stem}.txt", _caption_lines(record))
        if facts := _facts(record):
            rows.append(json.dumps({"image": photo, **facts}))
    if rows:
        write("attributes.jsonl", "".join(f"{row}\n" for row in rows).encode())
    return len(taken)


def _write_shards(records: Iterable[FaceRecord], folder: Path, shard_size: int) -> int:
    taken: set[str] = set()
    archive: tarfile.TarFile | None = None

    def write(name: str, data: bytes) -> None:
        assert archive is not None
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))

    try:
        for number, record in enumerate(records):
            if number % shard_size == 0:
                if archive is not None:
                    archive.close()
                archive = tarfile.open(folder / f"{number // shard_size:05d}.tar", "w")  # noqa: SIM115
            key = _free_name(record, taken, dots="_")
            write(key + _suffix(record), record.photo_bytes)
            if record.mask_bytes is not None:
                write(f"{key}.mask.png", record.mask_bytes)
            if record.captions:
                write(f"{key}.txt", _caption_lines(record))
            if facts := _facts(record):
                write(f"{key}.json", json.dumps(facts).encode())
    finally:
        if archive is not None:
            archive.close()
    return len(taken)


def _write_parts(record: FaceRecord, stem: str, write: Write) -> None:
    label_map = record.label_map()
    if label_map is None:
        return
    for label, part in enumerate(CELEBAMASK_PARTS, start=1):
        painted_HW = label_map.ids == label
        if painted_HW.any() or label == 1:  # a mask of background alone needs a file to be told from none
            buffer = io.BytesIO()
            Image.fromarray(painted_HW.astype(np.uint8) * 255).save(buffer, "PNG")
            folder = f"CelebAMask-HQ-mask-anno/{int(stem) // 2000}"
            write(f"{folder}/{int(stem):05d}_{part}.png", buffer.getvalue())


def _free_name(record: FaceRecord, taken: set[str], *, dots: str = ".") -> str:
    for name in (record.key.partition("/")[2], record.key.replace("/", "-")):
        name = name.replace(".", dots)
        if name and name.casefold() not in taken:  # some file systems do not tell capitals apart
            if inner_name(name, Path(record.key)) != name:
                raise ValueError(f"{record.key}: cannot be a file's name, readers would pass it over")
            taken.add(name.casefold())
            return name
    raise ValueError(f"{record.key}: its stem and its whole key are taken by other faces")


def _number(record: FaceRecord, taken: set[str]) -> str:
    stem = record.key.partition("/")[2]
    if not (stem.isascii() and stem.isdecimal() and int(stem) < 100_000):
        raise ValueError(
            f"{record.key}: celebamask-hq names faces by whole numbers below 100000, not {stem!r}; "
            "the other layouts take any name"
        )
    if str(int(stem)) in taken:
        raise ValueError(f"{record.key}: celebamask-hq cannot hold two faces of number {int(stem)}")
    taken.add(str(int(stem)))
    return stem


def _suffix(record: FaceRecord) -> str:
    """By the file's first bytes, so that a wrong name is not handed on."""
    data = record.photo_bytes
    if data.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    raise ValueError(f"{record.key}: the photograph is neither JPEG, PNG nor WebP; it is damaged or empty")


def _caption_lines(record: FaceRecord) -> bytes:
    return "".join(f"{' '.join(caption.split())}\n" for caption in record.captions).encode()


def _facts(record: FaceRecord) -> dict[str, Any]:
    """What attributes.jsonl and KEY.json say of a face; empty where there is nothing to say."""
    facts = {"attributes": record.attributes, "split": record.stored_split, "mask": record.mask_origin}
    return {name: value for name, value in facts.items() if value is not None}
