"""Facial attributes as numbers a network can learn, and back; attributes have the form of a face service.

Code: one number in [0, 1] per cut of a scale, per knot of the age and per option of a choice, then angles.
A: numbers of the code, 50 in all. NaN stands for what is not known. Roll is not coded: no sentence needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Scale:
    """A value known by the cuts it reaches; `said` holds what is told for each interval, None for nothing."""

    cuts: tuple[float, ...]
    said: tuple[Any, ...]
    main: int = 0  # the cut that splits the faces into yes and no


_HAIR_OF_FACE = Scale((0.25, 0.5), (0.0, 0.4, 0.6), main=1)
_YES_NO = Scale((0.5,), (False, True))
SCALES = {
    "gender": Scale((0.5,), ("female", "male")),
    "smile": Scale((0.05, 0.5, 0.97), (0.0, None, None, 1.0), main=1),
    "moustache": _HAIR_OF_FACE,
    "beard": _HAIR_OF_FACE,
    "sideburns": _HAIR_OF_FACE,
    "eyeMakeup": _YES_NO,
    "lipMakeup": _YES_NO,
    "headwear": _YES_NO,
    "bald": Scale((0.6, 0.7, 0.9), (0.1, None, 0.8, 0.95), main=1),
}
AGE_KNOTS = (2.0, 4.0, 8.0, 13.0, 18.0, 25.0, 30.0, 35.0, 42.0, 50.0, 58.0, 66.0, 75.0)
"""Years; a number of the code says how much of the span up to a knot, from the one before, has been lived."""

HAIR_COLORS: dict[str, tuple[str, ...]] = {
    "black": ("black",),
    "dark": ("brown", "black"),
    "brown": ("brown",),
    "light brown": ("brown", "blond"),
    "blond": ("blond",),
    "red": ("red",),
    "auburn": ("red", "brown"),
    "gray": ("gray",),
    "white": ("gray", "blond"),
}
"""Shades by the colours a service finds about equally likely, the likelier first."""
CHOICES = {
    "glasses": ("NoGlasses", "ReadingGlasses", "Sunglasses"),
    "emotion": (
        "neutral",
        "happiness",
        "surprise",
        "sadness",
        "anger",
        "disgust",
        "contempt",
        "fear",
    ),
    "hairColor": tuple(HAIR_COLORS),
}
TRUE_OF = {"brown": ("dark", "light brown", "auburn"), "dark": ("black",), "gray": ("white",)}
"""Shades of hair of which another one's name is true as well, though it says less."""
ANGLES = {"yaw": ((-180.0, -18.0), (-5.0, 5.0), (18.0, 180.0)), "pitch": ((-180.0, -18.0), (16.0, 180.0))}
"""Between which degrees sentences speak of the pose of the head."""
ANGLE_UNIT = 20.0
"""Degrees that are 1 in the code."""
_ADULT = 0.8  # without an age sentences speak of men and women: that has to be as likely; so has a child
_CLEAR = 0.85  # a service's confidence from which a colour of hair counts as known


def _places() -> dict[str, slice]:
    sizes = {name: len(scale.cuts) for name, scale in SCALES.items()} | {"age": len(AGE_KNOTS)}
    sizes |= {name: len(options) for name, options in CHOICES.items()} | dict.fromkeys(ANGLES, 1)
    ends = np.cumsum([0, *sizes.values()]).tolist()
    return {name: slice(*ends) for name, ends in zip(sizes, pairwise(ends), strict=True)}


PLACES = _places()
"""Where the numbers of an attribute lie in the code."""
NUM_CODES = max(place.stop for place in PLACES.values())


def encode(attributes: Mapping[str, Any]) -> Tensor:
    """The code of one face's attributes, A numbers, float32."""
    facial, makeup = attributes.get("facialHair") or {}, attributes.get("makeup") or {}
    hair, pose = attributes.get("hair") or {}, attributes.get("headPose") or {}
    accessories, gender = attributes.get("accessories"), attributes.get("gender")
    values = {
        **{name: facial.get(name) for name in ("moustache", "beard", "sideburns")},
        **{name: makeup.get(name) for name in ("eyeMakeup", "lipMakeup")},
        "gender": None if gender is None else gender == "male",
        "smile": attributes.get("smile"),
        "bald": None if hair.get("invisible") else hair.get("bald"),
        "headwear": None if accessories is None else any(a["type"] == "headwear" for a in accessories),
    }
    code = torch.full((NUM_CODES,), torch.nan)
    for name, scale in SCALES.items():
        if (value := values[name]) is not None:
            code[PLACES[name]] = torch.tensor([float(value >= cut) for cut in scale.cuts])
    if attributes.get("age") is not None:
        spans = torch.tensor(np.diff((0.0, *AGE_KNOTS)), dtype=torch.float32)
        before = torch.tensor((0.0, *AGE_KNOTS[:-1]))
        code[PLACES["age"]] = ((float(attributes["age"]) - before) / spans).clamp(0, 1)
    emotion = attributes.get("emotion") or {}
    chosen = {"glasses": attributes.get("glasses"), "hairColor": _shade(hair)}
    for name, options in CHOICES.items():
        shares = torch.tensor(
            [float(emotion.get(o, 0.0) if name == "emotion" else o == chosen[name]) for o in options]
        )
        if shares.sum() > 0:
            code[PLACES[name]] = shares / shares.sum()
    for name in ANGLES:
        if name in pose:
            code[PLACES[name]] = pose[name] / ANGLE_UNIT
    return code


