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
    attribute_agreement,
    clip_score,
    mask_agreement,
    paper_structure,
    structure,
)
from facemogle.evaluation.extractors import (
    FEATURES,
    Extractor,
    open_clip,
    open_dino,
    open_features,
    open_image_reward,
)
from facemogle.evaluation.intervals import mean_figure
from facemogle.evaluation.pairs import Faces, Pictures, resized
from facemogle.evaluation.plan import Plan
from facemogle.evaluation.sets import DISTANCES, Finding, Novelty, diversity, novelty, set_distance
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


@dataclass
class Findings:
    """All that was found. miou_N: mask agreement of every generated face, None if it was not measured."""

    figures: dict[str, Finding] = field(default_factory=dict)
    regions: dict[str, Finding] = field(default_factory=dict)
    attributes: dict[str, FactShown] = field(default_factory=dict)
    miou_N: Tensor | None = None
    novelty: dict[str, Novelty] = field(default_factory=dict)


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
    alone. Raises MissingWeights, and ValueError for pictures that cannot be read.
    """
    found = Findings()
    alike = faces.real_as_generated()
    real = alike if plan.protocol == "correct" else faces.real
    for network in FEATURES:
        if using := plan.using(network) - {"attributes"}:
            begin(f"{', '.join(sorted(using))} through {network}")
            extractor = open_features(network, weights=weights, device=device)
            _through(extractor, using, faces, real, beside, found, paper=plan.protocol == "paper")
    if "cmmd" in plan.networks:
        (name,) = plan.networks["cmmd"]
        begin(f"cmmd through {name}")
        clip = open_clip(name, weights=weights, device=device)
        features = clip.images(faces.generated), clip.images(real)
        found.figures[f"cmmd/{name}"] = set_distance("cmmd", *features)
    for name, taken in (("structure", structure), ("structure-paper", paper_structure)):
        if name in plan.networks:
            begin(name)
            dino = open_dino(weights=weights, device=device)
            found.figures[f"{name}/{dino.name}"] = taken(dino, faces.generated, alike)
    if "masks" in plan.networks:
        begin("masks")
        _masks(faces, alike, found, device)
    if "clip" in plan.networks:
        (name,) = plan.networks["clip"]
        begin(f"clip through {name}")
        clip = open_clip(name, weights=weights, device=device)
        found.figures[f"clip/{name}"] = clip_score(clip, faces.captions or (), faces.generated, real)
    if "image-reward" in plan.networks:
        begin("image-reward")
        reward = open_image_reward(weights=weights, device=device)
        rewards = [reward(faces.captions or (), photos) for photos in (faces.generated, real)]
        found.figures[reward.name] = Finding(*map(mean_figure, rewards))
    if "attributes" in plan.networks:
        begin("attributes")
        judge = AttributePredictor.mini(judge=True).to(device)  # pyright: ignore[reportArgumentType]
        figures, found.attributes = attribute_agreement(
            beside.facts, judge.codes(faces.generated), judge.codes(alike)
        )
        found.figures |= figures
    return found


def _through(
    extractor: Extractor,
    using: set[str],
    faces: Faces,
    real: Pictures,
    beside: Beside,
    found: Findings,
    *,
    paper: bool,
) -> None:
    """All measures that are taken of one network's features."""
    name = extractor.name
    generated_ND, real_ND = extractor(faces.generated), extractor(real)
    for distance in DISTANCES:
        if distance in using:
            found.figures[f"{distance}/{name}"] = set_distance(distance, generated_ND, real_ND, paper=paper)
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
    found.regions, found.miou_N = agreement.regions, agreement.miou_N
