"""Measures of single faces against what was asked for: mask, layout of the photograph, caption.

N faces, K labels, A numbers of the attribute code, F facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from facemogle.core.agreement import confusion, iou_of_labels, pixel_accuracy
from facemogle.core.label_map import LabelMap
from facemogle.core.regions import REGION_NAMES
from facemogle.evaluation.attribute_checks import CHECKABLE, facts_shown
from facemogle.evaluation.extractors import ClipModel, DinoKeys
from facemogle.evaluation.extractors.dino import Protocol
from facemogle.evaluation.intervals import Figure, bootstrap_figure, mean_figure
from facemogle.evaluation.sets import Finding
from facemogle.evaluation.structure import paper_structure_score, structure_distance

LEAST_SAID = 5
"""Captions that must state a fact for it to count in the mean over facts."""


@dataclass(frozen=True)
class MaskAgreement:
    """How well the parser finds again the masks that were asked for, in generated faces and photographs.

    regions: IoU by region, of those that some mask or parse has. miou_N, accuracy_N: of every generated face.
    """

    figures: dict[str, Finding]
    regions: dict[str, Finding]
    miou_N: Tensor
    accuracy_N: Tensor


def mask_agreement(
    masks: Sequence[LabelMap], generated: Iterable[LabelMap], real: Iterable[LabelMap]
) -> MaskAgreement:
    """Of masks and what a parser finds in the pictures, all of one size; photographs are the ceiling."""
    tables = {
        name: np.stack([confusion(mask.ids, found.ids) for mask, found in zip(masks, parsed, strict=True)])
        for name, parsed in (("generated", generated), ("real", real))
    }
    measures: dict[str, Callable[[np.ndarray], Figure]] = {
        "masks/miou": lambda table_NKK: _share(
            lambda index_N: _miou(table_NKK[index_N.numpy()].sum(0)), len(table_NKK)
        ),
        "masks/miou-per-picture": lambda table_NKK: mean_figure(_each(table_NKK, _miou)),
        "masks/accuracy": lambda table_NKK: mean_figure(_each(table_NKK, pixel_accuracy)),
    }
    figures = {
        name: Finding(measure(tables["generated"]), measure(tables["real"]))
        for name, measure in measures.items()
    }
    regions = {}
    for label, region in enumerate(REGION_NAMES):
        found = {name: _of_region(table_NKK, label) for name, table_NKK in tables.items()}
        if (figure := found["generated"]) is not None:
            regions[region] = Finding(figure, found["real"])
    of_faces = (_each(tables["generated"], measure) for measure in (_miou, pixel_accuracy))
    return MaskAgreement(figures, regions, *of_faces)


def structure(
    dino: DinoKeys, generated: Sequence[Image.Image], real: Sequence[Image.Image], *, protocol: Protocol
) -> tuple[Finding, Tensor]:
    """Structure distance of the generated faces and their photographs: the figure, and of every face, N.

    correct: their mean. paper: the released protocol's score, of pictures that are not standardised.
    """
    keys = zip(dino(generated, protocol=protocol), dino(real, protocol=protocol), strict=True)
    distance_N = torch.tensor([structure_distance(*pair) for pair in keys])
    if protocol == "correct":
        return Finding(mean_figure(distance_N)), distance_N
    score = bootstrap_figure(lambda index_N: paper_structure_score(distance_N[index_N]), len(distance_N))
    return Finding(score), distance_N


def clip_score(
    clip: ClipModel, captions: Sequence[str], generated: Sequence[Image.Image], real: Sequence[Image.Image]
) -> Finding:
    """100 x cosine of picture and caption, not below 0 (Hessel et al. 2021, arXiv:2104.08718, has 2.5 x)."""
    text_ND = clip.texts(captions)
    scores = [(100 * (clip.images(photos) * text_ND).sum(-1)).clamp(min=0) for photos in (generated, real)]
    return Finding(*map(mean_figure, scores))


@dataclass(frozen=True)
class FactShown:
    """One fact: in how many captions it is said, and the share of those whose pictures show it."""

    said: int
    generated: Figure
    real: Figure


def attribute_agreement(
    facts: Sequence[set[str]], generated_NA: Tensor, real_NA: Tensor
) -> tuple[dict[str, Finding], dict[str, FactShown]]:
    """Figures and a table by fact: what captions say, as a judge sees it in generated faces and photographs.

    facts: what each caption states. No figures if no fact is said `LEAST_SAID` times.
    """
    shown = [_shown(facts, codes_NA) for codes_NA in (generated_NA, real_NA)]
    said_F = (~shown[0].isnan()).sum(0).tolist()
    table = {
        fact: FactShown(said, *(mean_figure(shown_NF[:, place]) for shown_NF in shown))
        for place, (fact, said) in enumerate(zip(CHECKABLE, said_F, strict=True))
        if said
    }
    counted = [place for place, said in enumerate(said_F) if said >= LEAST_SAID]
    if not counted:
        return {}, table
    generated_NF, real_NF = (shown_NF[:, counted] for shown_NF in shown)

    def ratio(index_N: Tensor) -> float:
        return _mean_over_facts(generated_NF[index_N]) / max(_mean_over_facts(real_NF[index_N]), 1e-9)

    of_facts = [
        _share(lambda index_N, rows=rows: _mean_over_facts(rows[index_N]), len(rows))
        for rows in (generated_NF, real_NF)
    ]
    figures = {
        "attributes/judge": Finding(*of_facts),
        "attributes/ratio/judge": Finding(bootstrap_figure(ratio, len(facts), resamples=1000)),
    }
    return figures, table


def _shown(facts: Sequence[set[str]], codes_NA: Tensor) -> Tensor:
    """N x F: 1 where the face shows what its caption says, 0 where not, nan where it says nothing of it."""
    rows = []
    for said, code in zip(facts, codes_NA.numpy(), strict=True):
        seen = facts_shown(code)
        rows.append([float(fact in seen) if fact in said else torch.nan for fact in CHECKABLE])
    return torch.tensor(rows, dtype=torch.float64)


def _mean_over_facts(shown_NF: Tensor) -> float:
    return float(shown_NF.nanmean(0).nanmean())


def _share(statistic: Callable[[Tensor], float], count: int) -> Figure:
    """A figure between 0 and 1, which the interval's bounds do not leave."""
    figure = bootstrap_figure(statistic, count, resamples=1000)
    return replace(figure, low=max(0.0, figure.low), high=min(1.0, figure.high))


def _each(table_NKK: np.ndarray, measure: Callable[[np.ndarray], float]) -> Tensor:
    return torch.tensor([measure(table_KK) for table_KK in table_NKK], dtype=torch.float64)


def _miou(table_KK: np.ndarray) -> float:
    return float(np.nanmean(iou_of_labels(table_KK)))


def _of_region(table_NKK: np.ndarray, label: int) -> Figure | None:
    """Pooled IoU of one label over the pictures whose mask or parse has it; None if there is none."""
    hit_N = table_NKK[:, label, label]
    union_N = table_NKK[:, label].sum(-1) + table_NKK[:, :, label].sum(-1) - hit_N
    hit_N, union_N = hit_N[union_N > 0], union_N[union_N > 0]
    if not len(union_N):
        return None

    def iou(index_N: Tensor) -> float:
        picked = index_N.numpy()
        return float(hit_N[picked].sum() / union_N[picked].sum())

    return _share(iou, len(union_N))
