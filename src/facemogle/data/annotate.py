"""All that is known of a face, from what is stored of it, its mask, and a predictor's look at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from facemogle.core.label_map import LabelMap
from facemogle.data.mask_attributes import attributes_from_mask
from facemogle.models.attributes import AttributePredictor

_TOLD = {
    "gender",
    "age",
    "smile",
    "facialHair",
    "glasses",
    "emotion",
    "makeup",
    "accessories",
    "headPose",
    "hair",
}


def face_attributes(
    photo: np.ndarray,
    *,
    label_map: LabelMap | None,
    stored: Mapping[str, Any] | None,
    predictor: AttributePredictor,
    parsed: bool = False,
) -> dict[str, Any]:
    """Attributes as `captions_from_attributes` reads them, of an H x W x 3 uint8 RGB photograph of a face.

    What is stored wins, then what the mask shows to be worn; that something is not worn it tells only if no
    parser made it (`parsed`), for parsers miss glasses and hats. Then comes the prediction; the mask's pixels
    tell the colour of hair where the prediction does not. Jewels are in no prediction: the mask adds them.
    """
    stored = {name: value for name, value in (stored or {}).items() if value is not None}
    masked = {} if label_map is None else attributes_from_mask(label_map, photo)
    predicted = predictor([photo])[0] if _TOLD - stored.keys() else {}
    colored, hair = masked.pop("hair", None), predicted.get("hair") or {}
    if colored and not hair.get("hairColor") and hair.get("bald", 0.0) < 0.6:
        predicted["hair"] = colored
    shown = masked.pop("accessories", [])
    hats = [item for item in shown if item["type"] == "headwear"]
    jewels = [item for item in shown if item["type"] != "headwear"]
    if parsed and masked.get("glasses") == "NoGlasses":
        del masked["glasses"]
    worn = hats if hats or (label_map is not None and not parsed) else predicted.get("accessories")
    worn = stored.get("accessories", worn)
    merged = {**predicted, **masked, **stored}
    if worn is not None or jewels:
        merged["accessories"] = [*(worn or ()), *(item for item in jewels if item not in (worn or ()))]
    return merged
