"""Reading face sets: a folder or tar file with `face/K.jpg`, perhaps `mask/K.png` and `attributes.jsonl`."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from facemogle.core.label_map import LabelMap

VALIDATION_SHARE = 0.05


@dataclass(frozen=True)
class FaceRecord:
    """One face as stored: encoded photograph, and a mask and attributes where the set has them."""

    key: str
    photo_bytes: bytes
    mask_bytes: bytes | None = None
    attributes: dict | None = None

    def photo(self, size: int) -> np.ndarray:
        """The photograph as size x size x 3 uint8 RGB; ValueError if the file is no image."""
        try:
            with Image.open(io.BytesIO(self.photo_bytes)) as image:
                return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))
        except OSError as error:  # of which PIL's "cannot identify" is one
            raise ValueError(f"{self.key}: damaged, or not an image: {error}") from error

    def label_map(self) -> LabelMap | None:
        """The mask, or None where the set has none for this face."""
        if self.mask_bytes is None:
            return None
        return LabelMap.from_bytes(self.mask_bytes, source=f"the mask of {self.key}")

    @property
    def split(self) -> str:
        """`train` or `validation`, by a hash of the photograph: neither order nor names change it."""
        draw = int.from_bytes(hashlib.sha256(self.photo_bytes).digest()[:4], "big") / 2**32
        return "validation" if draw < VALIDATION_SHARE else "train"


def read_faces(sources: Iterable[str | Path]) -> Iterator[FaceRecord]:
    """Every face of the given folders or tar files, in name order; ValueError for a source without faces."""
    for source in map(Path, sources):
        files = _tar_files(source) if source.is_file() else _folder_files(source)
        attributes = {
            PurePosixPath(row["image"]).stem: row["attributes"]
            for row in map(json.loads, files.get("attributes.jsonl", b"").splitlines())
        }
        photos = sorted(name for name in files if name.startswith("face/"))
        if not photos:
            raise ValueError(f"{source}: holds no face/ folder with photographs")
        for name in photos:
            stem = PurePosixPath(name).stem
            key = f"{source.stem}/{stem}"
            yield FaceRecord(key, files[name], files.get(f"mask/{stem}.png"), attributes.get(stem))


def _tar_files(path: Path) -> dict[str, bytes]:
    try:
        with tarfile.open(path) as archive:
            members = (member for member in archive if member.isfile())
            return {
                m.name.removeprefix("./"): stream.read()
                for m in members
                if (stream := archive.extractfile(m))
            }
    except tarfile.TarError as error:
        raise ValueError(f"{path}: damaged, or not a tar file: {error}") from error


def _folder_files(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise ValueError(f"{folder}: neither a tar file nor a folder")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
