"""How often an attribute predictor is right, and how sure it has to be to be right nine times in ten.

Shapes: N faces, A numbers of the attribute code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from facemogle.models.attribute_code import (
    ANGLE_UNIT,
    ANGLES,
    CHOICES,
    HAIR_COLORS,
    PLACES,
    SCALES,
    age_of,
    decode,
    encode,
    interval_chances,
    option_chances,
)
from facemogle.models.attributes import AttributePredictor, default_sure

AGE_GROUPS = (13.0, 25.0, 40.0, 57.0)
"""Years that part children, young, adult, middle-aged and old people."""
_GRID = tuple(round(0.5 + 0.025 * step, 3) for step in range(20))
_BELIEF = 5  # faces that the network's own probability counts for against what was measured
_MALE, _FEMALE = 1.0, 0.0
ASKED_OF = {
    **dict.fromkeys(("moustache", "beard", "sideburns"), _MALE),
    **dict.fromkeys(("eyeMakeup", "lipMakeup"), _FEMALE),
}
"""Attributes that captions speak of with one gender alone: with the other they are too easy to guess."""
IMPLIED = {
    "smile": {"big smile"},
    "eye makeup": {"makeup"},
    "lipstick": {"makeup"},
    "brown hair": {"dark hair", "light brown hair", "auburn hair"},
    "dark hair": {"black hair"},
    "grey hair": {"white hair"},
}
"""Facts that are true as well where another one is, which says more."""


def headline_figures(predicted_NA: Tensor, true_NA: Tensor) -> dict[str, float]:
    """Accuracy by attribute where it is known, mean absolute error of age (years) and angles (degrees)."""
    figures = {}
    for name, (guess, truth) in _answers(predicted_NA, true_NA).items():
        measure = "error" if name in ("age", *ANGLES) else "accuracy"
        right = (guess - truth).abs() if measure == "error" else (guess == truth).float()
        figures[f"{name}_{measure}"] = right.mean().item()
    return figures


def baseline_figures(true_NA: Tensor) -> dict[str, float]:
    """The same figures of the answer that is the best for all faces: the commonest value, or the median."""
    figures = {}
    for name, (_, truth) in _answers(true_NA, true_NA).items():
        if name in ("age", *ANGLES):
            figures[f"{name}_error"] = (truth - truth.median()).abs().mean().item()
        else:
            figures[f"{name}_accuracy"] = (truth == truth.mode().values).float().mean().item()
    return figures


def _answers(predicted_NA: Tensor, true_NA: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Guesses and truths by attribute, one number for each face of which the truth is known."""
    answers = {}
    for name, place in PLACES.items():
        known = _asked(true_NA, name)
        guess, truth = predicted_NA[known, place], true_NA[known, place]
        if not known.any():
            continue
        if name in SCALES:
            cut = SCALES[name].main
            answers[name] = (guess[:, cut] >= 0.5).float(), truth[:, cut]
        elif name == "age":
            years, lived, limits = age_of(guess)[0], age_of(truth)[0], torch.tensor(AGE_GROUPS)
            answers["age"] = years, lived
            groups = (torch.bucketize(ages, limits, right=True) for ages in (years, lived))
            answers["age_group"] = next(groups), next(groups)
        elif name == "hairColor":
            first = [colors[0] for colors in HAIR_COLORS.values()]
            kinds = torch.tensor([first.index(color) for color in first])
            answers[name] = kinds[guess.argmax(1)], kinds[truth.argmax(1)]
        elif name in CHOICES:
            answers[name] = guess.argmax(1), truth.argmax(1)
        else:
            answers[name] = guess[:, 0] * ANGLE_UNIT, truth[:, 0] * ANGLE_UNIT
    return answers


def _asked(true_NA: Tensor, name: str) -> Tensor:
    """Of which faces an attribute is known and spoken of, N booleans."""
    known = ~true_NA[:, PLACES[name]].isnan().any(1)
    return known & (true_NA[:, PLACES["gender"]][:, 0] == ASKED_OF[name]) if name in ASKED_OF else known


