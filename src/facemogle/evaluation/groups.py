"""Figures of groups of faces: by gender presentation, age group and skin tone. N faces, G of one group.

A face is of its photograph's group, whatever the generated picture looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from facemogle.core.caption_facts import AGE_GROUPS, GENDERS, facts_in_caption
from facemogle.evaluation.sets import Finding
from facemogle.evaluation.skin_tone import TONES

LEAST_FACES = 30
"""Faces of a group that figures are taken of; of fewer, chance alone moves them too far."""


@dataclass(frozen=True, eq=False)
class Group:
    """Faces that have something in common, index_G in order, and what was found of them alone."""

    kind: str
    name: str
    index_G: Tensor
    figures: dict[str, Finding] = field(default_factory=dict)


def person_facts(attributes: Mapping[str, Any] | None, caption: str | None) -> set[str]:
    """Gender presentation and age groups of a face, as captions call them (GENDERS, AGE_GROUPS).

    Each from the face's attributes, in the form that `attribute_code.encode` reads, or else from what the
    caption states; one that neither tells is left out.
    """
    attributes, stated = attributes or {}, facts_in_caption(caption or "")
    gender, age = attributes.get("gender"), attributes.get("age")
    genders = {name for name in GENDERS if name == gender} or stated & {*GENDERS}
    if age is None:
        return genders | (stated & {*AGE_GROUPS})
    return genders | {name for name, (least, end) in AGE_GROUPS.items() if least <= age < end}


def groups_of(people: Sequence[set[str]], tones: Sequence[str | None]) -> list[Group]:
    """Every group that has a face, kind by kind, each in the order of its table. Ages overlap as there.

    people: `person_facts` of every face. tones: of TONES, None where that is unknown. Either may be empty.
    """
    kinds = {"gender presentation": (people, GENDERS), "age": (people, AGE_GROUPS)}
    kinds["skin tone"] = ([{tone} for tone in tones], TONES)
    groups = []
    for kind, (told, names) in kinds.items():
        for name in names:
            places = [place for place, facts in enumerate(told) if name in facts]
            if places:
                groups.append(Group(kind, name, torch.tensor(places)))
    return groups


def measure_groups(groups: Sequence[Group], figures: Callable[[Tensor], Mapping[str, Finding]]) -> None:
    """Take figures of every group of at least LEAST_FACES. figures: of the faces with the indices it gets."""
    for group in groups:
        if len(group.index_G) >= LEAST_FACES:
            group.figures.update(figures(group.index_G))
