"""All measures of an evaluation, network by network, so that one of them is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facemogle.core.label_map import LabelMap
from facemogle.evaluation.conditions import (
    FactShown,
    attribute_figures,
    attribute_table,
    clip_score,
    facts_seen,
    mask_agreement,
    structure,
)
from facemogle.evaluation.distances import distance_to_own
from facemogle.evaluation.extractors import (
    FEATURES,
    Extractor,
    open_clip,
    open_dino,
    open_features,
    open_image_reward,
)
from facemogle.evaluation.groups import Group, groups_of, measure_groups
from facemogle.evaluation.intervals import mean_figure
from facemogle.evaluation.pairs import Faces, Pictures, resized
from facemogle.evaluation.plan import SQUEEZENETS, Plan
from facemogle.evaluation.sets import DISTANCES, Finding, Novelty, diversity, novelty, set_distance
from facemogle.evaluation.skin_tone import skin_tone
from facemogle.models.attributes import AttributePredictor
from facemogle.models.parser import FaceParser


@dataclass(frozen=True)
class Beside:
    """What some measures need besides the faces.

    train: faces that were learnt from. seeds: for some requests the pictures of several seeds each, as many
    for every request. facts: what every face's caption states.
    """

    train: Pictures = ()
    seeds: Sequence[Pictures] = ()
    facts: Sequence[set[str]] = ()


EACH = {
    "miou": "mean IoU",
    "accuracy": "accuracy of the mask",
    "structure": "structure distance to the photograph",
    "own": "distance to the photograph, as the judge sees it",
}
"""Values that single faces have, in words."""
_OF_GROUPS = {"kid", "masks", "attributes"}
"""Measures that are taken of groups as well: of single faces, and the distance that few faces do not bias."""


@dataclass
class Findings:
    """All that was found.

    each: values of every generated face, N, of those in EACH that were measured.
    """

    figures: dict[str, Finding] = field(default_factory=dict)
    regions: dict[str, Finding] = field(default_factory=dict)
    attributes: dict[str, FactShown] = field(default_factory=dict)
    each: dict[str, Tensor] = field(default_factory=dict)
    novelty: dict[str, Novelty] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)


def measure(
    faces: Faces,
    beside: Beside,
    plan: Plan,
    *,
    weights: Path,
    device: str | torch.device = "cpu",
    begin: Callable[[str], Any] = lambda step: None,
) -> Findings:
    """Take every measure of the plan. begin: told what comes next, by measure and network.

    All photographs are resized to the generated pictures' size, which the paper's protocol does for structure
    alone. Without masks and structure the judge tells how near each face is to its own photograph, so that
    there are always worst and best ones. Raises MissingWeights, and ValueError for pictures that cannot be
    read.
    """
    alike = faces.real_as_generated()
    found = Findings(groups=_groups(faces, alike, plan, device, begin))
    real = alike if plan.protocol == "correct" else faces.real
    ordered = {"masks", plan.name("structure")} & {*plan.networks}
    for network in FEATURES:
        using = plan.using(network) - {"attributes"}
        if using or (network == "judge" and not ordered):
            begin(f"{', '.join(sorted(using)) or EACH['own']} through {network}")
            extractor = open_features(network, weights=weights, device=device)
            _through(extractor, plan, faces, real, beside, found)
    if (called := plan.name("cmmd")) in plan.networks:
        (name,) = plan.networks[called]
        begin(f"{called} through {name}")
        clip = open_clip(name, weights=weights, device=device)
        features = clip.images(faces.generated), clip.images(real)
        found.figures[f"{called}/{name}"] = set_distance("cmmd", *features)
    if (called := plan.name("structure")) in plan.networks:
        begin(called)
        dino = open_dino(weights=weights, device=device)
        finding, distance_N = structure(dino, faces.generated, alike, protocol=plan.protocol)
        found.figures[f"{called}/{dino.name}"], found.each["structure"] = finding, distance_N
    if "masks" in plan.networks:
        begin("masks")
        _masks(faces, alike, found, device)
    if (called := plan.name("clip")) in plan.networks:
        (name,) = plan.networks[called]
        begin(f"{called} through {name}")
        clip = open_clip(name, weights=weights, device=device)
        found.figures[f"{called}/{name}"] = clip_score(clip, faces.captions or (), faces.generated, real)
    if (called := plan.name("image-reward")) in plan.networks:
        begin(called)
        reward = open_image_reward(weights=weights, device=device)
        rewards = [reward(faces.captions or (), photos) for photos in (faces.generated, real)]
        found.figures[called] = Finding(*map(mean_figure, rewards))
    if "attributes" in plan.networks:
        begin("attributes")
        judge = AttributePredictor.mini(judge=True).to(device)  # pyright: ignore[reportArgumentType]
        seen = [facts_seen(beside.facts, judge.codes(photos)) for photos in (faces.generated, alike)]
        found.figures |= attribute_figures(*seen)
        found.attributes = attribute_table(*seen)
        measure_groups(
            found.groups, lambda index_G: attribute_figures(*(seen_NF[index_G] for seen_NF in seen))
        )
    return found


def _through(
    extractor: Extractor, plan: Plan, faces: Faces, real: Pictures, beside: Beside, found: Findings
) -> None:
    """All measures that are taken of one network's features."""
    name, using = extractor.name, plan.using(extractor.name)
    generated_ND, real_ND = extractor(faces.generated), extractor(real)
    if name == "judge":
        found.each["own"] = distance_to_own(generated_ND, real_ND)
    for distance in DISTANCES:
        if (called := plan.name(distance)) in using:
            found.figures[f"{called}/{name}"] = set_distance(
                distance, generated_ND, real_ND, paper=plan.protocol == "paper"
            )
    if "kid" in using and name in SQUEEZENETS:
        measure_groups(
            found.groups,
            lambda index_G: {f"kid/{name}": set_distance("kid", generated_ND[index_G], real_ND[index_G])},
        )
    if "diversity" in using:
        features_GSD = torch.stack([extractor(group) for group in beside.seeds])
        found.figures[f"diversity/{name}"] = diversity(features_GSD, real_ND)
    if "novelty" in using:
        found.novelty[name] = new = novelty(
            generated_ND, real_ND, extractor(resized(beside.train, faces.size))
        )
        found.figures |= {f"novelty/{name}": new.median, f"novelty/close/{name}": new.close}


def _masks(faces: Faces, alike: Pictures, found: Findings, device: str | torch.device) -> None:
    parser = FaceParser.mini(device=device)
    masks: Sequence[LabelMap] = faces.masks_as_generated()
    agreement = mask_agreement(masks, parser.stream(faces.generated), parser.stream(alike))
    found.figures |= agreement.figures
    found.regions = agreement.regions
    found.each |= {"miou": agreement.miou_N, "accuracy": agreement.accuracy_N}
    measure_groups(found.groups, agreement.of_faces)


def _groups(
    faces: Faces, alike: Pictures, plan: Plan, device: str | torch.device, begin: Callable[[str], Any]
) -> list[Group]:
    """The groups that something is measured of: none in the paper's protocol, and of faces all unknown."""
    if not _OF_GROUPS & {*plan.networks} or (faces.masks is None and not any(faces.people)):
        return []
    begin("skin tones")
    masks = (
        FaceParser.mini(device=device).stream(alike) if faces.masks is None else faces.masks_as_generated()
    )
    tones = [skin_tone(photo, mask) for photo, mask in zip(alike, masks, strict=True)]
    return groups_of(faces.people, tones)
