"""How light the skin in a photograph is, by its individual typology angle. H height, W width, K pixels.

A rough measure: light, exposure and the camera's white balance move it as much as skin does. It tells groups
of photographs apart, not people.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from facemogle.core.label_map import LabelMap
from facemogle.core.regions import region_id

TONES = {
    "very light": 55.0,
    "light": 41.0,
    "intermediate": 28.0,
    "tan": 10.0,
    "brown": -30.0,
    "dark": -math.inf,
}
"""Classes of skin by the angle that each lies above, degrees (Chardon et al. 1991)."""
_LEAST_SKIN = 0.02  # of the picture's pixels; fewer are what a parser gets wrong
_LEAST_YELLOW = 3.0  # b* of skin whose colour the picture shows; grey pictures have 0

# IEC 61966-2-1: linear sRGB to XYZ. The white is the sum of its columns, so greys have no colour at all.
_XYZ_OF_RGB = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _XYZ_OF_RGB.sum(1)
_LINEAR_BELOW = (6 / 29) ** 3


def lab_of_srgb(pixels: np.ndarray) -> np.ndarray:
    """CIELAB under D65 of sRGB pixels, ... x 3 uint8: L* in [0, 100], a*, b*; float64 of the same shape.

    Raises ValueError for other pixels. CIE 15:2004, 8.2.1.
    """
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8 or pixels.shape[-1:] != (3,):
        raise ValueError(f"pixels must be ... x 3 uint8 RGB, got {pixels.shape} {pixels.dtype}")
    encoded = pixels / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    share = linear @ _XYZ_OF_RGB.T / _WHITE
    root = np.where(share > _LINEAR_BELOW, np.cbrt(share), share * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def typology_angle(photo: Image.Image, mask: LabelMap) -> float | None:
    """Median over the skin's pixels of atan2(L* - 50, b*), degrees: the larger, the lighter the skin.

    mask: of the photograph, at its size; ValueError if it has another. None if under 2 % of the picture are
    skin, and where the skin has no warm colour, as in grey pictures, of which the angle says nothing.
    Chardon et al. 1991, "Skin colour typology and suntanning pathways", whose angle is measured on skin
    under a light of its own.
    """
    if mask.shape != (photo.height, photo.width):
        height, width = mask.shape
        raise ValueError(f"the mask is {width} x {height}, its photograph {photo.width} x {photo.height}")
    skin_HW = mask.ids == region_id("skin")
    if skin_HW.mean() < _LEAST_SKIN:
        return None
    light_K, _, yellow_K = lab_of_srgb(np.asarray(photo.convert("RGB"))[skin_HW]).T
    if np.median(yellow_K) < _LEAST_YELLOW:
        return None
    return float(np.median(np.degrees(np.arctan2(light_K - 50, yellow_K))))


def skin_tone(photo: Image.Image, mask: LabelMap) -> str | None:
    """The class in TONES of the skin in a photograph; None where `typology_angle` is."""
    angle = typology_angle(photo, mask)
    return None if angle is None else next(name for name, least in TONES.items() if angle > least)
