"""One face of a set, as it is stored: photograph, mask, attributes, captions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from facemogle.core.label_map import LabelMap
from facemogle.core.photo import read_photo

SPLITS = ("train", "validation", "test")
VALIDATION_SHARE = 0.05
TEST_SHARE = 0.05
MASK_ORIGINS = ("hand", "parsed")


@dataclass(frozen=True)
class FaceRecord:
    """One face: encoded photograph, and what else its set has of it.

    key: SOURCE/STEM. photo_bytes: JPEG, PNG or WebP. mask_bytes: PNG of a label map in our class order.
    attributes: in the form that `captions_from_attributes` reads. mask_origin: hand or parsed, None where
    that is not known. stored_split: what the set itself says, one of SPLITS.
    """

    key: str
    photo_bytes: bytes
    mask_bytes: bytes | None = None
    attributes: dict | None = None
    captions: tuple[str, ...] = ()
    mask_origin: str | None = None
    stored_split: str | None = None

    def photo(self, size: int | None = None) -> np.ndarray:
        """The photograph, upright as its camera says: H x W x 3 uint8 RGB, size x size if a size is given.

        Raises ValueError if it cannot be decoded.
        """
        image = read_photo(self.photo_bytes, source=self.key)
        return np.asarray(image if size is None else image.resize((size, size), Image.Resampling.LANCZOS))

    def label_map(self) -> LabelMap | None:
        """The mask, None where the set has none for this face; ValueError for what is no label map."""
        if self.mask_bytes is None:
            return None
        return LabelMap.from_bytes(self.mask_bytes, source=f"the mask of {self.key}")

    @property
    def split(self) -> str:
        """One of SPLITS: as the set says, or else by a hash of the photograph alone, whatever its name."""
        if self.stored_split is not None:
            return self.stored_split
        return split_of(self.photo_bytes)


def split_of(content: bytes) -> str:
    """One of SPLITS, drawn by a hash: the same content, the same split, for anyone and at any time."""
    draw = int.from_bytes(hashlib.sha256(content).digest()[:4], "big") / 2**32
    if draw < VALIDATION_SHARE:
        return "validation"
    return "test" if draw < VALIDATION_SHARE + TEST_SHARE else "train"
