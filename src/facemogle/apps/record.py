"""What a picture was made from, kept in the picture: one JSON text in the PNG's metadata."""

from __future__ import annotations

import base64
import json
import os
import uuid
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facemogle import __version__

if TYPE_CHECKING:
    from PIL import Image

    from facemogle.core.label_map import LabelMap

KEY = "facemogle"
MAX_TEXT = 8_000_000
"""Longest metadata, in characters, that is written or read."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NUMBER, _TEXT = (int, float), str
_RULES: dict[str, tuple[Any, float, float]] = {  # type, least, most (a text's length counts)
    "version": (_TEXT, 1, 100),
    "model": (_TEXT, 1, 4096),
    "fingerprint": (_TEXT, 1, 100),
    "prompt": ((_TEXT, type(None)), 0, 100_000),
    "mask_name": ((_TEXT, type(None)), 1, 255),
    "seed": (int, 0, 2**63 - 1),
    "height": (int, 1, 8192),
    "width": (int, 1, 8192),
    "steps": (int, 1, 10_000),
    "guidance": (_NUMBER, -1e6, 1e6),
    "mask_strength": (_NUMBER, 0, 1e6),
    "batch": (int, 1, 1024),
    "place": (int, 0, 1023),
}


_EDIT_RULES: dict[str, tuple[Any, float, float]] = {
    "source": (_TEXT, 1, 255),
    "sha256": (_TEXT, 64, 64),
    "depth": (_NUMBER, 0, 1),
    "border": (int, 0, 10_000),
}


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What an edit was made from, beside the request for the new picture.

    source, sha256: the picture's file, by name and content. old_mask: its mask. regions: those that were
    drawn anew; None for the pixels that the masks label differently. depth, border: see `editing.edit`.
    """

    source: str
    sha256: str
    old_mask: LabelMap
    regions: tuple[str, ...] | None
    depth: float
    border: int

    def to_table(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {name: getattr(self, name) for name in _names(Edit)} | {"old_mask": encode_mask(self.old_mask)}

    @classmethod
    def from_table(cls, values: Any, *, source: str) -> Edit:
        """Undo `to_table`. Raises ValueError, naming `source`, for anything else."""
        if not isinstance(values, dict) or set(values) != set(_names(cls)):
            raise ValueError(f"{source}: edit in its metadata is of another version")
        for name, (kind, least, most) in _EDIT_RULES.items():
            _check(values[name], kind, least, most, f"{source}: {name} of edit in its metadata")
        regions, old_mask = values["regions"], _decode_mask(values["old_mask"], source)
        if regions is not None:
            if not isinstance(regions, list):
                raise ValueError(f"{source}: regions of edit in its metadata is no list")
            for region in regions:
                _check(region, _TEXT, 1, 100, f"{source}: a region of edit in its metadata")
            regions = tuple(regions)
        return cls(**values | {"old_mask": old_mask, "regions": regions})


@dataclass(frozen=True, kw_only=True)
class Record:
    """The whole request of one picture, with nothing left to a default.

    model: "mini" or a folder; fingerprint tells whether it still is the same one.
    height, width: pixels. mask_window: times (high, low) in [0, 1], 1 is noise.
    batch, place: how many pictures were made at once and which of them this is, from 0: the last bit of a sum
    depends on how many are summed at once, and so may a pixel.
    edit: what was edited, if that is how the picture was made.
    """

    version: str = __version__
    model: str
    fingerprint: str
    prompt: str | None
    mask: LabelMap | None
    mask_name: str | None
    seed: int
    height: int
    width: int
    steps: int
    guidance: float
    mask_strength: float
    region_strength: dict[str, float]
    mask_window: tuple[float, float] | None
    batch: int
    place: int
    edit: Edit | None = None

    def to_json(self) -> str:
        """The record as text; masks are palette PNGs in base64, at their own sizes."""
        values = {name: getattr(self, name) for name in _names(Record)}
        if self.edit is not None:
            values["edit"] = self.edit.to_table()
        return json.dumps(values | {"mask": None if self.mask is None else encode_mask(self.mask)})

    @classmethod
    def from_json(cls, text: str, *, source: str) -> Record:
        """Undo `to_json`. Raises ValueError, naming `source`, for anything that `to_json` does not write."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(f"{source}: its facemogle metadata is damaged (no JSON)") from None
        names = set(_names(cls))
        if not isinstance(values, dict) or set(values) - {"edit"} != names:
            found = set(values) - {"edit"} if isinstance(values, dict) else set()
            differing = ", ".join(sorted(found ^ names)) or "no fields"
            raise ValueError(f"{source}: its facemogle metadata is of another version ({differing})")
        for name, (kind, least, most) in _RULES.items():
            _check(values[name], kind, least, most, f"{source}: {name} in its metadata")
        strengths = values["region_strength"]
        if not isinstance(strengths, dict):
            raise ValueError(f"{source}: region_strength in its metadata is no table")
        for region, strength in strengths.items():
            _check(strength, _NUMBER, 0, 1e6, f"{source}: region_strength of {region!r} in its metadata")
        if (window := values["mask_window"]) is not None:
            if not isinstance(window, list) or len(window) != 2:
                raise ValueError(f"{source}: mask_window in its metadata is not two numbers")
            for t in window:
                _check(t, _NUMBER, 0, 1, f"{source}: mask_window in its metadata")
            values["mask_window"] = tuple(window)
        if values["mask"] is not None:
            values["mask"] = _decode_mask(values["mask"], source)
        if "edit" in values:
            values["edit"] = Edit.from_table(values["edit"], source=source)
        return cls(**values)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Record:
        """The record in a picture that `save_picture` wrote.

        Raises ValueError for a picture without one, FileNotFoundError for no file.
        """
        text = _text_in(path)
        if text is None:
            raise ValueError(
                f"{path}: says nothing of how it was made; only pictures that facemogle wrote do"
            )
        return cls.from_json(text, source=os.fspath(path))

    @classmethod
    def find(cls, path: str | os.PathLike[str]) -> Record | None:
        """The same, or None for a picture without one, whatever its format."""
        with open(path, "rb") as stream:
            if stream.read(len(_PNG_SIGNATURE)) != _PNG_SIGNATURE:
                return None
        text = _text_in(path)
        return None if text is None else cls.from_json(text, source=os.fspath(path))


def _text_in(path: str | os.PathLike[str]) -> str | None:
    from PIL import Image, UnidentifiedImageError

    with open(path, "rb") as stream:
        try:
            with Image.open(stream, formats=["PNG"]) as image:
                text = image.info.get(KEY)
        except (UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
            raise ValueError(f"{path}: not a PNG picture") from None
    return text if isinstance(text, str) and len(text) <= MAX_TEXT else None


def save_picture(image: Image.Image, path: Path, record: Record | None = None) -> None:
    """Write a PNG, with its record, or a JPEG (.jpg) without; the file appears whole or not at all."""
    from PIL.PngImagePlugin import PngInfo

    metadata = PngInfo()
    if record is not None:
        metadata.add_text(KEY, record.to_json())
    unfinished = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        if path.suffix == ".jpg":
            image.save(unfinished, format="JPEG", quality=86, progressive=True)
        else:
            # Level 6, the usual, takes 1.4 to 2.6 times as long for at most 6 % of the size.
            image.save(unfinished, format="PNG", pnginfo=metadata, compress_level=4)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def encode_mask(mask: LabelMap) -> str:
    """The mask as the base64 of a palette PNG. Raises ValueError when that is too long for a picture."""
    text = base64.b64encode(mask.png).decode()
    if len(text) > MAX_TEXT // 2:
        height, width = mask.shape
        raise ValueError(
            f"a mask of {width}x{height} with so many details is too large to be kept in a picture: "
            "make it smaller with `facemogle mask convert --size`"
        )
    return text


def _decode_mask(text: Any, source: str) -> LabelMap:
    from facemogle.core.label_map import LabelMap

    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        raise ValueError(f"{source}: the mask in its metadata is damaged") from None
    return LabelMap.from_bytes(data, source=f"the mask in the metadata of {source}")


def _names(kind: type) -> list[str]:
    return [field.name for field in fields(kind) if field.name != "edit"]  # which generated pictures lack


def _check(value: Any, kind: Any, least: float, most: float, what: str) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{what} is {value!r}, which is of the wrong kind")
    measured = len(value) if isinstance(value, str) else value
    if measured is not None and not least <= measured <= most:  # also refuses NaN
        raise ValueError(f"{what} is out of range")
