"""Does a label map look like a face in our class order? Faces are built alike, so a wrong order shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facemogle.core.label_map import OUR_ORDER, LabelMap
from facemogle.core.regions import CLASS_ORDERS, MIRRORED, NUM_LABELS, region_id

MAX_VIOLATIONS = 2
"""More broken rules than this no mask of a face has: on 900 hand-made ones of CelebAMask-HQ 2 is the most."""

_SIDE = 128  # masks are judged at this size
_LEAST_SHARE = 5e-4  # of the picture, below which a region is not judged

# Region -> regions whose centres lie below its own. Measured on those 900 masks: rules that more than 1 % of
# them break (eyes above ears, neck above cloth) are left out.
_BELOW = {
    "hat": "skin nose",
    "hair": "lower_lip neck cloth",
    "left_brow": "left_eye left_ear nose",
    "right_brow": "right_eye right_ear nose",
    "left_eye": "nose",
    "right_eye": "nose",
    "eye_glasses": "nose upper_lip",
    "nose": "upper_lip mouth lower_lip neck",
    "upper_lip": "mouth lower_lip",
    "mouth": "lower_lip",
    "lower_lip": "neck",
    "earring": "neck",
    "skin": "neck necklace cloth",
}
_SMALLER_THAN_SKIN = (
    "nose eye_glasses left_eye right_eye left_brow right_brow left_ear right_ear mouth upper_lip lower_lip "
    "earring necklace"
)
_ABOVE = np.array([(region_id(a), region_id(b)) for a, below in _BELOW.items() for b in below.split()])
_SMALL = np.array([region_id(name) for name in _SMALLER_THAN_SKIN.split()])
_RIGHT, _LEFT = (
    np.array([region_id(f"{side}_{part}") for part in ("eye", "brow", "ear")]) for side in ("right", "left")
)
ORDERS: dict[str, np.ndarray] = {}
"""Class orders that differ, each by the first of its names: our ids of that order's ids."""
for _name, _order in CLASS_ORDERS.items():
    if not any((_order == known).all() for known in ORDERS.values()):
        ORDERS[_name] = _order


@dataclass(frozen=True)
class Plausibility:
    """How a label map compares with a face.

    violations: by class order, how many rules the map breaks if its ids are of that order. swapped: whether
    every pair of eyes, brows and ears has its sides exchanged; None where there is no pair.
    """

    violations: dict[str, int]
    swapped: bool | None

    @property
    def is_face(self) -> bool:
        """Whether the map can be a face in our order."""
        return self.violations[OUR_ORDER] <= MAX_VIOLATIONS


def judge_mask(label_map: LabelMap) -> Plausibility:
    """Compare sizes and places of a map's regions with those of upright faces, see `_BELOW`."""
    ids = label_map.resize(height=_SIDE, width=_SIDE).ids.ravel()
    pixels = np.bincount(ids, minlength=NUM_LABELS)
    row, column = np.divmod(np.arange(_SIDE**2), _SIDE)
    share = pixels / _SIDE**2
    y, x = (np.bincount(ids, place, minlength=NUM_LABELS) / np.maximum(pixels, 1) for place in (row, column))
    violations = {}
    for name, order in ORDERS.items():
        theirs = np.argsort(order)  # that order's id of each of our ids
        violations[name] = _num_broken(share[theirs], y[theirs])
    pairs = (share[_RIGHT] > _LEAST_SHARE) & (share[_LEFT] > _LEAST_SHARE)
    swapped = bool((x[_RIGHT] > x[_LEFT])[pairs].all()) if pairs.any() else None
    return Plausibility(violations, swapped)


def with_sides_righted(label_map: LabelMap) -> LabelMap:
    """The map, with left and right labels exchanged where all its pairs lie on the wrong sides.

    So were 58 of 900 hand-made masks of CelebAMask-HQ.
    """
    return LabelMap(MIRRORED[label_map.ids]) if judge_mask(label_map).swapped else label_map


def _num_broken(share_R: np.ndarray, y_R: np.ndarray) -> int:
    there_R = share_R > _LEAST_SHARE
    upper, lower = _ABOVE.T
    upside_down = there_R[upper] & there_R[lower] & (y_R[upper] >= y_R[lower])
    too_large = there_R[_SMALL] & (share_R[_SMALL] >= share_R[region_id("skin")])
    return int(upside_down.sum() + too_large.sum())
