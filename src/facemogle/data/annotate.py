"""All that is known of a face, from what is stored of it, its mask, and a predictor's look at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from facemogle.core.label_map import LabelMap
from facemogle.data.mask_attributes import attributes_from_mask, attributes_from_parse
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

    What is stored wins. A mask made by hand then tells what is worn and what is not, and the prediction the
    rest; of one that a parser made (`parsed`), the prediction wins, and what is not seen is not denied. The
    mask's pixels tell the colour of hair where the prediction does not. Jewels are in no prediction.
    """
    stored = {name: value for name, value in (stored or {}).items() if value is not None}
    tell = attributes_from_parse if parsed else attributes_from_mask
    masked = {} if label_map is None else tell(label_map, photo)
    predicted = predictor([photo])[0] if _TOLD - stored.keys() else {}
    colored, hair = masked.pop("hair", None), predicted.get("hair") or {}
    if colored and not hair.get("hairColor") and hair.get("bald", 0.0) < 0.6:
        predicted["hair"] = colored
    jewels = [item for item in masked.get("accessories", ()) if item["type"] != "headwear"]
    merged = {**masked, **predicted, **stored} if parsed else {**predicted, **masked, **stored}
    if jewels:
        worn = merged["accessories"]
        merged["accessories"] = [*worn, *(item for item in jewels if item not in worn)]
    return merged
