"""Whether a face shows what a caption says of it, by a predictor's attribute code. A: numbers of the code.

Facts are named as in captions. Nothing is left open: each question gets the likelier answer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from facemogle.models.attribute_code import CHOICES, NUM_CODES, PLACES, SCALES, age_of, option_chances

_HAIR = {f"{'grey' if shade == 'gray' else shade} hair": shade for shade in CHOICES["hairColor"]}
_EMOTIONS = {"surprised": "surprise", "sad": "sadness", "angry": "anger"}


def _reaches(code_A: Tensor, scale: str, cut: int | None = None) -> bool:
    """Whether a value is rather above a cut of its scale, by default the one that means yes."""
    return bool(code_A[PLACES[scale]][SCALES[scale].main if cut is None else cut] >= 0.5)


def _chosen(code_A: Tensor, choice: str) -> str:
    return CHOICES[choice][int(code_A[PLACES[choice]].argmax())]


def _years(code_A: Tensor) -> float:
    return age_of(code_A[PLACES["age"]])[0].item()


def _bald(code_A: Tensor) -> bool:
    return _reaches(code_A, "bald", -1)


def _has_hair(shade: str, code_A: Tensor) -> bool:
    """A shade that is rather true to say than not, or the truest where all are doubtful; none if bald."""
    chances = option_chances("hairColor", code_A[PLACES["hairColor"]])
    chance = chances[CHOICES["hairColor"].index(shade)]
    return not _bald(code_A) and bool(chance >= chances.max().clamp(max=0.5))


def _bearded(code_A: Tensor) -> bool:
    return _reaches(code_A, "beard")


def _stubbly(code_A: Tensor) -> bool:
    return not _bearded(code_A) and _reaches(code_A, "beard", 0) and _reaches(code_A, "sideburns", 0)


def _painted(code_A: Tensor) -> bool:
    return _reaches(code_A, "lipMakeup") or _reaches(code_A, "eyeMakeup")


_CHECKS: dict[str, Callable[[Tensor], bool]] = {
    "female": lambda code_A: not _reaches(code_A, "gender"),
    "male": lambda code_A: _reaches(code_A, "gender"),
    "baby": lambda code_A: _years(code_A) < 4,
    "child": lambda code_A: _years(code_A) < 13,
    "teenager": lambda code_A: 13 <= _years(code_A) < 18,
    "young": lambda code_A: _years(code_A) < 34,
    "middle-aged": lambda code_A: 40 <= _years(code_A) < 57,
    "old": lambda code_A: _years(code_A) >= 57,
    "smile": lambda code_A: _reaches(code_A, "smile"),
    "big smile": lambda code_A: _reaches(code_A, "smile", -1),
    "not smiling": lambda code_A: not _reaches(code_A, "smile"),
    **{
        fact: lambda code_A, emotion=emotion: _chosen(code_A, "emotion") == emotion
        for fact, emotion in _EMOTIONS.items()
    },
    "glasses": lambda code_A: _chosen(code_A, "glasses") == "ReadingGlasses",
    "sunglasses": lambda code_A: _chosen(code_A, "glasses") == "Sunglasses",
    "no glasses": lambda code_A: _chosen(code_A, "glasses") == "NoGlasses",
    **{fact: lambda code_A, shade=shade: _has_hair(shade, code_A) for fact, shade in _HAIR.items()},
    "bald": _bald,
    "balding": lambda code_A: _reaches(code_A, "bald") and not _bald(code_A),
    "beard": _bearded,
    "stubble": _stubbly,
    "no beard": lambda code_A: not _bearded(code_A) and not _stubbly(code_A),
    "moustache": lambda code_A: _reaches(code_A, "moustache"),
    "hat": lambda code_A: _reaches(code_A, "headwear"),
    "no hat": lambda code_A: not _reaches(code_A, "headwear"),
    "lipstick": lambda code_A: _reaches(code_A, "lipMakeup"),
    "eye makeup": lambda code_A: _reaches(code_A, "eyeMakeup"),
    "makeup": _painted,
    "no makeup": lambda code_A: not _painted(code_A),
}
CHECKABLE: tuple[str, ...] = tuple(_CHECKS)
"""Facts that the code of a face answers."""


def fact_shown(fact: str, code: np.ndarray) -> bool:
    """Whether the face of this code (A probabilities and angles) rather shows the fact than not.

    Raises ValueError for a fact that is not in `CHECKABLE` and for an array that is no code of one face.
    """
    if fact not in _CHECKS:
        raise ValueError(f"fact must be one of {', '.join(CHECKABLE)}; got {fact!r}")
    if np.shape(code) != (NUM_CODES,) or not np.isfinite(code).all():
        raise ValueError(f"code must be {NUM_CODES} finite numbers of one face, got shape {np.shape(code)}")
    return _CHECKS[fact](torch.as_tensor(code, dtype=torch.float32))


def facts_shown(code: np.ndarray) -> set[str]:
    """All facts in `CHECKABLE` that the face of this code rather shows than not."""
    return {fact for fact in CHECKABLE if fact_shown(fact, code)}
