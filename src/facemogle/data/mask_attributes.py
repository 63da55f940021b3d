"""Attributes that a mask tells by itself, in the form that `captions_from_attributes` reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from facemogle.core.label_map import LabelMap
from facemogle.core.regions import REGION_NAMES, region_id

LEAST_SHARE = 0.004
"""Share of the picture below which a region is too small to be spoken of."""
LEAST_JEWEL = 0.0006
"""The same for earrings and necklaces, which are small."""
LEAST_PARSED_JEWEL = 0.004
"""The same for earrings that the embedded parser found: of smaller ones, every second is none."""
LEAST_HAIR = 0.03
"""Share of the picture below which the colour of hair is not judged."""


def attributes_from_mask(label_map: LabelMap, pixels: np.ndarray) -> dict[str, Any]:
    """Hat, glasses, jewels and the colour of hair, from a mask and its H x W x 3 uint8 RGB photograph.

    What the mask does not tell (gender, age, expression) is left out; so is a colour between two names.
    """
    ids = label_map.resize(height=pixels.shape[0], width=pixels.shape[1]).ids
    share = {name: float((ids == region_id(name)).mean()) for name in REGION_NAMES}
    worn = {"headwear": share["hat"] >= LEAST_SHARE, "earrings": share["earring"] >= LEAST_JEWEL}
    worn["necklace"] = share["necklace"] >= LEAST_JEWEL
    attributes: dict[str, Any] = {
        "accessories": [{"type": name, "confidence": 1.0} for name, seen in worn.items() if seen]
    }
    if share["eye_glasses"] >= LEAST_SHARE:
        attributes["glasses"] = "ReadingGlasses" if share["left_eye"] + share["right_eye"] else "Sunglasses"
    elif share["eye_glasses"] == 0:
        attributes["glasses"] = "NoGlasses"
    if share["hair"] >= LEAST_HAIR:
        color = hair_color(pixels[ids == region_id("hair")])
        if color is not None:
            attributes["hair"] = {"bald": 0.0, "hairColor": [{"color": color, "confidence": 1.0}]}
    return attributes


def attributes_from_parse(label_map: LabelMap, pixels: np.ndarray) -> dict[str, Any]:
    """What can be believed of the same in a mask that a parser made.

    On 84 held-out faces, glasses of the embedded parser were right in 8 of 9 cases, earrings from 0.4 % of
    the picture on in 16 of 23; hats in 2 of 5, necklaces in 1 of 8: neither is told, nor that one lacks.
    """
    attributes = attributes_from_mask(label_map, pixels)
    ids = label_map.resize(height=pixels.shape[0], width=pixels.shape[1]).ids
    large = float((ids == region_id("earring")).mean()) >= LEAST_PARSED_JEWEL
    kept = [item for item in attributes.pop("accessories") if large and item["type"] == "earrings"]
    if kept:
        attributes["accessories"] = kept
    if attributes.get("glasses") == "NoGlasses":
        del attributes["glasses"]
    return attributes


def hair_color(pixels_N3: np.ndarray) -> str | None:
    """black, brown, blond, red or gray for the median of N RGB pixels, 0..255; None between two of them."""
    red, green, blue = np.median(pixels_N3.astype(float), axis=0)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    warmth = (red - blue) / max(light, 1.0)
    if light < 40:
        return "black"
    if light >= 75 and warmth < 0.16:
        return "gray"
    if light >= 110 and warmth >= 0.28:
        return "blond"
    if light >= 55 and (red - green) / light >= 0.6:
        return "red"
    return "brown" if 50 <= light < 95 and warmth >= 0.3 else None
