"""Measures of single faces against what was asked for: mask, layout of the photograph, caption.

N faces, G of them, K labels, A numbers of the attribute code, F facts.
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

    regions: IoU by region, of those that some mask or parse has. miou_N, accuracy_N: of every generated face;
    real_miou_N, real_accuracy_N: of its photograph.
    """

    figures: dict[str, Finding]
    regions: dict[str, Finding]
    miou_N: Tensor
    accuracy_N: Tensor
    real_miou_N: Tensor
    real_accuracy_N: Tensor

    def of_faces(self, index_G: Tensor) -> dict[str, Finding]:
        """The figures of some faces that are means over pictures."""
        values = {
            "masks/miou-per-picture": (self.miou_N, self.real_miou_N),
            "masks/accuracy": (self.accuracy_N, self.real_accuracy_N),
        }
        return {
            name: Finding(*(mean_figure(value_N[index_G]) for value_N in pair))
            for name, pair in values.items()
        }


def mask_agreement(
    masks: Sequence[LabelMap], generated: Iterable[LabelMap], real: Iterable[LabelMap]
) -> MaskAgreement:
    """Of masks and what a parser finds in the pictures, all of one size; photographs are the ceiling."""
    tables = {
        name: np.stack([confusion(mask.ids, found.ids) for mask, found in zip(masks, parsed, strict=True)])
        for name, parsed in (("generated", generated), ("real", real))
    }
    pooled = Finding(*map(_pooled_miou, tables.values()))
    regions = {}
    for label, region in enumerate(REGION_NAMES):
        found = {name: _of_region(table_NKK, label) for name, table_NKK in tables.items()}
        if (figure := found["generated"]) is not None:
            regions[region] = Finding(figure, found["real"])
    of_faces = (_each(table, measure) for table in tables.values() for measure in (_miou, pixel_accuracy))
    agreement = MaskAgreement({"masks/miou": pooled}, regions, *of_faces)
    agreement.figures.update(agreement.of_faces(torch.arange(len(agreement.miou_N))))
    return agreement


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


def facts_seen(facts: Sequence[set[str]], codes_NA: Tensor) -> Tensor:
    """N x F: 1 where the face shows what its caption says, 0 where not, nan where it says nothing of it.

    facts: what each caption states. F: those of CHECKABLE.
    """
    rows = []
    for said, code in zip(facts, codes_NA.numpy(), strict=True):
        seen = facts_shown(code)
        rows.append([float(fact in seen) if fact in said else torch.nan for fact in CHECKABLE])
    return torch.tensor(rows, dtype=torch.float64)


def attribute_table(generated_NF: Tensor, real_NF: Tensor) -> dict[str, FactShown]:
    """By fact: what captions say, as a judge sees it in generated faces and photographs (`facts_seen`)."""
    said_F = (~generated_NF.isnan()).sum(0).tolist()
    return {
        fact: FactShown(said, *(mean_figure(seen_NF[:, place]) for seen_NF in (generated_NF, real_NF)))
        for place, (fact, said) in enumerate(zip(CHECKABLE, said_F, strict=True))
        if said
    }


def attribute_figures(generated_NF: Tensor, real_NF: Tensor) -> dict[str, Finding]:
    """Means over the facts that are said `LEAST_SAID` times; no figures if there is none."""
    counted_F = (~generated_NF.isnan()).sum(0) >= LEAST_SAID
    if not counted_F.any():
        return {}
    generated_NF, real_NF = generated_NF[:, counted_F], real_NF[:, counted_F]

    def ratio(index_N: Tensor) -> float:
        return _mean_over_facts(generated_NF[index_N]) / max(_mean_over_facts(real_NF[index_N]), 1e-9)

    of_facts = [
        _share(lambda index_N, rows=rows: _mean_over_facts(rows[index_N]), len(rows))
        for rows in (generated_NF, real_NF)
    ]
    return {
        "attributes/judge": Finding(*of_facts),
        "attributes/ratio/judge": Finding(bootstrap_figure(ratio, len(generated_NF), resamples=1000)),
    }


def _mean_over_facts(shown_NF: Tensor) -> float:
    return float(shown_NF.nanmean(0).nanmean())


def _pooled_miou(table_NKK: np.ndarray) -> Figure:
    return _share(lambda index_N: _miou(table_NKK[index_N.numpy()].sum(0)), len(table_NKK))


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