def calibrate(
    predicted_NA: Tensor, attributes: Sequence[Mapping[str, Any]], *, precision: float = 0.93
) -> dict[str, list[float]]:
    """How sure `decode` has to be that `precision` of what it says is right, measured on held-out faces.

    Nine in ten is what is wanted; on other faces the thresholds chosen here do a little worse. Where few
    faces tell, the network's own probability is believed. Years are right within a quarter of the age, at
    least four; an angle if the true one lies within the same range that sentences speak of.
    """
    true_NA, sure = torch.stack([encode(face) for face in attributes]), default_sure()
    for name, place in PLACES.items():
        known = _asked(true_NA, name)
        guess, truth = predicted_NA[known, place], true_NA[known, place]
        if name in SCALES or name in CHOICES:
            if name in SCALES:
                guess, truth = interval_chances(guess), interval_chances(truth)
            else:
                guess, truth = option_chances(name, guess), option_chances(name, truth)
            clear = 0.9 if name == "emotion" else 0.5
            sure[name] = [
                _least(chances, right, precision)
                for chances, right in zip(guess.T, clear <= truth.T, strict=True)
            ]
        elif name == "age":
            (years, spread), (lived, _) = age_of(guess), age_of(truth)
            right = about_right(years, lived)
            share, shares = spread / years.clamp(min=16), (step / 200 for step in range(80, 0, -1))
            sure[name] = [next((s for s in shares if _enough(right[share <= s], precision)), 0.0)]
        else:
            degrees, actual = guess[:, 0] * ANGLE_UNIT, truth[:, 0] * ANGLE_UNIT
            for index, (low, high) in enumerate(ANGLES[name]):
                depth = torch.minimum(degrees - low, high - degrees)
                right, margins = (low < actual) & (actual < high), (step / 2 for step in range(20))
                sure[name][index] = next((m for m in margins if _enough(right[depth >= m], precision)), 180.0)
    return sure


def about_right(years: Tensor, true_years: Tensor) -> Tensor:
    """Whether ages are within a quarter of the true ones, at least four years."""
    return (years - true_years).abs() <= (true_years / 4).clamp(min=4)


def _least(chances: Tensor, right: Tensor, precision: float) -> float:
    """The lowest of `_GRID` from which on enough is right; above 1 where none is: it is never said."""
    for least in _GRID:
        said = chances >= least
        believed = _BELIEF * (chances[said].mean().item() if said.any() else least)
        if (right[said].sum().item() + believed) / (said.sum().item() + _BELIEF) >= precision:
            return least
    return 1.01


def _enough(right: Tensor, precision: float) -> bool:
    return len(right) > 0 and right.float().mean().item() >= precision


def accuracy_table(
    predictor: AttributePredictor,
    predicted_NA: Tensor,
    attributes: Sequence[Mapping[str, Any]],
    *,
    clear_facts: Callable[[Mapping[str, Any]], list[str]],
) -> dict[str, Any]:
    """Figures of a predictor's codes of faces whose attributes are known.

    `attributes` as `headline_figures`, `commonest answer` as `baseline_figures`, `facts` as `fact_figures`
    with genders among them; of how many faces the age is told, and how many of those are right.
    """
    true_NA = torch.stack([encode(face) for face in attributes])
    told = [decode(code, predictor.sure) for code in predicted_NA]
    ages = [
        (torch.tensor(face["age"]), torch.tensor(actual["age"]))
        for face, actual in zip(told, attributes, strict=True)
        if "age" in face and actual.get("age") is not None
    ]
    return {
        "faces": len(attributes),
        "attributes": headline_figures(predicted_NA, true_NA),
        "commonest answer": baseline_figures(true_NA),
        "ages told": len(ages),
        "ages right": sum(bool(about_right(*pair)) for pair in ages),
        "facts": fact_figures(
            *(
                [{*clear_facts(face), face.get("gender", "")} - {""} for face in faces]
                for faces in (told, attributes)
            )
        ),
    }


def fact_figures(said: Sequence[set[str]], true: Sequence[set[str]]) -> dict[str, dict[str, float]]:
    """For every fact: how many faces it is said of and true of, precision and recall.

    A fact is right where the true attributes tell it, or one that says more (`IMPLIED`).
    """
    figures = {}
    for fact in sorted(set().union(*said, *true)):
        num_said, num_true = (sum(fact in facts for facts in faces) for faces in (said, true))
        pairs = [(mine, theirs) for mine, theirs in zip(said, true, strict=True) if fact in mine]
        figures[fact] = {"said": num_said, "true": num_true}
        if num_said:
            right = sum(bool({fact, *IMPLIED.get(fact, ())} & theirs) for _, theirs in pairs)
            figures[fact]["precision"] = right / num_said
        if num_true:
            figures[fact]["recall"] = sum(fact in theirs for _, theirs in pairs) / num_true
    return figures
