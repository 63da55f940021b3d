"""What keeps a face out of a training set: blur, a copy of it that is there already, a parse that is no face.

Shapes: N faces, H height, W width; hashes are 32 bytes.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from facemogle.core.label_map import LabelMap
from facemogle.core.regions import region_id
from facemogle.data.mask_order import judge_mask

SIDE = 128
"""Pixels to which faces are brought before their sharpness is measured, so that a limit means one thing."""
SAME_BITS = 40
"""Hashes that differ in fewer bits are of one photograph.

Of 255 bits. The same FFHQ photograph at two sizes differs in at most 8, under strong JPEG in 12, brightened
in 24, cropped by a hundredth or turned by a degree in 36; the nearest different persons of 7,000 in FFHQ,
CelebA-HQ and LFW in 58.
"""
ALIKE_BITS = 60
"""Below this, and not the same, two faces may be shots of one series: they belong in one split."""
LEAST_SKIN = 0.05
"""Share of the picture that a face's skin covers at least."""

_DCT_SIDE, _KEPT = 64, 16


def sharpness(image: Image.Image) -> float:
    """The share of a face's contrast in its finest octave at SIDE pixels, in [0, 1]; near 0 where blurred."""
    grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    half = grey.resize((SIDE // 2, SIDE // 2), Image.Resampling.BOX).resize(
        grey.size, Image.Resampling.BICUBIC
    )
    grey_HW = np.asarray(grey, np.float32)
    contrast = float(grey_HW.std())
    return min(1.0, float((grey_HW - np.asarray(half, np.float32)).std()) / contrast) if contrast else 0.0


def perceptual_hash(image: Image.Image) -> np.ndarray:
    """Signs of the lowest 255 cosine frequencies about their median, as 32 bytes (Zauner 2010).

    Four times the usual 64 bits: aligned faces are so alike that 64 cannot tell persons apart.
    """
    grey = image.convert("L").resize((_DCT_SIDE, _DCT_SIDE), Image.Resampling.BOX)
    place = np.arange(_DCT_SIDE)
    waves = np.cos(np.pi * (2 * place + 1) * place[:_KEPT, None] / (2 * _DCT_SIDE))
    frequencies = (waves @ np.asarray(grey, np.float64) @ waves.T).flatten()[1:]
    return np.packbits(frequencies > np.median(frequencies))


class KnownFaces:
    """The hashes of the faces that are in, by name, to find the nearest one to another."""

    def __init__(self):
        self._names: list[str] = []
        self._hashes = np.empty((1024, 32), dtype=np.uint8)

    def add(self, name: str, hash_: np.ndarray) -> None:
        if len(self._names) == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[len(self._names)] = hash_
        self._names.append(name)

    def nearest(self, hash_: np.ndarray) -> tuple[str, int] | None:
        """Name of the nearest face and in how many bits it differs; None while there are no faces."""
        if not self._names:
            return None
        differing = self._hashes[: len(self._names)].view(np.uint64) ^ hash_.view(np.uint64)
        bits_N = np.bitwise_count(differing).sum(axis=1)
        index = int(bits_N.argmin())
        return self._names[index], int(bits_N[index])


def not_a_face(label_map: LabelMap) -> str | None:
    """Why a parse cannot be that of a face, None where it may be one."""
    share = np.bincount(label_map.ids.ravel(), minlength=19) / label_map.ids.size
    if share[region_id("skin")] < LEAST_SKIN:
        return f"no face: skin covers {share[region_id('skin')]:.1%} of it"
    if not share[region_id("nose")]:
        return "no face: it has no nose"
    if not share[[region_id(name) for name in ("left_eye", "right_eye", "eye_glasses")]].any():
        return "no face: it has neither eyes nor glasses"
    return None if judge_mask(label_map).is_face else "no face: its regions lie as in none"