def decode(code_A: Tensor, sure: Mapping[str, list[float]]) -> dict[str, Any]:
    """What the code tells for sure of one face, in the form that `encode` reads; the rest is left out.

    sure: least probabilities by attribute, one for each interval of a scale or option of a choice; for the
    age the greatest spread as a share of it (of 16 years, if it is less), for angles how many degrees within
    each range that sentences speak of. The age of a child is told even so, and the gender only with an age
    or of an adult.
    """
    told: dict[str, Any] = {}
    for name, scale in SCALES.items():
        chances = interval_chances(code_A[PLACES[name]])
        told[name] = _best(scale.said, chances, sure[name], chances)
    for name, options in CHOICES.items():
        shares = code_A[PLACES[name]]
        told[name] = _best(options, option_chances(name, shares), sure[name], shares)
    years, spread = age_of(code_A[PLACES["age"]])
    adult = code_A[PLACES["age"]][AGE_KNOTS.index(18.0)].item()
    knows_age = bool(spread <= sure["age"][0] * years.clamp(min=16)) or adult <= 1 - _ADULT
    pose = {name: round(code_A[PLACES[name]].item() * ANGLE_UNIT, 1) for name in ANGLES}
    clear = all(
        low + margin <= pose[name] <= high - margin or not low < pose[name] < high
        for name, ranges in ANGLES.items()
        for (low, high), margin in zip(ranges, sure[name], strict=True)
    )
    facial = {name: told[name] for name in ("moustache", "beard", "sideburns")}
    makeup = {name: told[name] for name in ("eyeMakeup", "lipMakeup")}
    hat, emotion, shade = told["headwear"], told["emotion"], told["hairColor"]
    hair: dict[str, Any] | None = None
    if hat:
        hair = {"invisible": True, "hairColor": []}
    elif told["bald"] is not None:
        bare = told["bald"] >= SCALES["bald"].cuts[0]
        colors = HAIR_COLORS[shade] if shade and not bare else ()
        found = [
            {"color": color, "confidence": 1.0 - 0.01 * place} for place, color in enumerate(colors)
        ]  # as near as a service puts colours between which hair lies
        hair = {"bald": told["bald"], "invisible": False, "hairColor": found}
    attributes = {
        "gender": told["gender"] if knows_age or adult >= _ADULT else None,
        "age": round(years.item(), 1) if knows_age else None,
        "smile": told["smile"],
        "facialHair": _known(facial),
        "glasses": told["glasses"],
        "emotion": {emotion: 1.0} if emotion else None,
        "makeup": _known(makeup),
        "accessories": None if hat is None else [{"type": "headwear", "confidence": 1.0}] if hat else [],
        "headPose": pose if clear else None,
        "hair": hair,
    }
    return _known(attributes) or {}


def interval_chances(cuts_K: Tensor) -> Tensor:
    """From the chances ... x K of reaching each cut those of the K + 1 intervals between them."""
    ends = torch.ones_like(cuts_K[..., :1])
    return torch.minimum(torch.cat([ends, cuts_K], -1), 1 - torch.cat([cuts_K, 0 * ends], -1))


def option_chances(name: str, shares_K: Tensor) -> Tensor:
    """From the shares ... x K of a choice's options the chances that it is true to say each of them."""
    if name != "hairColor":
        return shares_K
    shades = CHOICES[name]
    said_of_KK = [[float(say == is_ or is_ in TRUE_OF.get(say, ())) for say in shades] for is_ in shades]
    return shares_K @ torch.tensor(said_of_KK, dtype=shares_K.dtype, device=shares_K.device)


def age_of(lived_K: Tensor) -> tuple[Tensor, Tensor]:
    """Years and their spread (half the mean difference of two guesses) from the age's part of the code."""
    spans = torch.tensor(np.diff((0.0, *AGE_KNOTS)), dtype=lived_K.dtype, device=lived_K.device)
    return (lived_K * spans).sum(-1), (lived_K * (1 - lived_K) * spans).sum(-1)


def _best(values: tuple[Any, ...], chances_K: Tensor, least: list[float], rank_K: Tensor) -> Any:
    """Of the values that are likely enough the first in rank, None where there is none."""
    likely = [index for index, chance in enumerate(chances_K.tolist()) if chance >= least[index]]
    return values[max(likely, key=rank_K.tolist().__getitem__)] if likely else None


def _known(values: dict[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in values.items() if value is not None} or None


def _shade(hair: Mapping[str, Any]) -> str | None:
    """The shade in `HAIR_COLORS` that a service's colours tell, None where they are unclear."""
    colors = hair.get("hairColor")
    if not colors or colors[0]["confidence"] < _CLEAR:
        return None
    (first, sure), (second, next_sure) = ((c["color"], c["confidence"]) for c in (*colors, _NONE)[:2])
    if (first, second) == ("gray", "blond"):
        return "white"
    margin = sure - next_sure
    if margin >= 0.1:
        return first if first in HAIR_COLORS else None
    if margin >= 0.04 and (first, second) in (("black", "brown"), ("blond", "brown")):
        return first
    mixed = ("dark", "light brown", "auburn")
    return next((name for name in mixed if {*HAIR_COLORS[name]} == {first, second}), None)


_NONE = {"color": "other", "confidence": 0.0}
